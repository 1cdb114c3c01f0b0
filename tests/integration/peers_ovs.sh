#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The probe's two NICs joined by OVS-DPDK, which knows nothing of us: frames pass, and pass again after it
# was killed and started anew beside the running guest.
set -uo pipefail
# A killed OVS leaves its taps behind: in a network namespace of its own they end with it.
if [ -z "${CORELANE_IN_NETNS:-}" ]; then
	if ! unshare -n true 2>/dev/null; then
		echo "skip all: no network namespaces"
		exit 0
	fi
	CORELANE_IN_NETNS=1 exec unshare -n "$0" "$@"
fi
bin=$(readlink -f "$1")
ovs=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
work=$(mktemp -d /tmp/corelane-ovs.XXXXXX)
db= vswitchd=
cleanup() {
	for p in $vswitchd $db; do kill -KILL "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

[ -w /dev/kvm ] || { echo "skip all: no /dev/kvm that this user may open"; exit 0; }
for tool in $ovs ovsdb-server ovsdb-tool ovs-vsctl; do
	command -v $tool >/dev/null || { echo "skip all: $tool is not installed"; exit 0; }
done
[ "$(awk '/^HugePages_Free/ {print $2}' /proc/meminfo)" -ge 256 ] || {
	echo "skip all: 256 free hugepages of 2 MiB are needed"
	exit 0
}
for d in RUN LOG DB SYSCONF; do export "OVS_${d}DIR=$work"; done

wait_for() { # SECONDS COMMAND...
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do "$@" && return; sleep 0.05; done
	return 1
}
vsctl() { ovs-vsctl "--db=unix:$work/db.sock" --no-wait "$@"; }
start_vswitchd() {
	"$ovs" "unix:$work/db.sock" "--unixctl=$work/ctl" >>"$work/log" 2>&1 </dev/null &
	vswitchd=$!
}

ovsdb-tool create "$work/conf.db" /usr/share/openvswitch/vswitch.ovsschema >"$work/log" 2>&1
ovsdb-server "$work/conf.db" "--remote=punix:$work/db.sock" "--unixctl=$work/db.ctl" >>"$work/log" 2>&1 </dev/null &
db=$!
wait_for 10 [ -S "$work/db.sock" ] || { echo "not ok ovs: $(tail -n 1 "$work/log")"; exit 1; }
vsctl init
vsctl set Open_vSwitch . other_config:dpdk-init=true other_config:dpdk-socket-mem=256 \
	other_config:pmd-cpu-mask=2 other_config:dpdk-lcore-mask=1 other_config:pmd-sleep-max=100 \
	"other_config:dpdk-extra=--in-memory --no-pci --no-telemetry"
vsctl add-br br0 -- set bridge br0 datapath_type=netdev
for n in a b; do
	vsctl add-port br0 $n -- set Interface $n type=dpdkvhostuserclient "options:vhost-server-path=$work/$n"
done
start_vswitchd

guest() { # CMDLINE
	timeout -k 5 60 "$bin/../tests/start_vmm" --figures --mem 64 --page 2M --nic "$work/a" --nic "$work/b" \
		--cmdline "$1" "$bin/corelane-vmm" "$bin/corelane-probe" >"$work/out" 2>"$work/err" </dev/null
}
field() { sed -n "s/.*\"result\".*\"$1\":\([0-9]*\).*/\1/p" "$work/out" | tail -n 1; }
frames() { # NAME PERCENT
	local sent received
	sent=$(field sent) received=$(field received)
	if [ -z "$sent" ] || [ "$sent" -eq 0 ] || [ $((received * 100)) -lt $((sent * $2)) ]; then
		echo "not ok $1: $received of $sent frames: $(tail -n 2 "$work/out" | cut -c1-300) $(tail -n 2 "$work/log")"
	elif [ "$(field corrupted)$(field reordered)" != 00 ]; then
		echo "not ok $1: $(field corrupted) corrupted, $(field reordered) reordered"
	else
		echo "ok $1"
	fi
}

guest "mode=loop time=1s rate=1000 wait=30s rings=split"
frames ovs-split 90
guest "mode=loop time=5s rate=1000 wait=30s rings=split" &
vmm=$!
wait_for 30 grep -q '"ready"' "$work/out"
sleep 0.5
kill -KILL "$vswitchd"
wait "$vswitchd" 2>/dev/null
start_vswitchd
wait $vmm
frames ovs-killed-comes-back 10
last=$(field receive_ns)
if [ "${last:-0}" -gt 4000000000 ]; then
	echo "ok ovs-killed-until-the-end"
else
	echo "not ok ovs-killed-until-the-end: the last frame came after $last ns"
fi
