# SPDX-License-Identifier: Apache-2.0
"""The method: everybody alive, one at a time running, round-robin windows, ratios pair by pair of windows
that saw the same machine."""
import json
import statistics
import subprocess
import time

from processes import Refused, end, program

NEAR_NS, FAR_NS = 90, 110  # core-to-core latency: below the one, above the other
CPU_SHARE = 0.97           # of its core that switch and endpoint must have had
SCENARIOS = {
    "64": "flood size=64 pairs=1",
    "1514": "flood size=1514 pairs=1",  # 1518 on a wire, with its FCS
    "pairs": "flood size=64 pairs=1000",
    "mesh": "flood size=64 pairs=1000 mesh=1",
    "rtt": "rtt size=64 pairs=1",
}


class Lane:
    """One contender with an endpoint of its own."""

    def __init__(self, scene, contender, ring, args, ports=None, load=(), before=()):
        self.contender, self.least_share = contender, args.least_share
        self.sockets = [str(contender.home / f"s{i}") for i in range(ports or args.ports)]
        listen = [word for s in self.sockets for word in ("-l", s)]
        self.errors = contender.home / "load.log"
        self.load = scene.spawn(
            [*before, program("corelane-load", args.bin), "-C", args.load_core, "-P", args.core, "-r", ring,
             "-w", 60, *load, *listen], args.load_core, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=open(self.errors, "ab"), text=True)

    def start(self):
        self.contender.start(self.sockets)
        self.answer()
        self.contender.pause()

    def answer(self):
        line = self.load.stdout.readline()
        if not line:
            raise Refused(f"{self.contender.title}: the endpoint gave up: {self.errors.read_text()[-300:]}"
                          f"\n{self.contender.last_words()}")
        return json.loads(line)

    def window(self, words):
        self.contender.go_on()
        time.sleep(0.05)
        wall, cpu = time.monotonic(), self.contender.cpu_seconds()
        self.load.stdin.write(words + "\n")
        self.load.stdin.flush()
        result = self.answer()
        result["switch_cpu"] = round((self.contender.cpu_seconds() - cpu) / (time.monotonic() - wall), 3)
        self.contender.pause()
        result["state"] = state(result, self.least_share)
        return result

    def close(self):
        for process in (self.load, self.contender.process):
            if process:
                end(process)

    def crash(self):
        """Steady frames; in the middle of them the contender dies and is started again."""
        self.contender.go_on()
        self.load.stdin.write("outage seconds=8 rate=20000\n")
        self.load.stdin.flush()
        time.sleep(2)
        self.contender.crash()
        return self.answer()


def state(w, least_share=CPU_SHARE):
    """near or far, or why the window does not count."""
    if "error" in w:
        return "error: " + w["error"]
    if w.get("bad"):
        return "bad frames: " + w.get("bad_why", "?")
    if figure(w) == 0:
        return "error: no frames"
    if w["steal_ms"] > 0 and least_share > 0:
        return "steal"
    if min(w["switch_cpu"], w["endpoint_cpu"]) < least_share:
        return "disturbed"
    if max(w["c2c_ns"]) < NEAR_NS:
        return "near"
    if min(w["c2c_ns"]) > FAR_NS:
        return "far"
    return "mixed"


def figure(w):
    """What is compared: Mpps, or the median of a time in us."""
    return w["mpps"] if "mpps" in w else w["rtt_ns" if "rtt_ns" in w else "latency_ns"]["p50"] / 1000


def measure(lanes, words, args, note):
    """Rounds of one window each, there and back again so that drift cancels out."""
    rounds = []
    for number in range(args.rounds):
        order = lanes if number % 2 == 0 else lanes[::-1]
        windows = {lane.contender.name: lane.window(words) for lane in order}
        rounds.append(windows)
        note(number, windows)
    return rounds


def compare(rounds, name, base, figure=figure):
    """Ratios name/base over rounds in which both windows saw the same state; the state seen most."""
    by_state = {}
    for windows in rounds:
        a, b = windows[name], windows[base]
        if a["state"] == b["state"] and a["state"] in ("near", "far"):
            by_state.setdefault(a["state"], []).append((figure(a), figure(b)))
    if not by_state:
        return None
    where = max(by_state, key=lambda s: len(by_state[s]))
    ratios = sorted(a / b for a, b in by_state[where])
    quarter = len(ratios) // 4
    return {"of": name, "to": base, "state": where, "pairs": len(ratios),
            "ratio": statistics.median(ratios), "low": ratios[quarter], "high": ratios[-1 - quarter],
            "figure": statistics.median(a for a, _ in by_state[where]),
            "base": statistics.median(b for _, b in by_state[where])}
