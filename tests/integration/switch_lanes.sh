#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# corelane-switch with two forwarding threads: ports that move, threads that sleep, what is told of them.
bin=$1
for ring in split-lanes packed-lanes; do
	"$bin/../tests/switch_lanes" "$bin/corelane-switch" $ring
done
