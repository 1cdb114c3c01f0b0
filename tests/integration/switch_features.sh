#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# corelane-switch with more than plain ports: VLANs, sources, limits, rates, jumbo frames in chains,
# each changed while it runs; with two forwarding threads as well.
bin=$1
for ring in split packed packed-lanes; do
	"$bin/../tests/switch_features" "$bin/corelane-switch" $ring
done
