#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same frames through our own rings and through DPDK's: the same comes out.
bin=$1
for ring in split packed; do
	"$bin/../tests/switch_differ" "$bin/corelane-switch" $ring
done
