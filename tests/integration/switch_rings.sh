#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# corelane-switch through real rings: forwarding, drops, ports that come and go, hostile guests.
bin=$1
for ring in split packed; do
	"$bin/../tests/switch_check" "$bin/corelane-switch" $ring
done
