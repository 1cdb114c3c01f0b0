#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# corelane-vmm by itself on the real /dev/kvm: a guest that prints, ends, faults, floods; wrong kernels,
# too little memory; pause, resume, stop; hostile control clients; the starter's death.
set -uo pipefail
bin=$(readlink -f "$1")
tools=$bin/../tests
vmm=$bin/corelane-vmm
guest=$tools/vmm_guest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in start_vmm vmm_ctl vmm_guest; do
	[ -e "$tools/$tool" ] || { echo "not ok all: $tools/$tool was not built"; exit 1; }
done
if [ ! -w /dev/kvm ]; then
	echo "skip all: no /dev/kvm that this user may open"
	exit 0
fi

# start [OPTIONS]: runs a guest to its end; leaves $err and $status.
start() {
	timeout -k 5 60 "$tools/start_vmm" "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	err=$(cat "$work/err")
}

# expect NAME WANTED-STATUS TEXT...: every text must be in the output or in the messages.
expect() {
	local name=$1 want=$2 text
	shift 2
	if [ "$status" -ne "$want" ]; then
		echo "not ok $name: exit status $status, not $want: $err"
		return
	fi
	for text in "$@"; do
		if ! grep -qF -- "$text" "$work/out" "$work/err"; then
			echo "not ok $name: no '$text' in: $(head -c 300 "$work/out") $err"
			return
		fi
	done
	echo "ok $name"
}

# verify NAME COMMAND...: by its exit status.
verify() {
	local name=$1
	shift
	if "$@" >"$work/verify" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: $* failed: $(tail -n 3 "$work/verify" | tr '\n' ' ')"
	fi
}

test_ends() {
	start --cmdline h "$vmm" "$guest"
	expect hello-and-power-off 0 "hello from the guest" "event: started" "event: poweroff"
	start --cmdline h --vcpus 4 "$vmm" "$guest"
	expect four-vcpus 0 "hello from the guest" "event: started: 4 vCPUs"
	start --cmdline h --mem 3074 "$vmm" "$guest"
	expect memory-above-4-gib 0 "hello from the guest"
	start --cmdline r "$vmm" "$guest"
	expect reset-by-keyboard-controller 10 "event: reset"
	start --cmdline c "$vmm" "$guest"
	expect reset-by-cf9 10 "event: reset"
	start --cmdline j "$vmm" "$guest"
	expect reset-by-the-bios-entry 10 "event: reset"
	start --cmdline t "$vmm" "$guest"
	expect triple-fault 11 "event: fault: vcpu 0: triple fault; "
	start --cmdline b "$vmm" "$guest"
	expect internal-error 11 "event: fault: vcpu 0: KVM internal error" "rip 0xd0000000"
	start --cmdline u --figures "$vmm" "$guest"
	expect unknown-ports-read-ones 0 "ones everywhere" '"unhandled": 4'
	verify memory-beside-the-guest check_memory
	truncate -s 1M "$work/disk"
	start --cmdline u --disk "$work/disk,8" --figures "$vmm" "$guest"
	verify memory-with-a-disk check_memory
}

# What docs/results.md promises; a sanitizer's shadow memory is not what is promised.
check_memory() {
	local most=5120
	grep -qa __asan_init "$vmm" && most=65536
	[ "$(grep -o '"beside_kib": [0-9]*' "$work/err" | cut -d' ' -f2)" -le $most ]
}

# Output must be complete and in order, whatever the reader does.
check_flood() {
	[ "$(wc -c <"$work/out")" -eq 262144 ] &&
		seq 0 4095 | awk '{printf "%08x abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01\n", $1}' |
		cmp - "$work/out"
}

test_serial() {
	start --cmdline f "$vmm" "$guest"
	expect flood 0 "event: poweroff"
	verify flood-is-complete check_flood
	start --cmdline f --hold 2 "$vmm" "$guest"
	expect flood-unread-for-two-seconds 0 "event: poweroff"
	verify flood-unread-is-complete check_flood
	start --cmdline f --slow "$vmm" "$guest"
	expect flood-with-a-slow-reader 0 "event: poweroff"
	verify flood-slow-is-complete check_flood
	timeout -k 5 60 "$tools/start_vmm" --cmdline e "$vmm" "$guest" \
		>"$work/out" 2>"$work/err" < <(printf 'The slow brown fox %0200d q' 0; sleep 5)
	status=$? err=$(cat "$work/err")
	expect echo-of-input 0 "$(printf 'The slow brown fox %0200d q' 0)"
}

test_kernels() {
	printf 'this is no kernel' >"$work/text"
	start "$vmm" "$work/text"
	expect kernel-that-is-no-kernel 3 "neither a PVH ELF nor a bzImage"
	: >"$work/empty"
	start "$vmm" "$work/empty"
	expect empty-kernel 3 "the file is empty"
	head -c 4200 "$guest" >"$work/cut"
	start "$vmm" "$work/cut"
	expect truncated-kernel 3 "truncated?"
	start "$vmm" "$vmm"
	expect elf-without-pvh-note 3 "kernel: ELF"
	start "$vmm" /dev/null
	expect kernel-that-is-no-file 3 "not a regular file"
	head -c 70000000 /dev/zero >"$work/large"
	start --initrd "$work/large" "$vmm" "$guest"
	expect initrd-larger-than-memory 4 "initrd" "give the guest more memory"
}

