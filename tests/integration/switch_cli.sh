#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# corelane-switch's command line: what it refuses, with which words and status, and what it leaves behind.
switch=$1/corelane-switch
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cpu=$(taskset -cp $$ | sed 's/.*[-:, ]//')

# expect NAME STATUS WORDS ARGUMENTS...: runs it; the words must be on stderr.
expect() {
	local name=$1 status=$2 words=$3 got
	shift 3
	timeout 20 "$switch" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		echo "not ok $name: status $got instead of $status: $(tail -n 1 "$dir/err")"
	elif ! grep -q -- "$words" "$dir/err" "$dir/out"; then
		echo "not ok $name: no \"$words\" in: $(tail -n 1 "$dir/err")"
	else
		echo "ok $name"
	fi
}

expect help 0 'usage: corelane-switch' --help
expect version 0 'corelane-switch [0-9]' --version
expect no-cpu 2 '--cpu is missing' --control "$dir/s"
expect no-control 2 'either --control-fd or --control' --cpu "$cpu"
expect both-controls 2 'either --control-fd or --control' --cpu "$cpu" --control "$dir/s" --control-fd 0
expect not-a-socket 2 'not a SOCK_SEQPACKET socket' --cpu "$cpu" --control-fd 0
expect unknown-option 2 'unknown option' --cpu "$cpu" --control "$dir/s" --frobnicate
expect missing-value 2 'value is missing' --control "$dir/s" --cpu
expect stray-word 2 'unexpected argument: now' --cpu "$cpu" --control "$dir/s" now
expect bad-number 2 'not a number from 0 to' --cpu 1x --control "$dir/s"
expect bad-list 2 'not a CPU list' --cpu "$cpu" --housekeeping 3-1 --control "$dir/s"
expect bad-lanes 2 'not a CPU list like' --cpus 3-1 --control "$dir/s"
expect too-many-lanes 2 'more than 16 forwarding threads' --cpus 0-16 --control "$dir/s"
expect idle-without-unit 2 'neither off nor a time' --cpu "$cpu" --idle 5 --control "$dir/s"
expect idle-too-long 2 'neither off nor a time' --cpu "$cpu" --idle 2s --control "$dir/s"
expect small-table 2 'not a number from 64' --cpu "$cpu" --control "$dir/s" --mac-table 1
expect whose-rings 2 'neither own nor library' --cpu "$cpu" --control "$dir/s" --rings mine
expect no-such-cpu 4 'CPU 1023' --cpu 1023 --control "$dir/s" --memory 32
expect too-few-hugepages 4 '65536 MiB of hugepages are needed.*MiB are free.*nr_hugepages' \
	--cpu "$cpu" --control "$dir/s" --memory 65536
expect no-such-node 4 'on NUMA node 31' --cpu "$cpu" --control "$dir/s" --node 31 --memory 32
[ -e "$dir/s" ] && echo "not ok refused-leaves-nothing: $dir/s is there" || echo "ok refused-leaves-nothing"

free() { awk '/HugePages_Free/ { print $2 }' /proc/meminfo; }
if [ "$(free)" -lt 32 ]; then
	echo "skip running: fewer than 32 free hugepages of 2 MiB"
	exit
fi
wait_for() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
polls() { grep -qs "forwarding on CPU" "$1"; }

start() {
	rm -f "$dir/log" # the last one says so too
	"$switch" --cpu "$cpu" --control "$dir/s" --memory 32 --shared-cpu 2>"$dir/log" &
	pid=$!
	wait_for polls "$dir/log"
}
start || echo "not ok starts: $(tail -n 1 "$dir/log")"
expect taken-socket 5 'control socket' --cpu "$cpu" --control "$dir/s" --memory 32
[ -S "$dir/s" ] && echo "ok taken-socket-stays" || echo "not ok taken-socket-stays: it is gone"
kill -KILL $pid
wait $pid 2>/dev/null
start && echo "ok starts-after-sigkill" || echo "not ok starts-after-sigkill: $(tail -n 1 "$dir/log")"
kill -INT $pid
wait $pid
status=$?
[ $status -eq 0 ] && echo "ok sigint" || echo "not ok sigint: status $status"
[ -e "$dir/s" ] && echo "not ok leaves-nothing: $dir/s is there" || echo "ok leaves-nothing"
