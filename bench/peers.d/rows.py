# SPDX-License-Identifier: Apache-2.0
"""The figures that the switch promises, a row each: who is measured, with which windows, and what must
come out. Rows that are no windows (memory, sleep, restarts) are in figures.py."""
import contenders

# The same contender with other ports is another one: each runs on its own, with an endpoint of its own.
LANES = {
    "corelane": {"kind": "corelane", "options": {"vlan": 200}},  # learning and an access VLAN
    "testpmd": {"kind": "testpmd"},
    "ovs": {"kind": "ovs"},
    "corelane, 4 ports": {"kind": "corelane", "ports": 4, "options": {"vlan": 200}},
    "ovs, 4 ports": {"kind": "ovs", "ports": 4},
    "large table": {"kind": "corelane", "options": {"vlan": 200, "switch": ("--memory", 128, "--mac-table", 262144)}},
    "no features": {"kind": "corelane", "ports": 8},
    "all features elsewhere": {"kind": "corelane", "ports": 8, "options": {"plain": 2}},
    "2 ports": {"kind": "corelane", "load": ("-n", 256, "-m", 256)},
    "256 ports": {"kind": "corelane", "ports": 256, "load": ("-n", 256, "-m", 256)},
}


def mpps(window):
    return window["mpps"]


def percentile(of, which):
    return lambda window: window[of][which] / 1000


class Promise:
    """@of's figure, divided by @to's, is at least (or, of times, at most) @target; None: told, not judged."""

    def __init__(self, of, to, target, figure=mpps, unit="Mpps", at_most=False, name=""):
        self.of, self.to, self.target, self.figure, self.unit = of, to, target, figure, unit
        self.at_most, self.name = at_most, name

    def kept(self, ratio):
        return self.target is None or (ratio <= self.target if self.at_most else ratio >= self.target)

    def text(self):
        return "-" if self.target is None else f"{'<=' if self.at_most else '>='} {self.target}"


def times(of, *bases, window="rtt_ns", which):
    return [Promise(of, to, target, percentile(window, p), "us", True, p) for p in which for to, target in bases]


class Row:
    """@windows: the words of each subject's window, by lane or by (lane, what makes it another subject)."""

    def __init__(self, key, title, windows, promises, half_of=None):
        self.key, self.title, self.windows, self.promises = key, title, windows, promises
        self.half_of = half_of  # rate= half of what this lane floods one way is added to the words

    def lanes(self):
        return {subject.split(": ")[0] for subject in self.windows}

    def only(self, lanes):
        """The row without the subjects whose lane cannot run."""
        windows = {s: w for s, w in self.windows.items() if s.split(": ")[0] in lanes}
        promises = [p for p in self.promises if p.of in windows and p.to in windows]
        return Row(self.key, self.title, windows, promises, self.half_of if self.half_of in windows else None)


def three(words):
    return {lane: words for lane in ("corelane", "testpmd", "ovs")}


def rows(ring):
    split = ring == "split"
    return [
        Row("64", "64 B", three("flood size=64"),
            [Promise("corelane", "testpmd", 1.4 if split else 1.25), Promise("corelane", "ovs", 1.9)]),
        Row("1518", "1,518 B", three("flood size=1514"),  # without its FCS
            [Promise("corelane", "testpmd", 1.5), Promise("corelane", "ovs", None)]),
        Row("pairs", "64 B, 1,000 MAC pairs", three("flood size=64 pairs=1000"),
            [Promise("corelane", "ovs", 3.5), Promise("corelane", "testpmd", None)]),
        Row("mesh", "64 B, 1,000 x 1,000 MAC pairs", three("flood size=64 pairs=1000 mesh=1"),
            [Promise("corelane", "ovs", 25), Promise("corelane", "testpmd", None)]),
        Row("rtt", "round trip, one in flight", three("rtt size=64"),
            times("corelane", ("testpmd", 1.0), ("ovs", 0.7), which=("p50", "p99"))),
        Row("half", "at half of testpmd's maximum, one way", {n: "rate size=64 one_way=1" for n in ("corelane", "testpmd")},
            times("corelane", ("testpmd", 1.0), window="latency_ns", which=("p50", "p90")), half_of="testpmd"),
        Row("broadcast", "64 B broadcast from one port to three",
            {n: "flood size=64 broadcast=1 busy=4" for n in ("corelane, 4 ports", "ovs, 4 ports")},
            [Promise("corelane, 4 ports", "ovs, 4 ports", 3)]),
        # The endpoint writes each frame's addresses anew in both, so that it costs the same.
        Row("macs", "64 B, 100,000 MACs against 1 MAC",
            {"large table: 100,000 MACs": "flood size=64 rewrite=1 pairs=50000",
             "large table: 1 MAC": "flood size=64 rewrite=1 pairs=1"},
            [Promise("large table: 100,000 MACs", "large table: 1 MAC", 0.95)]),
        Row("features", "64 B, features on other ports against none",
            {n: "flood size=64" for n in ("all features elsewhere", "no features")},
            [Promise("all features elsewhere", "no features", 0.97)]),
        Row("silent", "64 B, a pair among 256 connected ports against 2",
            {n: "flood size=64" for n in ("256 ports", "2 ports")},  # OVS takes minutes to start with so many
            [Promise("256 ports", "2 ports", 0.9)]),
    ]


def make(method, scene, key, ring, args):
    """A lane of LANES, started and paused."""
    lane = LANES[key]
    contender = contenders.ALL[lane["kind"]](scene, args.core, ring, **lane.get("options", {}))
    made = method.Lane(scene, contender, ring, args, lane.get("ports", 2), lane.get("load", ()))
    try:
        made.start()
    except BaseException:
        made.close()
        raise
    return made


def ports_of(key):
    return LANES[key].get("ports", 2)
