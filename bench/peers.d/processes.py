# SPDX-License-Identifier: Apache-2.0
"""Processes that never outlive this one, hugepages that are given back, and a private folder."""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIBC = ctypes.CDLL(None, use_errno=True)
PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")


class Refused(Exception):
    """Something is missing; the text says what and what would help."""


class Scene:
    """Owns everything that has to be undone. Use as a context manager."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corelane-peers-"))
        self.children = []
        self.pages_before = None

    def __enter__(self):
        def interrupted(number, _):
            raise SystemExit(128 + number)
        for sig in SIGNALS:
            signal.signal(sig, interrupted)
        return self

    def __exit__(self, *_):
        for sig in SIGNALS:  # once is enough: the clean-up itself is not interrupted
            signal.signal(sig, signal.SIG_IGN)
        for child in reversed(self.children):
            end(child)
        if self.pages_before is not None:
            PAGES.write_text(str(self.pages_before))
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, args, cpu=None, log=None, **more):
        """Starts args pinned to cpu (or a set of them); killed with this script, whatever kills it."""
        def before_exec():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, cpu if isinstance(cpu, set) else {cpu})
        if log:
            more.setdefault("stdout", open(self.folder / log, "ab"))
            more.setdefault("stderr", subprocess.STDOUT)
        child = subprocess.Popen([str(a) for a in args], preexec_fn=before_exec,
                                 start_new_session=True, **more)
        self.children.append(child)
        return child

    def need_hugepages(self, count):
        """At least count free pages of 2 MiB, adding some for as long as we run."""
        free = hugepages_free()
        if free >= count:
            return
        before = int(PAGES.read_text())
        PAGES.write_text(str(before + count - free))
        self.pages_before = before
        if hugepages_free() < count:
            raise Refused(f"{count} free hugepages of 2 MiB are needed, {hugepages_free()} could be had")


def hugepages_free():
    for line in open("/proc/meminfo"):
        if line.startswith("HugePages_Free:"):
            return int(line.split()[1])
    return 0


def end(child):
    """Ends a process that may be stopped."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGCONT)
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def run(args, **more):
    """A command's output; Refused with its last words when it fails."""
    done = subprocess.run([str(a) for a in args], text=True, capture_output=True, **more)
    if done.returncode:
        raise Refused(f"{' '.join(map(str, args[:3]))}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def wait_for(what, predicate, seconds=10, step=0.02):
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise Refused(f"{what} within {seconds} s: no")
        time.sleep(step)


def program(name, *places):
    """The first of places/name that is there, or of PATH; None when there is none."""
    for place in places:
        if os.access(pathlib.Path(place) / name, os.X_OK):
            return str(pathlib.Path(place) / name)
    return shutil.which(name)
