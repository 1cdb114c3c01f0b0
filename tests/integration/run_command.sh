#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Commands to a running site, and what becomes of the site meanwhile. One VNF has the name of the
# site's own socket.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

{ host; network lan; probe control "mode=rtt time=120s rate=1k wait=30s dst=02:00:00:00:01:02" lan
	probe echo1 "mode=echo time=120s" '{name: lan, switch: {network: lan, mac: "02:00:00:00:01:02"}}'
} >"$work/site.yaml"

# ask NAME STATUS WORDS ARGUMENT...: "corelane vnf ARGUMENT..." ends so and says so.
ask() {
	local name=$1 want=$2 words=$3 got
	shift 3
	"$bin/corelane" vnf --run-dir "$run" "$@" >"$work/said" 2>&1
	got=$?
	if [ $got = "$want" ] && grep -q -e "$words" "$work/said"; then
		echo "ok $name"
	else
		complain "$name" "status $got: $(head -n 1 "$work/said")"
	fi
}

ask no-site-runs 1 'no site runs in' list
start "$work/site.yaml"
if ! await 'control| {"probe":"ready"'; then
	complain commands "the probes did not meet"
	exit 0
fi
kids=$(children)
ask list 0 "control  *running  *0" list
ask list-as-json 0 '"name": "echo1"' list -o json
ask status 0 'lan$' control status
ask pause 0 'vnf control: paused' control pause
ask is-paused 0 'state  *paused' control status
ask pause-twice 1 'cannot pause' control pause
ask resume 0 'vnf control: resumed' control resume
ask reset 0 'vnf control: reset' control reset
ask was-reset 0 "control  *running  *1" list
ask a-probe-has-no-power-button 1 'has not powered off within 1 s' control poweroff --timeout 1
ask no-such-vnf 1 'there is no vnf contral; did you mean control' contral status
ask no-such-action 1 'did you mean status' control statsu
ask no-function 1 'interface lan is no virtual function' control detach lan
ask no-balloon 1 'it has no balloon' control balloon 16Mi
ask no-size 2 'is not a size such as 512Mi' control balloon much
ask no-argument 2 'needs an argument' control detach
ask too-much 2 'takes no argument' control pause now
ask no-action 2 'what shall be done' control
ask other-run-folder 1 'no site runs in /nonexistent' list -d /nonexistent
if [ "$(stat -c %a "$run/control.sock")" = 600 ]; then
	echo "ok the-socket-is-closed-to-others"
else
	complain the-socket-is-closed-to-others "mode $(stat -c %a "$run/control.sock")"
fi

# Whoever talks nonsense there harms nobody.
if python3 - "$run/control.sock" <<'PY'; then
import os, socket, sys
for junk in [os.urandom(65536), b"[" * 60000, b'{"action":"status","vnf":"' + b"x" * 60000 + b'"}', b"{}", b"\0"]:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    for _ in range(3):
        s.send(junk)
        assert b'"ok":false' in s.recv(1 << 20)
    s.close()
idle = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(12)]
for s in idle:
    s.connect(sys.argv[1])
PY
	echo "ok nonsense-is-refused"
else
	complain nonsense-is-refused "an answer was missing or said yes"
fi
ask still-there 0 'control  *running' list
ask stop-one 0 'vnf control: stopped' control stop
ask the-other-goes-on 0 'echo1  *running' list
ask stopped-already 1 'it does not run (stopped)' control pause
ask how-it-ended 0 'state  *stopped' control status
ask stop-the-last 0 'vnf echo1: stopped' echo1 stop
finish 10
expect the-site-is-over 0 'vnf control: it was reset; starting it again, as asked' 'vnf echo1: stopped'
nothing_left commands-leave-nothing "$kids"
