#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# corelane-switch is killed, and is replaced by another one, while numbered frames flow in rings that stay.
# Every frame that was sent is accounted for: it came, or a switch says that it dropped it. How long it
# took is not judged here: a machine that runs tests is no place to measure.
bin=$(readlink -f "$1")
dir=$(mktemp -d)
pids=
cleanup() {
	for p in $pids; do kill -KILL "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
cpu=$(taskset -cp $$ | sed 's/.*[-:, ]//')
seconds=120 # a window is ended long before
dressed=    # what ports have beyond their sockets

if [ "$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)" -lt 100 ]; then
	echo "skip never-down: fewer than 100 free hugepages of 2 MiB"
	exit
fi

say() { # NAME, words when it is wrong
	if [ -z "$2" ]; then echo "ok $1"; else echo "not ok $1: $2"; fi
}
wait_for() { for _ in $(seq 1000); do "$@" && return; sleep 0.02; done; return 1; }

start_switch() { # NUMBER [ARGUMENTS]
	local n=$1
	shift
	rm -f "$dir/c$n"
	"$bin/corelane-switch" --cpu "$cpu" --control "$dir/c$n" --memory 32 --shared-cpu "$@" 2>>"$dir/log$n" &
	switch=$!
	pids="$pids $switch"
	wait_for [ -S "$dir/c$n" ] && wait_for add_ports "$n"
}
add_ports() { "$bin/corelane-ports" "$dir/c$1" add net 1500 ${dressed:+"$dressed"} "$dir/a" "$dir/b" 2>"$dir/add"; }
# What the switch has counted: frames taken from guests, and dropped.
count() { "$bin/corelane-ports" "$dir/c$1" stats >"$dir/stats" && sum rx_packets && sum 'drop_[a-z-]*'; }
sum() { grep -o "\"$1\": [0-9]*" "$dir/stats" | awk '{ n += $NF } END { print n + 0 }'; }
up() { "$bin/corelane-ports" "$dir/c$1" stats >"$dir/stats" 2>/dev/null && [ "$(sum connected)" = 2 ]; }
moving() { # NUMBER: frames of both guests pass
	local before after
	before=$(count "$1") || return
	sleep 0.05
	after=$(count "$1") || return
	[ "${after%%[!0-9]*}" -gt "$((${before%%[!0-9]*} + 10))" ]
}

# Guests that send 2,000 frames a second each; "steady" is told to end by SIGINT.
start_load() { # RING [WORDS]
	local ring=$1
	shift
	rm -f "$dir/a" "$dir/b" "$dir/load"
	"$bin/corelane-load" --ring "$ring" --notes --listen "$dir/a" --listen "$dir/b" steady \
		seconds=$seconds rate=2000 "$@" >"$dir/load" 2>"$dir/load.err" &
	load=$!
	pids="$pids $load"
	wait_for [ -S "$dir/b" ]
}
end_load() {
	kill -INT "$load"
	wait "$load"
}
value() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$dir/load"; }

stop_switch() {
	"$bin/corelane-ports" "$dir/c$1" stop
	wait "$switch"
}

# A switch that is killed three times. Of what it had in hand it may send a burst again, no more.
killed() {
	local ring=$1 drops=0 wrong=
	start_load "$ring"
	start_switch 0 || wrong="no switch: $(tail -n 1 "$dir/log0")"
	for _ in 1 2 3; do
		wait_for up 0 && wait_for moving 0 || wrong="no frames pass"
		sleep "0.0$((RANDOM % 90 + 10))"
		drops=$((drops + $(count 0 | tail -n 1)))
		kill -KILL "$switch"
		wait "$switch" 2>/dev/null
		start_switch 0 || wrong="it does not come back: $(tail -n 1 "$dir/log0")"
	done
	wait_for up 0 && wait_for moving 0 || wrong="no frames pass at the end"
	end_load
	drops=$((drops + $(count 0 | tail -n 1)))
	say "$ring-killed-comes-back" "$wrong"
	say "$ring-killed-resumes-its-rings" "$([ "$(value resumes)" = 6 ] || cat "$dir/load" "$dir/load.err")"
	say "$ring-killed-frames-are-accounted-for" "$([ "$(value lost)" = "$drops" ] && [ "$(value bad)" = 0 ] ||
		echo "switches dropped $drops: $(cat "$dir/load")")"
	# 3 times 2 guests, 32 frames a burst
	say "$ring-killed-sends-a-burst-twice-at-most" "$([ "$(value again)" -le 192 ] || cat "$dir/load")"
	stop_switch 0
}

