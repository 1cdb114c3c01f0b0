#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# corelane-switch judges and watches frames: rules that come in a file, captures, traces, mirrors,
# snooping, statistics. What was captured is read by a reader of our own, from the format's description.
bin=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for ring in split packed packed-lanes; do
	SWITCH_WATCH_PCAP=$tmp/$ring.pcap "$bin/../tests/switch_watch" "$bin/corelane-switch" $ring
	[ -e "$tmp/$ring.pcap" ] || { echo "skip $ring/pcap: nothing was captured"; continue; }
	python3 - "$tmp/$ring.pcap" <<'PY' && echo "ok $ring/pcap" || echo "not ok $ring/pcap"
import struct, sys
data = open(sys.argv[1], "rb").read()
magic, major, minor, zone, accuracy, snap, link = struct.unpack("=IHHIIII", data[:24])
assert (magic, major, minor, zone, link) == (0xa1b23c4d, 2, 4, 0, 1), "header"
at, frames, last = 24, [], 0
while at < len(data):
    s, ns, cap, length = struct.unpack("=IIII", data[at:at + 16])
    assert cap == min(length, snap) and length in (60, 1514) and ns < 10**9, "record"
    assert s * 10**9 + ns >= last, "time runs backwards"
    last = s * 10**9 + ns
    frames.append(data[at + 16:at + 16 + cap])
    assert len(frames[-1]) == cap, "cut"
    at += 16 + cap
assert snap == 100 and length == 1514, "snap"
assert [len(f) for f in frames] == [60] * 11 + [100], [len(f) for f in frames]
for i, f in enumerate(frames[:11]):
    assert f[59] == i and f[12:14] == b"\x08\x00" and f[23] == 17, i
    assert f[5:12:6] == (b"\x02\x01" if i < 10 else b"\x01\x02"), i
    assert f[37] == (7 if i < 10 and i % 2 else 9), i
PY
done
