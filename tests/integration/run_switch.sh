#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The switch of a running site: asked, and changed by new declarations, while a flow goes on that nobody
# may disturb.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

# site VLAN-OF-A [MORE-OF-A [DEVICES]]: four guests, of which ping1 and echo1 only talk to each other.
site() {
	printf 'apiVersion: corelane/v1\nkind: Host\nmetadata: {name: test}\n'
	printf 'spec: {overlap: allow, devices: [%s]}\n' "${3:-}"
	network lan
	network other
	probe ping1 "mode=rtt time=120s rate=1k wait=30s dst=02:00:00:00:01:02" lan
	probe echo1 "mode=echo time=120s" '{name: lan, switch: {network: lan, mac: "02:00:00:00:01:02"}}'
	probe a "mode=rtt time=120s rate=1k wait=60s dst=02:00:00:00:02:02" \
		"{name: x, switch: {network: other, vlan: $1, mac: \"02:00:00:00:02:01\"${2:-}}}"
	probe b "mode=echo time=120s" '{name: x, switch: {network: other, vlan: 7, mac: "02:00:00:00:02:02"}}'
}

# ask NAME STATUS WORDS ARGUMENT...: "corelane ARGUMENT... --run-dir" ends so and says so.
ask() {
	local name=$1 want=$2 words=$3 got
	shift 3
	"$bin/corelane" "$@" --run-dir "$run" >"$work/said" 2>&1
	got=$?
	if [ $got = "$want" ] && grep -q -e "$words" "$work/said"; then
		echo "ok $name"
	else
		complain "$name" "status $got: $(head -n 3 "$work/said" | tr '\n' '|')"
	fi
}

# number PORT KEY: of its counters, now.
number() {
	"$bin/corelane" switch show "$1" -o json --run-dir "$run" | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["stats"].get(sys.argv[1], 0))' "$2"
}

# grows NAME PORT KEY: within 20 seconds.
grows() {
	local before=$(number "$2" "$3") i
	for i in $(seq 100); do
		if [ "$(number "$2" "$3")" -gt "$before" ]; then
			echo "ok $1"
			return
		fi
		sleep 0.2
	done
	complain "$1" "$3 of $2 stays at $before"
}

site 7 >"$work/site.yaml"
ask nobody-to-ask 1 'no site runs in' switch list
ask nothing-to-apply-to 1 'no site runs in' apply "$work/site.yaml"
start "$work/site.yaml"
if ! await 'a| {"probe":"ready"' || ! await 'ping1| {"probe":"ready"'; then
	complain switch "the probes did not meet"
	exit 0
fi
kids=$(children)
ask list 0 'echo1/lan  *lan  *vhost  *up' switch list
ask list-as-json 0 '"spoofCheck": "true"' switch list -o json
ask show 0 'mac  *02:00:00:00:02:01' switch show a/x
ask show-no-such-port 1 'the switch has no port a/y; did you mean a/x' switch show a/y
ask macs 0 '02:00:00:00:02:01  *7  a/x .*declared' switch macs a/x
ask lanes 0 '^ *0 ' switch lanes
ask networks 0 'other  *2 ' switch networks
ask no-such-action 2 'there is no action shwo; did you mean show' switch shwo
ask no-port 2 'usage: corelane switch show PORT' switch show
ask no-number 2 'is not the number of a lane' switch move a/x first

# Nothing differs; one VLAN differs; the two no longer meet, and then do again.
ask diff-of-the-same 0 'nothing differs' diff "$work/site.yaml"
site 8 >"$work/eight.yaml"
ask diff 0 'vnf a: spec.interfaces.x.switch.vlan: 7 -> 8' diff "$work/eight.yaml"
ask diff-changed-nothing 0 'vlan  *7' switch show a/x
ask apply 0 '1 change applied' apply "$work/eight.yaml"
ask applied 0 'vlan  *8' switch show a/x
before=$(number b/x txPackets)
sleep 1
if [ "$(number b/x txPackets)" = "$before" ]; then
	echo "ok another-vlan-is-another-network"
