# SPDX-License-Identifier: Apache-2.0
"""The whole table of the switch's promises in one run; see rows.py for the rows that are windows."""
import json
import pathlib
import re
import statistics
import sys
import time

import contenders
import method
import rows
from processes import Refused, Scene

KEPT = {True: "kept", False: "**not kept**", None: ""}
SLEEPY = ("--memory", 128, "--idle", "100us")


class Table:
    """What came out, printed as it comes and kept for the Markdown and JSON files."""

    def __init__(self):
        self.lines, self.kept = [], True

    def add(self, what, ring, promised, measured, spread, kept):
        self.lines.append((what, ring, promised, measured, spread, KEPT[kept]))
        self.kept = self.kept and kept is not False
        print("  => " + " | ".join(self.lines[-1]), flush=True)

    def markdown(self):
        head = "| what | ring | promised | measured | pairs, spread | |\n|---|---|---|---|---|---|\n"
        return head + "".join(f"| {' | '.join(line)} |\n" for line in self.lines)


def short(window, figure):
    if window["state"] not in ("near", "far"):
        return window["state"]
    idle = f" idle {window['endpoint_idle']:.2f}" if "endpoint_idle" in window else ""
    return f"{figure(window):.2f} {window['state']}{idle}"


def half_rate(lane, args):
    """Half of what the lane moves one way, from the median of three short floods."""
    words = f"flood size=64 one_way=1 seconds={min(args.seconds, 0.5)} warmup=0.3 c2c=1"
    moved = [window["mpps"] for window in (lane.window(words) for _ in range(3)) if window.get("mpps")]
    if not moved:
        raise Refused(f"{lane.contender.title} moves nothing one way")
    return statistics.median(moved) * 1e6 / 2


def run_row(row, lanes, args):
    """Rounds of one window a subject, there and back again so that drift cancels out."""
    more = f" seconds={args.seconds} warmup=0.3 c2c=1"
    if row.half_of:
        more += f" rate={half_rate(lanes[row.half_of], args):.0f}"
    rounds, subjects = [], list(row.windows)
    for number in range(args.rounds):
        windows = {}
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            windows[subject] = lanes[subject.split(": ")[0]].window(row.windows[subject] + more)
        rounds.append(windows)
        figure = row.promises[0].figure if row.promises else rows.mpps
        print(f"  {number + 1:3}: " + " | ".join(f"{s} {short(w, figure)}" for s, w in windows.items()), flush=True)
    return {"words": {s: w + more for s, w in row.windows.items()}, "rounds": rounds}


def judge(row, ring, result, table):
    for p in row.promises:
        c = method.compare(result["rounds"], p.of, p.to, p.figure)
        what = f"{row.title}{', ' + p.name if p.name else ''}: {p.of.split(': ')[-1]} / {p.to.split(': ')[-1]}"
        if not c:
            table.add(what, ring, p.text(), "no two windows of one state", "", None if p.target is None else False)
            continue
        table.add(what, ring, p.text(), f"{c['ratio']:.3f} ({c['figure']:.2f} / {c['base']:.2f} {p.unit})",
                  f"{c['pairs']} {c['state']}, {c['low']:.2f}-{c['high']:.2f}",
                  None if p.target is None else p.kept(c["ratio"]))


def start_lanes(scene, row, lanes, ring, args):
    """Those that @row needs and that do not run. A peer that does not come up is left out, and said so."""
    for key in sorted(row.lanes() - set(lanes)):
        kind = contenders.ALL[rows.LANES[key]["kind"]]
        try:
            scene.need_hugepages(kind.pages + 4 * rows.ports_of(key))
            lanes[key] = rows.make(method, scene, key, ring, args)
        except Refused as why:
            if kind.name == "corelane":
                raise
            print(f"  left out: {key}: {first_line(why)}", flush=True)