test_resources() {
	local free
	start --kvm /dev/null "$vmm" "$guest"
	expect kvm-that-is-none 4 "is not /dev/kvm"
	start --page 2M --mem 8388608 "$vmm" "$guest"
	expect too-few-hugepages 4 "hugepages of 2 MiB are needed" "are free: reserve"
	start --page 4K --mem 3 "$vmm" "$guest"
	expect small-pages 0 "event: started"
	start --mem 0 "$vmm" "$guest"
	expect no-memory 3 "is not 2 MiB..16 TiB"
	start --vcpus 65 "$vmm" "$guest"
	expect too-many-vcpus 3 "65 vCPUs are not 1..64"
	start --pin 999 "$vmm" "$guest"
	expect pin-to-no-cpu 3 "cannot be pinned to CPU 999"
	start --node 77 "$vmm" "$guest"
	expect node-that-is-not-there 3 "NUMA node 77"
	free=$(awk '/HugePages_Free/ {print $2}' /proc/meminfo)
	if [ "$free" -lt 32 ]; then
		echo "skip hugepages: fewer than 32 free hugepages of 2 MiB"
		return
	fi
	start --page 2M --cmdline h --pin 0 --priority 1 --emulator 0 "$vmm" "$guest"
	expect hugepages-pinned-fifo 0 "hello from the guest"
	sleep 0.2
	verify hugepages-come-back test "$(awk '/HugePages_Free/ {print $2}' /proc/meminfo)" -ge "$free"
}

# live CMDLINE [OPTIONS]: a guest in the background; leaves $starter, $vmm_pid, $sock.
live() {
	local cmdline=$1
	shift
	sock=$work/control
	rm -f "$sock"
	: >"$work/out"
	"$tools/start_vmm" --cmdline "$cmdline" --control "$sock" "$@" "$vmm" "$guest" \
		>"$work/out" 2>"$work/err" </dev/null &
	starter=$!
	for _ in $(seq 100); do
		grep -q hello "$work/out" && break
		sleep 0.05
	done
	vmm_pid=$(pgrep -P $starter | head -n 1)
}

ctl() { timeout 10 "$tools/vmm_ctl" "$sock" "$@"; }
state_is() { ctl status | grep -q "\"state\": \"$1\""; }
refused() { ctl "$@"; [ $? -eq 1 ]; } # an error in the reply, not a broken connection
finished() { wait "$starter"; status=$?; err=$(cat "$work/err"); }
gone() { for _ in $(seq 100); do [ -d "/proc/$1" ] || return 0; sleep 0.05; done; return 1; }

# CPU time of a process, in ticks.
cpu_time() { awk '{print $14 + $15}' "/proc/$1/stat"; }
is_still() {
	local before
	before=$(cpu_time "$vmm_pid")
	sleep 1
	[ $(($(cpu_time "$vmm_pid") - before)) -lt 10 ]
}

test_control() {
	live l --vcpus 2
	verify status-running state_is running
	verify pause ctl pause
	verify status-paused state_is paused
	verify paused-uses-no-cpu is_still
	verify pause-twice-refused refused pause
	verify resume ctl resume
	verify resume-twice-refused refused resume
	verify status-running-again state_is running
	verify unknown-operation-refused refused 99
	verify garbage-closes-the-client ctl garbage
	verify deaf-client-closed ctl deaf
	verify status-after-hostile-clients state_is running
	verify pause-resume-100-times sh -c "for i in \$(seq 100); do
		'$tools/vmm_ctl' '$sock' pause && '$tools/vmm_ctl' '$sock' resume || exit 1; done"
	verify stop ctl stop
	finished
	expect stopped 0 "event: started"
	live s
	ctl pause >/dev/null
	verify stop-while-paused ctl stop
	finished
	expect stopped-while-paused 0 "event: started"
	live l
	verify power-button-of-a-deaf-guest ctl power
	verify still-running state_is running
	verify no-balloon-refused refused balloon
	verify no-such-nic-refused refused detach 3
	verify reset-from-outside ctl reset
	finished
	expect reset-outside 10 "event: reset: a reset was asked for from outside"
}

test_cells() {
	start --cmdline h --vcpus 4 --cell 32 --cell 64 --cell 16 "$vmm" "$guest"
	expect three-cells 0 "hello from the guest" "event: started: 4 vCPUs"
	start --cmdline h --cell 3000 --cell 200 "$vmm" "$guest"
	expect cell-across-the-hole 0 "hello from the guest"
	start --cmdline h --cell 32,900 "$vmm" "$guest"
	expect cell-on-no-node 3 "event: fault: memory: cannot bind to NUMA node 900"
}

count_fds() { ls "/proc/$vmm_pid/fd" | wc -l; }

test_leaks() {
	local before
	live s
	before=$(count_fds)
	for _ in $(seq 30); do ctl status >/dev/null; ctl garbage >/dev/null; done
	sleep 0.2
	verify no-fd-leaked-by-clients test "$(count_fds)" -eq "$before"
	# start socket, epoll, its wake-up, VM, vCPU, KVM, memory, serial, control and stdio.
	verify few-fds-open test "$before" -ge 10 -a "$before" -le 20
	kill -KILL "$starter"
	wait "$starter" 2>/dev/null
	verify starter-killed-ends-the-vmm gone "$vmm_pid"
}

test_start_message() {
	"$vmm" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	expect usage 2 "usage: corelane-vmm"
	"$vmm" --start-fd 0 >"$work/out" 2>"$work/err" </dev/null
	status=$?
	expect start-fd-that-is-no-socket 1 "no start message"
	"$vmm" --version >"$work/out" 2>"$work/err"
	status=$?
	expect version 0 "corelane-vmm "
}

test_start_message
test_ends
test_serial
test_kernels
test_resources
test_control
test_cells
test_leaks
