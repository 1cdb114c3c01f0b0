#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The switch of a running site: asked, and changed by new declarations, while a flow goes on that nobody
# may disturb.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

# site VLAN-OF-A [MORE-OF-A [DEVICES]]: four guests, of which ping1 and echo1 only talk to each other.
site() {
	printf 'apiVersion: corelane/v1\nkind: Host\nmetadata: {name: test}\n'
	printf 'spec: {overlap: allow, switch: {telemetry: true, macTable: 1024}, devices: [%s]}\n' "${3:-}"
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
if [ -S "$run/dpdk/corelane/dpdk_telemetry.v2" ]; then
	echo "ok telemetry-is-in-the-run-folder"
else
	complain telemetry-is-in-the-run-folder "$(find "$run")"
fi
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
applied=$(grep -c 'corelane: applied' "$work/err")
kill -HUP "$pid"
await_err() { for _ in $(seq 100); do grep -q -e "$1" "$work/err" && return 0; sleep 0.1; done; return 1; }
for _ in $(seq 100); do
	[ "$(grep -c 'corelane: applied' "$work/err")" -gt "$applied" ] && break
	sleep 0.1
done
if [ "$(grep -c 'corelane: applied' "$work/err")" -gt "$applied" ]; then
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

# Filters: counted, and what is denied does not arrive. The probe's frames are of type 0x88b5.
site 7 ', filter: [{allow: {etherType: 0x88b5}, name: probes}, {deny: {}, name: rest}]' >"$work/allow.yaml"
site 7 ', filter: [{deny: {etherType: 0x88b5}, name: no-probes}]' >"$work/deny.yaml"
ask apply-filter 0 'spec.interfaces.x.switch.filter.1: none -> filter' apply "$work/allow.yaml"
grows filtered-frames-pass b/x txPackets
ask rules-are-counted 0 'probes  *[1-9]' switch rules a/x
ask rules-as-json 0 '"name": "rest"' switch rules a/x in -o json
ask apply-deny 0 'filter.2: filter -> none' apply "$work/deny.yaml"
before=$(number b/x txPackets)
sleep 1
if [ "$(number b/x txPackets)" = "$before" ] && "$bin/corelane" switch show a/x --run-dir "$run" | grep -q 'filter  *[1-9]'; then
	echo "ok denied-frames-do-not-arrive"
else
	complain denied-frames-do-not-arrive "$("$bin/corelane" switch show a/x --run-dir "$run")"
fi
ask trace-says-why 0 'filter no-probes: deny' switch trace a/x -n 2
ask trace-as-json 0 '"dropped":"filter"' switch trace a/x -n 2 -o json
sed 's/network: other, vlan: 7, mac: "02:00:00:00:02:01"/network: lan, mac: "02:00:00:00:02:01"/' "$work/site.yaml" >"$work/lan.yaml"
ask apply-another-network 0 'switch.network: "other" -> "lan"' apply "$work/lan.yaml"
ask is-in-another-network 0 'network  *lan' switch show a/x
ask apply-no-filter 0 'applied' apply "$work/site.yaml"
grows frames-pass-again b/x txPackets
ask trace 0 'frame 2 from a/x, 64 bytes: 02:00:00:00:02:01 > 02:00:00:00:02:02, type 0x88b5' switch trace a/x -n 2
ask capture 0 'captured 10' switch capture a/x "$work/a.pcap" -n 10
ask capture-filtered 0 'captured 4' switch capture a/x "$work/f.pcap" -n 4 filter sourceMac=02:00:00:00:02:01
ask capture-bad-filter 1 'rule: unknown key sourceMc; did you mean sourceMac' switch capture a/x "$work/x.pcap" filter sourceMc=1
ask capture-no-folder 1 'No such file' switch capture a/x "$work/none/x.pcap"
if python3 - "$work/a.pcap" 10 "$work/f.pcap" 4 <<'PY'; then
import struct, sys
def frames(path):
    data = open(path, "rb").read()
    magic, *_, kind = struct.unpack("<IHHiIII", data[:24])
    assert magic == 0xa1b23c4d and kind == 1, (hex(magic), kind)
    at, out = 24, []
    while at < len(data):
        _, _, cap, _ = struct.unpack("<IIII", data[at:at + 16])
        out.append(data[at + 16:at + 16 + cap])
        at += 16 + cap
    return out
a, f = frames(sys.argv[1]), frames(sys.argv[3])
assert len(a) == int(sys.argv[2]) and len(f) == int(sys.argv[4]), (len(a), len(f))
assert all(x[6:12] == bytes.fromhex("020000000201") for x in f)
assert {x[12:14] for x in a} == {b"\x88\xb5"}
PY
	echo "ok captures-can-be-read"
else
	complain captures-can-be-read "see above"
fi

# An uplink comes and goes; one that cannot be made changes nothing at all.
if [ -w /dev/net/tun ] && [ "$(id -u)" = 0 ]; then
	tap=clsw$$
	site 9 "" "{name: up, tap: $tap}" |
		sed '0,/spec: {type: switch}/s//spec: {type: switch, uplink: up}/' >"$work/up.yaml"
	ask apply-uplink 0 'spec.devices.up: none -> device' apply "$work/up.yaml"
	ask uplink-is-a-port 0 "net_tap_up,iface=$tap" switch show up
	if ip link show "$tap" >/dev/null 2>&1; then
		echo "ok uplink-is-there"
	else
		complain uplink-is-there "no $tap"
	fi
	ask remove-uplink 0 'spec.devices.up: device -> none' apply "$work/site.yaml"
	ask uplink-is-gone 1 'has no port up' switch show up
	sed "s/tap: $tap/afPacket: nosuchdevice0/" "$work/up.yaml" >"$work/down.yaml"
	ask refuse-uplink 4 'nothing was changed' apply "$work/down.yaml"
	ask refused-uplink-changed-nothing 0 'vlan  *7' switch show a/x
	ask refused-uplink-is-no-port 1 'has no port up' switch show up
else
	echo "skip uplinks: taps need root and /dev/net/tun"
fi

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