# A switch that is replaced by another while it runs, twice.
replaced() { # RING, [NAME, WORDS for the load]
	local ring=$1 name=${2:-$1} wrong= told= i
	start_load "$ring" handover=1 ${3:+"$3"}
	start_switch 0 || wrong="no switch: $(tail -n 1 "$dir/log0")"
	wait_for up 0 && wait_for moving 0 || wrong="no frames pass"
	for i in 1 2; do
		local old=$switch
		start_switch $i --takeover || wrong="no second switch: $(tail -n 1 "$dir/log$i")"
		told=$("$bin/corelane-ports" "$dir/c$((i - 1))" upgrade "$dir/c$i" 2>&1)
		[ "$told" = '{"handed_over": 2}' ] || wrong="told: $told"
		wait "$old" || wrong="the old one ended with status $?"
		wait_for moving $i || wrong="no frames pass through switch $i"
	done
	end_load
	set -- $(count 2)
	say "$name-replaced" "$wrong"
	say "$name-replaced-is-a-hand-over" "$([ "$(value handovers)" = 2 ] && [ "$(value resumes)" = 0 ] ||
		cat "$dir/load" "$dir/load.err")"
	say "$name-replaced-takes-every-frame-once" "$([ "$1" = "$(value sent_total)" ] && [ "$(value again)" = 0 ] ||
		echo "$1 were taken: $(cat "$dir/load")")"
	say "$name-replaced-frames-are-accounted-for" "$([ "$(value lost)" = "$2" ] && [ "$(value bad)" = 0 ] ||
		echo "$2 were dropped: $(cat "$dir/load")")"
	grep -q 'took over 2 ports from the switch before; nothing was served for' "$dir/log2"
	say "$name-replaced-says-so" "$([ $? = 0 ] || tail -n 3 "$dir/log2")"
	grep 'nothing was served' "$dir"/log? | sed 's/.*corelane-switch: /# /'
	stop_switch 2
}

# The same while frames wait in the ports' shapers, of which each is always full: they go, or are counted.
replaced_shaped() {
	dressed=shape=1000000
	replaced split shaped size=1000
	dressed=
}

# The new one dies before the old one has let go: nobody notices.
new_one_dies() {
	local ring=split wrong= old
	start_load $ring handover=1
	start_switch 0
	wait_for up 0 && wait_for moving 0 || wrong="no frames pass"
	old=$switch
	start_switch 1 --takeover
	wait_for grep -q 'port net/p0: connected' "$dir/log1" || wrong="it was not set up"
	kill -KILL "$switch"
	wait "$switch" 2>/dev/null
	wait_for moving 0 || wrong="no frames pass any more"
	start_switch 1 --takeover
	"$bin/corelane-ports" "$dir/c0" upgrade "$dir/c1" >"$dir/told" 2>&1 || wrong="$(cat "$dir/told")"
	wait "$old"
	wait_for moving 1 || wrong="no frames pass through the next one"
	end_load
	set -- $(count 1)
	say a-new-one-that-dies-is-not-missed "$wrong"
	say a-new-one-that-dies-costs-no-frame "$([ "$1" = "$(value sent_total)" ] && [ "$(value again)" = 0 ] &&
		[ "$(value lost)" = "$2" ] || echo "$1 taken, $2 dropped: $(cat "$dir/load")")"
	stop_switch 1
}

# A port whose socket cannot be opened after a hand-over: told, and in the way of no other hand-over.
closed_port() {
	local wrong= i
	start_load split handover=1
	start_switch 0
	wait_for up 0 && wait_for moving 0 || wrong="no frames pass"
	for i in 1 2; do
		local old=$switch
		start_switch $i --takeover
		"$bin/corelane-ports" "$dir/c$i" add net 1500 first=2 listen=1 "$dir/l$i" || wrong="no third port"
		rm "$dir/l$i" && mkdir "$dir/l$i"
		"$bin/corelane-ports" "$dir/c$((i - 1))" upgrade "$dir/c$i" >"$dir/told" 2>&1 || wrong="$(cat "$dir/told")"
		wait "$old" || wrong="switch $((i - 1)) ended with status $?"
		grep -q "$dir/l$i is there and is no socket" "$dir/log$i" || wrong="not told: $(tail -n 1 "$dir/log$i")"
		wait_for moving $i || wrong="no frames pass through switch $i"
	done
	end_load
	say a-port-that-is-closed-is-handed-over "$wrong"
	stop_switch 2
}

# What no hand-over can be made with: told, and the switch goes on.
refused() {
	local told
	start_load split
	start_switch 0
	wait_for up 0 && wait_for moving 0
	told=$("$bin/corelane-ports" "$dir/c0" upgrade "$dir/c0" 2>&1)
	say a-switch-does-not-follow-itself "$(wait_for moving 0 || echo "no frames pass: $told")"
	say why-not-is-told "$(grep -q 'hand-over:' <<<"$told" || echo "$told")"
	end_load
	stop_switch 0
}

for ring in split packed; do
	killed $ring
	replaced $ring
done
replaced_shaped
new_one_dies
closed_port
refused
