#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The probe's two NICs joined by dpdk-testpmd: somebody else's vhost-user back end, as client, on rings of
# both kinds; killed and started again while frames flow. And the devices that the VMM serves itself.
set -uo pipefail
bin=$(readlink -f "$1")
start=$bin/../tests/start_vmm
start_ctl=$bin/../tests/vmm_ctl
work=$(mktemp -d /tmp/corelane-vhost.XXXXXX)
pmd=
trap '[ -z "$pmd" ] || kill -KILL $pmd 2>/dev/null; exec 9>&-; rm -rf "$work" "/var/run/dpdk/v$$"' EXIT

[ -x "$start" ] || { echo "not ok all: $start was not built"; exit 1; }
[ -w /dev/kvm ] || { echo "skip all: no /dev/kvm that this user may open"; exit 0; }
[ "$(awk '/^HugePages_Free/ {print $2}' /proc/meminfo)" -ge 256 ] || {
	echo "skip all: 256 free hugepages of 2 MiB are needed"
	exit 0
}
# testpmd ends when its input does: an open pipe keeps it.
mkfifo "$work/stdin"
exec 9<>"$work/stdin"

# testpmd [QUEUES [CLIENT]]: starts it; its ports connect by themselves, again and again (or listen).
testpmd() {
	local q=${1:-1} c=${2:-1}
	dpdk-testpmd -l 0,1 --in-memory --no-pci --file-prefix "v$$" --socket-mem 128 \
		--vdev "net_vhost0,iface=$work/a,client=$c,queues=$q" \
		--vdev "net_vhost1,iface=$work/b,client=$c,queues=$q" -- --forward-mode=io --auto-start \
		--no-mlockall -i --total-num-mbufs=8192 --rxq="$q" --txq="$q" >>"$work/pmd" 2>&1 <&9 &
	pmd=$!
}
end_testpmd() {
	[ -n "$pmd" ] || return 0
	kill -KILL "$pmd"
	wait "$pmd" 2>/dev/null
	pmd=
}

# guest CMDLINE [OPTIONS]: the probe, in the foreground.
guest() {
	local cmdline=$1
	shift
	timeout -k 5 90 "$start" --figures --mem 128 --page 2M "$@" --cmdline "$cmdline" \
		"$bin/corelane-vmm" "$bin/corelane-probe" >"$work/out" 2>"$work/err" </dev/null
}
# field NAME: a number of the result line.
field() { sed -n "s/.*\"result\".*\"$1\":\([0-9]*\).*/\1/p" "$work/out" | tail -n 1; }

# frames NAME: the result says that frames came through, whole and in order. How many depends on what
# else this machine does (two busy threads and a guest share it): a fifth is enough, as a proof.
frames() {
	local name=$1 sent received
	sent=$(field sent) received=$(field received)
	if [ -z "$sent" ] || [ -z "$received" ]; then
		echo "not ok $name: no result: $(tail -n 2 "$work/out" | cut -c1-200) $(tail -n 2 "$work/err")"
	elif [ $((received * 100)) -lt $((sent * 20)) ] || [ "$sent" -eq 0 ]; then
		echo "not ok $name: only $received of $sent frames came through"
	elif [ "$(field corrupted)$(field reordered)" != 00 ]; then
		echo "not ok $name: $(field corrupted) corrupted, $(field reordered) reordered"
	elif ! grep -q '"guest_errors": 0' "$work/err"; then
		echo "not ok $name: the guest was found guilty: $(tail -n 3 "$work/err")"
	else
		echo "ok $name"
	fi
}
nics=(--nic "$work/a" --nic "$work/b")

