#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# corelane-switch's uplinks: kernel links, taps, bonds, VXLAN, in a network namespace of the test's own.
bin=$1
"$bin/../tests/switch_uplink" "$bin/corelane-switch" split
