#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ends that nobody planned: signals to corelane, SIGKILL of any one part, a second start.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

{ host; network lan; probe ping1 "mode=rtt time=60s rate=1k wait=30s dst=02:00:00:00:01:02" lan
	probe echo1 "mode=echo time=90s" '{name: lan, switch: {network: lan, mac: "02:00:00:00:01:02"}}'
} >"$work/long.yaml"

up() { # NAME: both probes meet
	start "$work/long.yaml"
	if ! await 'ping1| {"probe":"ready"'; then
		complain "$1" "the probes did not meet"
		return 1
	fi
	kids=$(children)
}

for sig in INT TERM; do
	up "sig$sig" || continue
	kill -$sig "$pid"
	finish 10
	expect "sig$sig-ends-in-order" 0 'vnf ping1: stopped' 'vnf echo1: stopped' 'ping1/lan'
	nothing_left "sig$sig-leaves-nothing" "$kids"
done

if up busy; then
	"$bin/corelane" run --run-dir "$run" "$work/long.yaml" >"$work/out2" 2>"$work/err2"
	second=$?
	if [ $second = 5 ] && grep -q "already running (pid $pid" "$work/err2"; then
		echo "ok a-second-start-is-told-who-runs"
	else
		complain a-second-start-is-told-who-runs "status $second: $(tail -n 1 "$work/err2")"
	fi
	kill -INT "$pid"
	finish 10
	expect the-first-is-not-disturbed 0 'vnf ping1: stopped'
	nothing_left busy-leaves-nothing "$kids"
fi

# Nobody is left to clean up: the processes must end by themselves, the next start does the rest.
if up sigkill; then
	kill -KILL "$pid"
	finish 10
	for i in {1..100}; do
		left=
		while read -r who; do alive "$who" && left=$who; done <<<"$kids"
		[ -z "$left" ] && break
		sleep 0.05
	done
	if [ -z "$left" ] && [ "$status" = 137 ]; then
		echo "ok sigkill-takes-every-process-along"
	else
		complain sigkill-takes-every-process-along "process $left, status $status"
	fi
	{ host; probe one "mode=boot"; } >"$work/short.yaml"
	start "$work/short.yaml"
	finish 20
	expect next-start-cleans-up 0 'cleaned up after an earlier run' '"ok":true'
	nothing_left sigkill-leaves-nothing "$kids"
fi

# Nobody reads what the guest floods: a stop must not wait for the reader.
mkfifo "$work/unread"
exec 9<>"$work/unread"
head -c 56000 /dev/zero >&9 # of 64 KiB: the summary fits, the flood does not
{ host; probe flood1 "mode=flood time=60s"; } >"$work/flood.yaml"
"$bin/corelane" run --run-dir "$run" "$work/flood.yaml" >"$work/unread" 2>"$work/err" </dev/null &
pid=$!
sleep 2
kids=$(children)
kill -TERM "$pid"
finish 10
exec 9>&-
expect a-stop-does-not-wait-for-a-reader 0 'vnf flood1: stopped' 'lines could not be written'
nothing_left unread-output-leaves-nothing "$kids"

# corelane-bench is killed: corelane and all that it started end, in order.
TMPDIR=$work "$bin/corelane-bench" run "$work/long.yaml" --quiet >"$work/out" 2>"$work/err" </dev/null &
pid=$!
if await 'interface lan: connected'; then
	below=$(cat "/proc/$pid/task/$pid/children")
	kids="$(echo $below) $(sed 's/.*) //' "/proc/$(echo $below)/stat" | cut -d' ' -f20)"
	kill -KILL "$pid"
	finish 10
	await 'vnf ping1: stopped' 10
	nothing_left a-killed-bench-takes-corelane-along "$kids"
else
	complain a-killed-bench-takes-corelane-along "it did not start"
fi

# A VMM dies: the other VNF goes on, the run says which one and fails in the end.
{ host; network lan; probe loop1 "mode=loop time=4s rate=1k" tx rx; probe victim "mode=echo time=60s" lan
} >"$work/victim.yaml"
start "$work/victim.yaml"
await 'loop1| {"probe":"ready"' && await 'victim| {"probe":"ready"'
kids=$(children)
kill -KILL "$(child_pid victim)"
await 'vnf victim: killed'
finish 20
expect a-killed-vmm-is-named 1 'vnf victim: killed: Killed' 'loop1| {"probe":"end","mode":"loop","ok":true'
positive the-other-vnf-goes-on loop1 received
nothing_left a-killed-vmm-leaves-nothing "$kids"

# The switch dies: it is started again, and traffic comes back without anybody's help.
if up switch; then
	old=$(child_pid switch)
	kill -KILL "$old"
	if await 'switch: started again, 2 ports' 15; then
		echo "ok a-killed-switch-is-started-again"
	else
		complain a-killed-switch-is-started-again "it was not"
	fi
	kids="$kids
$(children)"
	sleep 3
	kill -INT "$pid"
	finish 10
	expect a-killed-switch-ends-no-vnf 0 'vnf ping1: stopped' 'vnf echo1: stopped' 'started 2 times'
	frames=$(awk '$1 == "ping1/lan" {print $4}' "$work/out")
	if [ "${frames:-0}" -gt 100 ]; then
		echo "ok traffic-comes-back-through-the-new-switch"
	else
		complain traffic-comes-back-through-the-new-switch "frames to ping1: '$frames'"
	fi
	nothing_left a-killed-switch-leaves-nothing "$kids"
fi
