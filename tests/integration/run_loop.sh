#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example of the README from end to end, on both kinds of rings, and corelane-bench on top of it.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"
root=$(dirname "$(readlink -f "$0")")/../..

start "$root/examples/loop.yaml"
await '"probe":"ready"'
kids=$(children)
finish
expect example-loop 0 'not eligible for a real-time claim' '"probe":"result","mode":"loop"' \
	'"ok":true' 'powered off' 'loop1/rx'
positive example-loop-receives loop1 received
nothing_left example-loop-leaves-nothing "$kids"
if grep -q '"corrupted":0,"foreign":0' "$work/out"; then
	echo "ok example-loop-frames-intact"
else
	complain example-loop-frames-intact "frames were corrupted or foreign"
fi

python3 - "$work/report.json" <<'P' || true
import json, sys
r = json.load(open(sys.argv[1]))
def check(name, good, why=""):
    print("ok %s" % name if good else "not ok %s: %s" % (name, why))
line = [l for l in r["vnfs"][0]["lines"] if l.get("probe") == "result"][0]
port = {p["name"]: p["stats"] for p in r["ports"]}
check("report-has-plan-and-machine", r["plan"]["vnfs"][0]["name"] == "loop1" and r["machine"]["kernel"])
check("report-says-why-not-eligible", not r["eligible"] and len(r["reasons"]) > 0)
# The switch also saw the warm-up and the greetings: never less than the guest counted.
check("switch-and-guest-agree", port["loop1/rx"]["txPackets"] >= line["received"] > 0
      and port["loop1/tx"]["rxPackets"] >= line["sent"],
      "guest %d of %d, switch %s" % (line["received"], line["sent"], port))
dropped = sum(sum(p["drops"].values()) for p in port.values())
check("every-lost-frame-has-a-cause", line["sent"] - line["received"] <= dropped,
      "%d lost, %d dropped by the switch" % (line["sent"] - line["received"], dropped))
# Doorbells are ioeventfds and interrupts irqfds: what leaves to user space is the start and the printing.
mmio = sum(e["mmio"] for e in r["vnfs"][0]["exits"])
check("packets-cost-no-exit", line["sent"] > 1000 and mmio < 300, "%d MMIO exits, %d frames" % (mmio, line["sent"]))
check("report-has-exits-and-start-up", sum(r["vnfs"][0]["exits"][0].values()) > 0
      and 0 < r["vnfs"][0]["execToMainUs"] <= r["vnfs"][0]["execToRunUs"])
P

{ host; network lan; probe loop1 "mode=loop time=1s rate=10k rings=packed size=1514" tx rx; } \
	>"$work/packed.yaml"
start "$work/packed.yaml"
finish
expect packed-rings 0 '"rings":"packed"' '"ok":true'
positive packed-rings-receive loop1 received
nothing_left packed-rings-leave-nothing

{ host; network lan; probe ping1 "mode=rtt time=2s rate=1k dst=02:00:00:00:01:02" lan
	probe echo1 "mode=echo time=4s" '{name: lan, switch: {network: lan, mac: "02:00:00:00:01:02"}}'
} >"$work/pair.yaml"
start "$work/pair.yaml"
await 'echo1| {"probe":"ready"'
kids=$(children)
finish
expect two-vnfs 0 'ping1| {"probe":"end","mode":"rtt","ok":true' 'echo1| {"probe":"end","mode":"echo","ok":true'
positive two-vnfs-round-trips ping1 received
nothing_left two-vnfs-leave-nothing "$kids"

# Several queue pairs, a VLAN, more than one vCPU: what is declared arrives in the guest.
two='switch: {network: lan, queues: 2, vlan: 7}'
{ host; network lan; probe loop1 "mode=loop time=1s rate=10k queues=2" "{name: tx, $two}" \
	"{name: rx, $two}"; } | sed 's/vcpus: 1/vcpus: 2/' >"$work/queues.yaml"
start "$work/queues.yaml"
finish
expect two-queues 0 '"max_queues":2' '"ok":true'
positive two-queues-receive loop1 received
nothing_left two-queues-leave-nothing

# Two networks are two worlds: what one VNF floods, the other never sees.
{ host; network lan; network dmz; probe gen1 "mode=gen time=1s rate=10k" lan
	probe other "mode=count rx=0 time=3s" '{name: dmz, switch: {network: dmz}}'
} >"$work/apart.yaml"
start "$work/apart.yaml"
finish
if [ "$(value other received)" = 0 ]; then
	echo "ok networks-are-apart"
else
	complain networks-are-apart "received '$(value other received)'"
fi
nothing_left networks-leave-nothing

"$bin/corelane-bench" latency --time 1s --rate 10k --quiet --out "$work/bench" \
	>"$work/out" 2>"$work/err"
status=$?
expect bench-latency 0 'probe loop' 'p99.99' 'not eligible for a real-time claim'
for file in results.json report.json report.html probe-loop.hist; do
	if [ -s "$work/bench/$file" ]; then
		echo "ok bench-writes-$file"
	else
		complain "bench-writes-$file" "it is missing or empty"
	fi
done

"$bin/corelane-bench" run "$work/nowhere.yaml" --quiet >"$work/out" 2>"$work/err"
status=$?
expect bench-passes-the-refusal-on 3 'nowhere.yaml: No such file'
{ host; probe fw1 "mode=nothing"; } >"$work/wrong.yaml"
"$bin/corelane-bench" run "$work/wrong.yaml" --quiet >"$work/out" 2>"$work/err"
status=$?
expect bench-fails-with-its-probe 1 'a probe did not end well'
