#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checksums and segments between guests that take them and guests that do not.
bin=$1
for ring in split packed; do
	"$bin/../tests/switch_offload" "$bin/corelane-switch" $ring
done