test_frames() {
	local loop="mode=loop time=2s rate=2000 wait=20s"
	testpmd
	guest "$loop rings=split" "${nics[@]}"
	frames split
	guest "$loop rings=packed" "${nics[@]}"
	frames packed
	guest "$loop rings=packed indirect=1 chain=1 size=1500" "${nics[@]}"
	frames packed-indirect
	guest "$loop rings=split chain=1 mrg=0 size=60,1500" "${nics[@]}"
	frames split-chains-without-merging
	guest "mode=irq time=5s" "${nics[@]}"
	if [ "$(field interrupts)" -gt 0 ] 2>/dev/null && [ "$(field missed)" = 0 ]; then
		echo "ok interrupts-from-the-back-end"
	else
		echo "not ok interrupts-from-the-back-end: $(tail -n 2 "$work/out" | cut -c1-300)"
	fi
	end_testpmd
	testpmd 2
	guest "$loop rings=split queues=2" --nic "$work/a,2" --nic "$work/b,2"
	frames two-queue-pairs
	end_testpmd
}

# Killed twice while frames flow; the guest notices only that frames are missing.
test_killed() {
	local rings downs
	for rings in split packed; do
		testpmd
		guest "mode=loop time=12s rate=5000 wait=20s rings=$rings" "${nics[@]}" &
		local vmm=$!
		for _ in 1 2; do
			sleep 3.5
			end_testpmd
			testpmd
		done
		wait $vmm
		end_testpmd
		frames "killed-$rings"
		downs=$(grep -c nic-down "$work/err")
		if [ "$downs" -lt 2 ]; then
			echo "not ok killed-$rings-noticed: $downs times: $(cat "$work/err")"
		else
			echo "ok killed-$rings-noticed"
		fi
		# The second kill came at 7 s at the latest: frames passed after it.
		if [ "$(field receive_ns)" -gt 7500000000 ]; then
			echo "ok killed-$rings-until-the-end"
		else
			echo "not ok killed-$rings-until-the-end: the last frame came after $(field receive_ns) ns"
		fi
	done
}

# Without a back end the machine runs, and the link is down; one that comes late is taken.
test_late() {
	guest "mode=loop time=1s rate=2000 wait=30s rings=packed" "${nics[@]}" &
	local vmm=$!
	sleep 3
	testpmd
	wait $vmm
	end_testpmd
	frames late-back-end
}

# The other way round: the back end listens, and the starter connects, also after its death.
test_connect() {
	rm -f "$work/a" "$work/b"
	testpmd 1 0
	for _ in $(seq 100); do [ -S "$work/b" ] && break; sleep 0.1; done
	guest "mode=loop time=10s rate=2000 wait=20s rings=packed" --connect "$work/a" --connect "$work/b" &
	local vmm=$!
	sleep 4
	end_testpmd
	rm -f "$work/a" "$work/b" # a dead server's sockets are in the next one's way
	testpmd 1 0
	wait $vmm
	end_testpmd
	frames connected
	if [ "$(grep -c nic-wants-fd "$work/err")" -ge 2 ] && [ "$(grep -c nic-up "$work/err")" -ge 4 ] &&
		[ "$(field receive_ns)" -gt 6000000000 ]; then
		echo "ok connected-again"
	else
		echo "not ok connected-again: $(cat "$work/err")"
	fi
	rm -f "$work/a" "$work/b"
}

# Paused in the middle of traffic: the back end lets go of the rings, takes them back, frames go on.
test_pause() {
	local rings status
	for rings in split packed; do
		testpmd
		guest "mode=loop time=8s rate=2000 wait=20s rings=$rings" "${nics[@]}" --control "$work/ctl" &
		local vmm=$!
		sleep 3
		for _ in 1 2 3; do
			"$start_ctl" "$work/ctl" pause >"$work/ctl.out" 2>&1; status=$?
			sleep 0.3
			"$start_ctl" "$work/ctl" resume >>"$work/ctl.out" 2>&1 || status=$?
			sleep 0.5
		done
		wait $vmm
		end_testpmd
		frames "paused-$rings"
		if [ $status -eq 0 ] && ! grep -q nic-down "$work/err" &&
			[ "$(field receive_ns)" -gt 6000000000 ]; then
			echo "ok paused-$rings-goes-on"
		else
			echo "not ok paused-$rings-goes-on: $status $(cat "$work/ctl.out" "$work/err")"
		fi
	done
}

