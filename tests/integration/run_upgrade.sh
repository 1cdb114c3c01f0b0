#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The switch is replaced while VNFs exchange frames through it: no VNF sees its link go, no frame is lost.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

{ host; network lan; probe loop1 "mode=loop time=8s rate=500" tx rx; } >"$work/site.yaml"
cp "$bin/corelane-switch" "$work/newer-switch"

upgrade() { "$bin/corelane" switch --run-dir "$run" upgrade "$@" >"$work/told" 2>&1; }

start "$work/site.yaml"
if ! await 'loop1| {"probe":"ready"'; then
	complain upgrade "the probe did not start"
	exit
fi
old=$(child_pid switch)
upgrade
status=$?
if [ $status = 0 ] && grep -q 'upgraded: 2 ports were handed over' "$work/told"; then
	echo "ok upgrade-is-done"
else
	complain upgrade-is-done "status $status: $(cat "$work/told")"
fi
[ ! -e "/proc/$old" ] && echo "ok upgrade-ends-the-old-one" || complain upgrade-ends-the-old-one "pid $old is there"
upgrade --switch "$work/newer-switch"
status=$?
new=$(readlink "/proc/$(child_pid switch)/exe")
if [ $status = 0 ] && [ "$new" = "$work/newer-switch" ]; then
	echo "ok upgrade-to-another-program"
else
	complain upgrade-to-another-program "status $status, the switch is $new: $(cat "$work/told")"
fi
upgrade --switch /bin/true
status=$?
"$bin/corelane" switch --run-dir "$run" list >"$work/list" 2>&1
if [ $status != 0 ] && grep -q 'the new switch ended' "$work/told" && grep -q loop1/tx "$work/list"; then
	echo "ok a-program-that-is-no-switch-changes-nothing"
else
	complain a-program-that-is-no-switch-changes-nothing "status $status: $(cat "$work/told")"
fi
kids=$(children)
finish 30
expect upgrade-does-not-disturb-the-guest 0 'loop1| {"probe":"end","mode":"loop","ok":true'
if grep -aq 'back end lost' "$work/err"; then
	complain upgrade-shows-no-link-down "$(grep -a 'back end lost' "$work/err" | head -n 1)"
else
	echo "ok upgrade-shows-no-link-down"
fi
positive upgrade-frames-go-on loop1 received
lost=$(value loop1 lost)
[ "$lost" = 0 ] && echo "ok upgrade-loses-no-frame" || complain upgrade-loses-no-frame "lost: '$lost'"
nothing_left upgrade-leaves-nothing "$kids"
