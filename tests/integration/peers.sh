#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/peers as a program: it measures, it answers for what is missing, it leaves nothing behind.
# Its figures are not judged here: a machine that runs tests is no place to measure.
bin=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
peers=$here/../../bench/peers
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
export TMPDIR="$tmp/run"
mkdir "$TMPDIR"

result() { # status name why
	if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2: $3"; fi
}

still_running() { # whose command line names our TMPDIR (given by stdin, so that grep's own does not)
	echo "$TMPDIR" | grep -slaFf - /proc/[0-9]*/cmdline
}

left_behind() {
	ls -A "$TMPDIR"
	still_running
}

if [ ! -x /usr/bin/python3 ]; then echo "skip peers: python3 is not installed"; exit 0; fi
if [ "$(id -u)" -ne 0 ]; then echo "skip peers: needs root"; exit 0; fi
if [ "$(nproc)" -lt 2 ]; then echo "skip peers: needs two CPUs"; exit 0; fi

"$peers" --bin "$bin" --contenders corelane --base corelane --scenarios 64,1514,mesh,rtt --rounds 1 \
	--seconds 0.3 --json "$tmp/out.json" >"$tmp/log" 2>&1
status=$?
cat "$tmp/log"
result $status measures "status $status"
/usr/bin/python3 - "$tmp/out.json" <<'PY'
import json, sys
results = json.load(open(sys.argv[1]))["results"]
assert len(results) == 8, len(results)
for r in results:
    for w in r["rounds"]:
        w = w["corelane"]
        assert w["bad"] == 0 and not w.get("error"), w
        # Some frames: how many is the machine's business, which other tests may keep busy.
        assert w.get("received", 0) > 0 or w["rtt_ns"]["count"] > 0, w
PY
result $? frames-arrive-whole "see above"
left=$(left_behind)
[ -z "$left" ]
result $? leaves-nothing "$left"

"$peers" figures --bin "$bin" --contenders corelane --base corelane --rings split --rounds 1 --seconds 0.1 \
	--only broadcast,macs,features,memory,handover --least-share 0 --json "$tmp/out.json" >"$tmp/log" 2>&1
status=$?
cat "$tmp/log"
/usr/bin/python3 - "$tmp/out.json" <<'PY'
import json, sys
rows = {r["row"]: r for r in json.load(open(sys.argv[1]))["results"]}
assert len(rows) == 5 and not any("error" in r for r in rows.values()), rows
for name in ("broadcast", "macs", "features"):
    for w in rows[name]["rounds"][0].values():
        assert w["received"] > 0 and w["bad"] == 0, w
# What does not depend on time is judged.
assert rows["memory"]["resident_kib"] * 1024 <= 25e6 and rows["memory"]["huge_mib"] <= 128, rows["memory"]
window = rows["handover"]["window"]
assert window["handovers"] == 4 and rows["handover"]["taken"] == window["sent_total"], rows["handover"]
assert window["again"] == 0 and window["bad"] == 0, window
PY
result $? figures "status $status, see above"

"$peers" --bin "$bin" --contenders corelane --base corelane --rounds 1000 >"$tmp/log" 2>&1 &
pid=$!
for _ in $(seq 200); do grep -q ' 1: ' "$tmp/log" && break; sleep 0.1; done
kill -INT $pid
wait $pid
status=$?
left=$(left_behind)
[ $status -eq 130 ] && [ -z "$left" ]
result $? interrupted-leaves-nothing "status $status, left: $left"

"$peers" --bin "$bin" --contenders corelane --base corelane --rounds 1000 >"$tmp/log" 2>&1 &
pid=$!
for _ in $(seq 200); do grep -q ' 1: ' "$tmp/log" && break; sleep 0.1; done
kill -KILL $pid
wait $pid 2>/dev/null
sleep 1
left=$(still_running)
result $([ -z "$left" ]; echo $?) killed-leaves-no-process "$left"
rm -rf "${TMPDIR:?}"/*

"$peers" --bin "$tmp" --contenders corelane --base corelane >"$tmp/log" 2>&1
status=$?
[ $status -eq 4 ] && grep -q "no corelane-switch in" "$tmp/log"
result $? missing-program-is-named "status $status: $(cat "$tmp/log")"