# A guest that writes garbage into rings that a back end serves hurts nobody: both are there afterwards.
test_garbage() {
	testpmd
	local what
	for what in rings config msix mmio; do
		guest "mode=garbage what=$what count=1500 seed=5" "${nics[@]}"
		if grep -q '"end","mode":"garbage","ok":true' "$work/out"; then
			echo "ok garbage-$what"
		else
			echo "not ok garbage-$what: $(tail -n 1 "$work/out" | cut -c1-200) $(tail -n 2 "$work/err")"
		fi
		kill -0 "$pmd" 2>/dev/null || { echo "note: testpmd died of it"; testpmd; }
	done
	guest "mode=loop time=1s rate=2000 wait=20s" "${nics[@]}"
	frames after-garbage
	end_testpmd
}

test_second() {
	guest "mode=loop time=3s rate=1000 wait=20s" "${nics[@]}" &
	local vmm=$!
	testpmd
	for _ in $(seq 100); do
		grep -q nic-up "$work/err" 2>/dev/null && break
		sleep 0.1
	done
	timeout 5 socat -u /dev/null "UNIX-CONNECT:$work/a" 2>/dev/null ||
		timeout 5 python3 -c "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect('$work/a'); s.recv(1)"
	wait $vmm
	end_testpmd
	frames beside-a-second-back-end
	if grep -q 'second back end was turned away' "$work/err"; then
		echo "ok second-back-end-refused"
	else
		echo "not ok second-back-end-refused: $(cat "$work/err")"
	fi
}

test_served() {
	guest "mode=rng"
	if [ "$(field bytes)" = 65536 ]; then echo "ok rng"; else echo "not ok rng: $(tail -n 1 "$work/out")"; fi
	guest "mode=boot out=console" --console "$work/console"
	if grep -q '"end","mode":"boot"' "$work/console"; then
		echo "ok console-output"
	else
		echo "not ok console-output: $(tail -n 2 "$work/out")"
	fi
	if ! command -v python3 >/dev/null; then
		echo "skip console-both-ways: no python3"
		return
	fi
	# A slow reader with much to read: nothing may be lost on the way.
	python3 - "$work/socket" >"$work/lines" <<-'PY' &
		import socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen()
		c = s.accept()[0]
		c.sendall(b"".join(b"line %d %s\n" % (i, b"x" * 400) for i in range(500)) + b"quit\n")
		while True:
		    d = c.recv(100)
		    if not d:
		        break
		    sys.stdout.write(d.decode())
		    time.sleep(0.0001)
	PY
	local reader=$!
	for _ in $(seq 50); do [ -S "$work/socket" ] && break; sleep 0.1; done
	guest "mode=console out=console" --console "$work/socket"
	wait $reader
	if [ "$(grep -c '"line","text":"line' "$work/lines")" = 500 ] && grep -q '"end"' "$work/lines"; then
		echo "ok console-both-ways"
	else
		echo "not ok console-both-ways: $(grep -c '"line"' "$work/lines") of 500 lines"
	fi
}

# Two taps in a bridge in a network namespace of the test's own.
test_taps() {
	if ! unshare -n true 2>/dev/null || [ ! -w /dev/net/tun ]; then
		echo "skip taps: no network namespaces or no /dev/net/tun"
		return
	fi
	for rings in split packed; do
		export -f guest
		start=$start bin=$bin work=$work rings=$rings unshare -n bash -c '
			ip link add br0 type bridge && ip link set br0 up
			for t in t0 t1; do
				ip tuntap add $t mode tap vnet_hdr
				ip link set $t master br0 up
			done
			guest "mode=loop rings=$rings time=1s rate=1000 size=60,1500" --tap t0 --tap t1'
		frames "taps-$rings"
	done
}

test_frames
test_killed
test_late
test_connect
test_pause
test_garbage
test_second
test_served
test_taps
