# SPDX-License-Identifier: Apache-2.0
"""The switches that are compared. Each: all its threads on one core, two (or more) vhost-user ports
that connect to sockets where corelane-load listens, everything it writes below the scene's folder."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from processes import Refused, program, run, wait_for

OVS_BINARY = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Contender:
    name = None
    pages = 0  # of 2 MiB

    def __init__(self, scene, cpu, tag, **options):
        self.scene, self.cpu, self.tag = scene, cpu, tag
        self.options = options  # what only some contenders have
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-{tag}-", dir=scene.folder))
        self.process = None

    def log(self):
        return f"{self.home.name}/log"

    def crash(self):
        """Dies as nobody wants to, and is started again at once."""
        self.process.kill()
        self.process.wait()
        self.start_again()

    def start_again(self):
        self.start(self.sockets)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def alive(self):
        if self.process.poll() is not None:
            raise Refused(f"{self.name} has ended with status {self.process.returncode}:\n"
                          + self.last_words())
        return True

    def go_on(self):
        if self.alive():
            self.process.send_signal(signal.SIGCONT)

    def last_words(self):
        return (self.scene.folder / self.log()).read_text(errors="replace")[-1000:]

    def cpu_seconds(self):
        """Time on a CPU so far, of all threads, to the nanosecond."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(t.read_text().split()[0]) for t in tasks) / 1e9


class Testpmd(Contender):
    name = "testpmd"
    title = "dpdk-testpmd io"
    pages = 192

    @classmethod
    def version(cls):
        if not program("dpdk-testpmd", "/usr/bin"):
            raise Refused("dpdk-testpmd is not installed (package dpdk)")
        return package("dpdk")

    def start(self, sockets):
        self.sockets = sockets
        ports = [f"--vdev=net_vhost{i},iface={s},client=1" for i, s in enumerate(sockets)]
        # Two lcores on one CPU: the one that reads commands sleeps. stdin stays open, else it ends.
        self.process = self.scene.spawn(
            [program("dpdk-testpmd", "/usr/bin"), "--in-memory", "--no-pci", "--no-telemetry",
             f"--lcores=0@{self.cpu},1@{self.cpu}", "-m", str(2 * self.pages), *ports, "--",
             "--forward-mode=io", "--auto-start", "--nb-cores=1", "--total-num-mbufs=32768"],
            self.cpu, self.log(), stdin=subprocess.PIPE)


class Corelane(Contender):
    name = "corelane"
    title = "corelane-switch"
    pages = 64

    @classmethod
    def version(cls):
        if not program("corelane-switch", cls.bin):
            raise Refused(f"no corelane-switch in {cls.bin}")
        return run([program("corelane-switch", cls.bin), "--version"]).strip()

    def start(self, sockets, *more):
        self.sockets = sockets
        self.control = control = self.home / "control"
        self.process = self.scene.spawn(
            [program("corelane-switch", self.bin), "--cpu", self.cpu, "--control", control,
             *self.options.get("switch", ("--memory", 2 * self.pages)), *more],
            self.options.get("cpus", self.cpu), self.log())
        wait_for(f"{self.name} listens", lambda: self.alive() and answers(control), step=0.001)
        plain = self.options.get("plain", len(sockets))  # ports without features
        vlan = [f"vlan={self.options['vlan']}"] if "vlan" in self.options else []
        add = [program("corelane-ports", self.bin), control, "add", "net", "1500"]
        run([*add, *vlan, *sockets[:plain]])
        if plain < len(sockets):
            run([*add, f"first={plain}", "dressed=1", *sockets[plain:]])


    def upgrade(self):
        """Another process takes the ports over while they are in use. Returns what it says of that."""
        new = Corelane(self.scene, self.cpu, "next", **self.options)
        new.start(self.sockets, "--takeover")
        run([program("corelane-ports", self.bin), self.control, "upgrade", new.control])
        self.process.wait(10)
        self.process, self.control, self.home = new.process, new.control, new.home
        return self.last_words()

    def stats(self):
        return [json.loads(line) for line in
                run([program("corelane-ports", self.bin), self.control, "stats"]).splitlines()]


class Ovs(Contender):
    name = "ovs"
    title = "OVS-DPDK NORMAL"
    pages = 512

    @classmethod
    def version(cls):
        if not os.access(OVS_BINARY, os.X_OK):
            raise Refused("OVS-DPDK is not installed (package openvswitch-switch-dpdk)")
        return package("openvswitch-switch-dpdk")

    def vsctl(self, *args):
        run(["ovs-vsctl", f"--db=unix:{self.home}/db.sock", "--no-wait", *args], env=self.env)

    def start(self, sockets):
        self.env = dict(os.environ, **{f"OVS_{d}DIR": str(self.home) for d in ("RUN", "LOG", "DB", "SYSCONF")})
        run(["ovsdb-tool", "create", self.home / "conf.db", OVS_SCHEMA], env=self.env)
        self.scene.spawn(["ovsdb-server", self.home / "conf.db", f"--remote=punix:{self.home}/db.sock",
                          f"--unixctl={self.home}/db.ctl"], self.cpu, f"{self.home.name}/dblog", env=self.env)
        wait_for("ovsdb-server listens", (self.home / "db.sock").exists)
        mask = hex(1 << self.cpu)
        self.vsctl("init")
        self.vsctl("set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   f"other_config:pmd-cpu-mask={mask}", f"other_config:dpdk-lcore-mask={mask}",
                   f"other_config:dpdk-socket-mem={2 * self.pages}",
                   "other_config:dpdk-extra=--in-memory --no-pci --no-telemetry")
        self.start_daemon()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure")
        self.vsctl(*(word for i, s in enumerate(sockets) for word in (
            *(["--"] if i else []), "add-port", "br0", f"v{i}", "--", "set", "Interface", f"v{i}",
            "type=dpdkvhostuserclient", f"options:vhost-server-path={s}")))
        self.add_flow()

    def start_daemon(self):
        self.process = self.scene.spawn([OVS_BINARY, f"unix:{self.home}/db.sock",
                                         f"--unixctl={self.home}/ctl"], self.cpu, self.log(), env=self.env)
        wait_for("ovs-vswitchd answers", lambda: answers(self.home / "ctl"), 30)

    def add_flow(self):
        wait_for("OVS made the bridge", lambda: answers(self.home / "br0.mgmt"), 60)
        run(["ovs-ofctl", "add-flow", f"unix:{self.home}/br0.mgmt", "actions=NORMAL"], env=self.env)

    def start_again(self):
        self.start_daemon()
        self.add_flow()


def answers(path):
    """Whether somebody listens on this unix socket (a killed process leaves its socket behind)."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as s:
            try:
                s.connect(str(path))
                return True
            except OSError:
                pass
    return False


def package(name):
    """Version of a Debian package."""
    return name + " " + run(["dpkg-query", "-W", "-f=${Version}", name])


ALL = {c.name: c for c in (Testpmd, Corelane, Ovs)}