else
	complain another-vlan-is-another-network "b still gets frames"
fi
ask apply-back 0 '1 change applied' apply "$work/site.yaml" -o text
grows frames-come-again b/x txPackets

# Every sort of thing at once, and back; the neighbours' flow goes on.
site 7 ', isolate: false, macLimit: 9, staticMacs: ["02:00:00:00:09:09"], ips: [10.0.0.0/8],
	storm: {broadcast: 5000}, limit: {ingress: 1Gbps, egress: 1Gbps}, spoofCheck: mac' >"$work/much.yaml"
ask apply-much 0 'changes applied' apply "$work/much.yaml"
ask much-is-there 0 'staticMacs  *02:00:00:00:09:09' switch show a/x
grows much-lets-frames-pass b/x txPackets
cp "$work/site.yaml" "$work/keep.yaml"
sed 's/vlan: 7/vlan: 4095/' "$work/site.yaml" >"$work/bad.yaml"
kill -HUP "$pid"
await_err() { for _ in $(seq 100); do grep -q -e "$1" "$work/err" && return 0; sleep 0.1; done; return 1; }
if await_err 'applied: [0-9]* changes applied'; then
	echo "ok sighup-reads-again"
else
	complain sighup-reads-again "$(tail -n 2 "$work/err")"
fi
cp "$work/bad.yaml" "$work/site.yaml"
kill -HUP "$pid"
if await_err 'site.yaml: not valid: 2 problems; nothing was changed' && await_err 'vlan 4095 is not 1..4094'; then
	echo "ok sighup-refused"
else
	complain sighup-refused "$(tail -n 2 "$work/err")"
fi
cp "$work/keep.yaml" "$work/site.yaml"
for _ in $(seq 50); do
	"$bin/corelane" switch show a/x --run-dir "$run" 2>/dev/null | grep -q staticMacs || break
	sleep 0.1
done
ask sighup-took-it-back 0 'nothing differs' diff "$work/keep.yaml"

# What cannot be done is refused as a whole: the VLAN that could be changed is not.
sed 's/vlan: 7, mac: "02:00:00:00:02:01"/vlan: 9, queues: 2, mac: "02:00:00:00:02:01"/' "$work/site.yaml" >"$work/two.yaml"
ask refuse-queues 4 'switch.queues: 1 -> 2: the VNF has to be started again' apply "$work/two.yaml"
ask refuse-all-of-it 0 'vlan  *7' switch show a/x
sed 's/name: b}/name: c}/' "$work/site.yaml" >"$work/other.yaml"
ask refuse-another-vnf 4 'vnf b: vnf -> none: the VNF has to be started again' apply "$work/other.yaml"
sed 's/size: 32Mi/size: 34Mi/' "$work/site.yaml" >"$work/size.yaml"
ask refuse-memory 4 'spec.memory.size: 32Mi -> 34Mi' apply "$work/size.yaml"
ask refuse-invalid 3 'bad.yaml:.*vlan 4095 is not 1..4094' apply "$work/bad.yaml"
ask refuse-no-file 3 'No such file' apply "$work/none.yaml"

# The switch is killed: it comes back with what was applied last, not with what it was started with.
ask apply-for-ever 0 '1 change applied' apply "$work/eight.yaml"
switch=$(child_pid switch)
kill -KILL "$switch"
for _ in $(seq 100); do
	"$bin/corelane" switch show a/x --run-dir "$run" >"$work/said" 2>&1 && grep -q 'connected  *yes' "$work/said" && break
	sleep 0.1
done
ask a-new-switch-knows 0 'vlan  *8' switch show a/x
ask apply-to-a-new-switch 0 '1 change applied' apply "$work/site.yaml"
grows frames-come-after-that b/x txPackets
grows neighbours-go-on echo1/lan txPackets
kids="$kids $(children)"
kill -INT "$pid"
finish
expect stopped 0
nothing_left switch-leaves-nothing "$kids"
