#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests that fault, flood, reset and write garbage into everything: each costs only itself, and the
# traffic of its neighbour on the same switch goes on.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

# beside NAME ARGS STATUS TEXT...: a probe in that mode next to one that measures.
beside() {
	local name=$1 args=$2 want=$3
	shift 3
	{ host; network lan; probe loop1 "mode=loop time=3s rate=1k wait=20s" tx rx
		probe bad "$args" a b; } >"$work/site.yaml"
	start "$work/site.yaml"
	await 'loop1| {"probe":"nic"'
	kids=$(children)
	# With both on few cores the switch answers the good one's last messages late, but it does.
	await 'vnf loop1: powered off' 60
	# Whatever the bad one does by now (it may be at it for ever), it must stop when it is told to.
	for i in {1..50}; do
		grep -qE 'vnf bad: (powered off|faulted|killed|failed)' "$work/err" && break
		[ "$i" = 50 ] && kill -INT "$pid"
		sleep 0.1
	done
	finish 20
	expect "$name" "$want" 'loop1| {"probe":"end","mode":"loop","ok":true' 'vnf loop1: powered off' "$@"
	positive "$name-neighbour-goes-on" loop1 received
	nothing_left "$name-leaves-nothing" "$kids"
}

# What the guest did wrong shows in the last column of the table at the end.
counted() {
	local n
	n=$(grep -a '^bad  ' "$work/out" | awk '{print $NF}')
	if [ "${n:-0}" -gt 0 ]; then
		echo "ok $1"
	else
		complain "$1" "errors of bad: '$n'"
	fi
}

beside triple-fault "mode=triplefault" 1 'vnf bad: faulted'
for what in rings config msix pio mmio; do
	beside "garbage-$what" "mode=garbage what=$what time=3s" 0
	[ $what = rings ] && counted garbage-rings-are-counted
done
beside flood "mode=flood time=3s" 0
beside reset-loop "mode=reset" 1 'vnf bad: faulted: the guest reset itself'

# Flat out into the neighbour's network: what does not fit is dropped and counted, where it happens; the
# neighbour's own frames come through, and it does not take the flood for them.
{ host; network lan; probe loop1 "mode=loop time=3s rate=1k wait=20s" tx rx
	probe bad "mode=gen rate=0 time=5s size=60" a; } >"$work/site.yaml"
start "$work/site.yaml"
await 'loop1| {"probe":"nic"'
kids=$(children)
finish 60
expect frame-flood 0 'loop1| {"probe":"end","mode":"loop","ok":true' 'vnf bad: powered off'
positive frame-flood-neighbour-goes-on loop1 received
positive frame-flood-is-foreign loop1 foreign
if [ "$(value loop1 received)" -le "$(value loop1 sent)" ]; then
	echo "ok frame-flood-is-not-measured"
else
	complain frame-flood-is-not-measured "more frames came than were sent"
fi
nothing_left frame-flood-leaves-nothing "$kids"
