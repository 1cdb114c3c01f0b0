#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Somebody else's front ends on our switch, in both directions of their sockets: QEMU with the probe as
# its guest, and DPDK's virtio-user. The switch is killed and started again beside them.
set -uo pipefail
bin=$(readlink -f "$1")
work=$(mktemp -d /tmp/corelane-peers.XXXXXX)
cpu=$(taskset -cp $$ | sed 's/.*[-:, ]//')
switch= other=
cleanup() {
	for p in $switch $other; do kill -KILL "$p" 2>/dev/null; done
	wait 2>/dev/null
	exec 9>&-
	rm -rf "$work" "/var/run/dpdk/w$$"
}
trap cleanup EXIT

say() { # NAME, words when it is wrong
	if [ -z "$2" ]; then echo "ok $1"; else echo "not ok $1: $2"; fi
}
wait_for() { # SECONDS COMMAND...
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do "$@" && return; sleep 0.05; done
	return 1
}

start_switch() { # [listen=1]
	rm -f "$work/c"
	"$bin/corelane-switch" --cpu "$cpu" --control "$work/c" --memory 32 --shared-cpu 2>>"$work/log" &
	switch=$!
	wait_for 20 [ -S "$work/c" ]
	wait_for 20 "$bin/corelane-ports" "$work/c" add net 1500 "$@" "$work/a" "$work/b" 2>"$work/add"
}
kill_switch() {
	kill -KILL "$switch"
	wait "$switch" 2>/dev/null
	switch=
}
end_other() {
	[ -z "$other" ] || kill -KILL "$other" 2>/dev/null
	wait "$other" 2>/dev/null
	other=
}
# Both ports got frames from the other: more than N by now.
passed() { # N
	"$bin/corelane-ports" "$work/c" stats 2>/dev/null | grep -o '"tx_packets": [0-9]*' |
		awk -v n="$1" '$2 > n { ok++ } END { exit ok != 2 }'
}
both_connected() { [ "$("$bin/corelane-ports" "$work/c" stats 2>/dev/null | grep -c '"connected": 1')" = 2 ]; }

# qemu ROLE RINGS: the probe sends frames from one of its NICs to the other.
qemu() {
	local packed=off how=server=on,wait=off
	[ "$2" = packed ] && packed=on
	[ "$1" = client ] && how=reconnect=1
	timeout -k 5 90 qemu-system-x86_64 -accel tcg -M q35,memory-backend=mem -m 64 -nodefaults -no-reboot \
		-object memory-backend-memfd,id=mem,size=64M,share=on -display none -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$bin/corelane-probe" \
		-append "mode=loop time=1s rate=500 wait=30s rings=$2" \
		-chardev "socket,id=a,path=$work/a,$how" -chardev "socket,id=b,path=$work/b,$how" \
		-netdev vhost-user,id=na,chardev=a -netdev vhost-user,id=nb,chardev=b \
		-device "virtio-net-pci,netdev=na,packed=$packed,disable-legacy=on" \
		-device "virtio-net-pci,netdev=nb,packed=$packed,disable-legacy=on" \
		>"$work/out" 2>"$work/err" </dev/null &
	other=$!
}
field() { sed -n "s/.*\"result\".*\"$1\":\([0-9]*\).*/\1/p" "$work/out" | tail -n 1; }

test_qemu() { # ROLE RINGS
	local name="qemu-$1-$2" sent received
	rm -f "$work/a" "$work/b"
	if [ "$1" = client ]; then
		start_switch listen=1
		qemu client "$2"
	else
		qemu server "$2"
		start_switch
	fi
	wait "$other"
	other=
	sent=$(field sent) received=$(field received)
	if [ -z "$sent" ] || [ "$sent" -eq 0 ] || [ $((received * 100)) -lt $((sent * 90)) ]; then
		say "$name" "$received of $sent frames: $(tail -n 2 "$work/out" | cut -c1-300) $(tail -n 2 "$work/err") $(tail -n 2 "$work/log")"
	else
		say "$name" "$([ "$(field corrupted)$(field reordered)" = 00 ] || tail -n 2 "$work/out")"
	fi
	kill_switch
}

# pmd ROLE RINGS: both of its ports send as fast as they can, and receive.
pmd() {
	local packed=0 server=0
	[ "$2" = packed ] && packed=1
	[ "$1" = server ] && server=1
	dpdk-testpmd -l 0,1 --in-memory --single-file-segments --no-pci --file-prefix "w$$" --socket-mem 64 \
		--vdev "net_virtio_user0,path=$work/a,server=$server,packed_vq=$packed,mac=02:00:00:00:00:0a" \
		--vdev "net_virtio_user1,path=$work/b,server=$server,packed_vq=$packed,mac=02:00:00:00:00:0b" -- \
		--forward-mode=flowgen --auto-start --no-mlockall --disable-link-check -i --total-num-mbufs=4096 >>"$work/pmd" 2>&1 <&9 &
	other=$!
}

test_virtio_user() { # ROLE RINGS
	local name="virtio-user-$1-$2" wrong=
	rm -f "$work/a" "$work/b"
	: >"$work/pmd"
	if [ "$1" = client ]; then
		start_switch listen=1
		pmd client "$2"
		wait_for 15 passed 1000 || wrong="no frames: $(tail -n 2 "$work/pmd") $(tail -n 2 "$work/log")"
		say "$name" "$wrong"
	else
		pmd server "$2"
		wait_for 20 [ -S "$work/a" ] # the other one is there when this one is connected
		start_switch
		wait_for 15 passed 1000 || wrong="no frames: $(tail -n 2 "$work/pmd") $(tail -n 2 "$work/log")"
		say "$name" "$wrong"
		kill_switch
		start_switch
		wait_for 15 both_connected && wait_for 15 passed 1000 || wrong="none: $(tail -n 2 "$work/log")"
		say "$name-after-a-kill" "$wrong"
	fi
	kill_switch
	end_other
}

free_pages() { awk '/HugePages_Free/ { print $2 }' /proc/meminfo; }
if [ "$(free_pages)" -lt 96 ]; then
	echo "skip all: 96 free hugepages of 2 MiB are needed"
	exit 0
fi
if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "skip qemu: it is not installed"
else
	test_qemu server split
	test_qemu server packed
	test_qemu client split
fi
if ! command -v dpdk-testpmd >/dev/null; then
	echo "skip virtio-user: dpdk-testpmd is not installed"
	exit 0
fi
mkfifo "$work/stdin"
exec 9<>"$work/stdin" # testpmd ends when its input does
test_virtio_user client split
test_virtio_user server split
test_virtio_user server packed

# A socket that is somebody else's, a file that is none: told, and nothing is taken away.
: >"$work/file"
rm -f "$work/a" "$work/b"
start_switch listen=1
"$bin/corelane-ports" "$work/c" add net2 1500 first=5 listen=1 "$work/file" 2>"$work/add"
say a-file-is-no-socket "$(grep -q 'is no socket; remove it' "$work/add" && [ -e "$work/file" ] || cat "$work/add")"
"$bin/corelane-ports" "$work/c" add net2 1500 first=6 listen=1 "$work/c" 2>"$work/add"
say a-socket-of-others-stays "$(grep -q 'another process listens' "$work/add" && [ -S "$work/c" ] || cat "$work/add")"