def window_rows(scene, ring, found, args, table):
    """Lanes live as long as one row after another needs them."""
    results, lanes = [], {}
    can = [key for key, lane in rows.LANES.items() if lane["kind"] in found]
    try:
        for row in rows.rows(ring):
            if args.only and row.key not in args.only:
                continue
            row = row.only(can)
            print(f"{ring}, {row.title}:", flush=True)
            for key in [key for key in lanes if key not in row.lanes()]:
                lanes.pop(key).close()
            result = {"row": row.key, "ring": ring}
            try:
                start_lanes(scene, row, lanes, ring, args)
                row = row.only(list(lanes))
                result |= run_row(row, lanes, args)
                judge(row, ring, result, table)
            except Refused as why:
                result["error"] = str(why)
                table.add(row.title, ring, "", f"cannot run: {first_line(why)}", "", False)
                while lanes:
                    lanes.popitem()[1].close()
            results.append(result)
    finally:
        while lanes:
            lanes.popitem()[1].close()
    return results


def first_line(why):
    return str(why).strip().split("\n")[0].replace("|", "/")[-200:]


def mapped(pid):
    """Resident KiB of a process without guests' memory, and its hugepages in MiB."""
    resident = huge = 0
    guest = False
    for line in open(f"/proc/{pid}/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            guest = "corelane-load" in line
        elif not guest and line.startswith("Rss:"):
            resident += int(line.split()[1])
        elif not guest and line.startswith(("Private_Hugetlb:", "Shared_Hugetlb:")):
            huge += int(line.split()[1])
    return resident, huge / 1024


def memory(scene, args, table):
    """32 connected ports that have all moved frames."""
    lane = method.Lane(scene, contenders.Corelane(scene, args.core, "memory", switch=()), "split", args, 32, ("-s", "-n", 256))
    lane.start()
    try:
        window = lane.window("flood size=64 busy=32 seconds=0.5")
        resident, huge = mapped(lane.contender.process.pid)
    finally:
        lane.close()
    table.add("resident memory, 32 ports", "split", "<= 25 MB", f"{resident / 1024:.1f} MiB", "", resident * 1024 <= 25e6)
    table.add("hugepages taken, 32 ports", "split", "<= 128 MB", f"{huge:.0f} MiB", "", huge * (1 << 20) <= 128 << 20)
    return {"resident_kib": resident, "huge_mib": huge, "window": window}


def idle(scene, args, table):
    """A switch that sleeps against one that does not: CPU without frames, and round trips 5 ms apart."""
    lanes = [method.Lane(scene, contenders.Corelane(scene, args.core, tag, switch=switch), "split", args, 2)
             for tag, switch in (("awake", ("--memory", 128)), ("sleepy", SLEEPY))]
    try:
        for lane in lanes:
            lane.start()
        share = quiet_share(lanes[1], 3)
        trips = [{name: lane.window("rtt size=64 gap=0.005 seconds=1 warmup=0.1 c2c=1")
                  for name, lane in zip(("awake", "sleepy"), lanes)} for _ in range(args.rounds)]
    finally:
        for lane in lanes:
            lane.close()
    # Nobody else on the endpoint's core; the switch has less of its own, which is what it sleeps for.
    quiet = [t for t in trips if min(w["endpoint_cpu"] for w in t.values()) >= args.least_share]
    more = sorted((t["sleepy"]["rtt_ns"]["p50"] - t["awake"]["rtt_ns"]["p50"]) / 1000 for t in quiet)
    if not more:
        raise Refused(f"all {len(trips)} pairs of windows were disturbed")
    table.add("CPU when nothing moves, idle mode", "split", "< 5 %", f"{share * 100:.2f} %", "", share < 0.05)
    table.add("round trip after 5 ms of silence, idle mode: more than awake, p50", "split", "<= 20 us",
              f"{statistics.median(more):.1f} us", f"{len(more)}, {more[0]:.1f}-{more[-1]:.1f}", statistics.median(more) <= 20)
    return {"cpu_share": share, "round_trips_us": trips}


def quiet_share(lane, seconds):
    """Of its core, over some seconds without a frame."""
    lane.contender.go_on()
    time.sleep(0.5)
    wall, cpu = time.monotonic(), lane.contender.cpu_seconds()
    time.sleep(seconds)
    share = (lane.contender.cpu_seconds() - cpu) / (time.monotonic() - wall)
    lane.contender.pause()
    return share


def outage(scene, args, table, found):
    """Killed in the middle of steady traffic and started again at once."""
    results = []
    for name in found:
        lane = method.Lane(scene, contenders.ALL[name](scene, args.core, "outage"), "split", args, 2)
        lane.start()
        try:
            gaps = [lane.crash() for _ in range(min(args.rounds, 3))]
        finally:
            lane.close()
        results += [{"contender": name, **gap} for gap in gaps]
        ms = [gap["gap_ms"] for gap in gaps if "gap_ms" in gap]
        judged = name == "corelane"
        table.add(f"killed and started again, without frames: {contenders.ALL[name].title}", "split", "<= 50 ms" if judged else "-",
                  f"{statistics.median(ms):.0f} ms" if ms else "did not come back", f"{len(ms)}, {min(ms):.0f}-{max(ms):.0f}" if ms else "",
                  (bool(ms) and statistics.median(ms) <= 50) if judged else None)
    return results


def handover(scene, args, table):
    """New processes take over from the running one, one after the other, at 1 Mpps. What is no forwarding
    thread shares the endpoint's CPU, and goes before it: it would else wait for whole time slices."""
    contender = contenders.Corelane(scene, args.core, "handover", cpus={args.core, args.load_core})
    lane = method.Lane(scene, contender, "split", args, 2, ("--notes",), ("nice", "-n", 19))
    lane.start()
    try:
        lane.contender.go_on()
        lane.load.stdin.write("steady seconds=8 rate=500000 handover=1\n")
        lane.load.stdin.flush()
        told = []
        for _ in range(4):
            time.sleep(1)
            told.append(lane.contender.upgrade())
        window = lane.answer()
        taken = sum(port["rx_packets"] for port in lane.contender.stats())
    finally:
        lane.close()
    unserved = sorted(float(us) / 1000 for words in told for us in re.findall(r"nothing was served for ([0-9]+) us", words))
    if len(unserved) != len(told):
        raise Refused(f"{len(unserved)} of {len(told)} hand-overs: {told[-1][-200:]}")
    table.add("hot hand-over at 1 Mpps: nothing served for", "split", "< 1 ms", f"{statistics.median(unserved):.2f} ms",
              f"{len(unserved)}, {unserved[0]:.2f}-{unserved[-1]:.2f}", unserved[-1] < 1)
    lost = window["sent_total"] - taken
    table.add(f"hot hand-over: frames lost from guest to switch, of {window['sent_total']}", "split", "0",
              f"{lost} (twice: {window['again']}; longest gap at a guest: {window['gap_ms']:.1f} ms)", "", lost == 0 and not window["again"])
    return {"unserved_ms": unserved, "window": window, "taken": taken}


OTHERS = {"memory": memory, "idle": idle, "handover": handover}


def figures(args, found, host):
    table, results = Table(), []
    started = time.monotonic()
    with Scene() as scene:
        for ring in args.rings.split(","):
            results += window_rows(scene, ring, found, args, table)
        for key, run in OTHERS.items():
            if args.only and key not in args.only:
                continue
            try:
                results.append({"row": key, **run(scene, args, table)})
            except Refused as why:
                results.append({"row": key, "error": str(why)})
                table.add(key, "", "", f"cannot run: {first_line(why)}", "", False)
        if not args.only or "outage" in args.only:
            results.append({"row": "outage", "runs": outage(scene, args, table, found)})
    minutes = (time.monotonic() - started) / 60
    print(f"\n{table.markdown()}\n{minutes:.1f} minutes")
    if args.markdown:
        pathlib.Path(args.markdown).write_text(table.markdown())
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {"host": host, "versions": found, "command": sys.argv, "minutes": minutes, "results": results,
             "table": table.lines}, indent=1))
    return 0 if table.kept or not args.strict else 1
