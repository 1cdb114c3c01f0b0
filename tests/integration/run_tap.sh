#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NICs on taps, joined by a bridge of the kernel, in a network namespace of the test's own.
if [ -z "${CORELANE_IN_NETNS:-}" ]; then
	if ! unshare -n true 2>/dev/null; then
		echo "skip all: this user may not make a network namespace"
		exit 0
	fi
	CORELANE_IN_NETNS=1 exec unshare -n "$0" "$@"
fi
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"
if ! ip link add br-test type bridge 2>/dev/null || ! ip link set br-test up || [ ! -e /dev/net/tun ]; then
	echo "skip all: this kernel has no bridges or no taps"
	exit 0
fi

nic() { printf '{name: lan, tap: {bridge: br-test, mac: "02:00:00:00:02:0%s"}}' "$1"; }
{ host; probe ping1 "mode=rtt time=2s rate=500 dst=02:00:00:00:02:02" "$(nic 1)"
	probe echo1 "mode=echo time=5s" "$(nic 2)"; } >"$work/site.yaml"
start "$work/site.yaml"
await 'ping1| {"probe":"ready"'
kids=$(children)
taps=$(ip -o link show master br-test | grep -c 'corelane')
finish
expect two-vnfs-over-a-bridge 0 'ping1| {"probe":"end","mode":"rtt","ok":true' 'switch: none'
positive round-trips-over-a-bridge ping1 received
if [ "$taps" = 2 ]; then
	echo "ok taps-join-the-bridge"
else
	complain taps-join-the-bridge "$taps of 2 taps were on it"
fi
nothing_left taps-leave-nothing "$kids"
if ip -o link | grep -q corelane; then
	complain taps-are-gone "$(ip -o link | grep corelane)"
else
	echo "ok taps-are-gone"
fi
