# SPDX-License-Identifier: Apache-2.0
title "kill -9 of the VMM under load: what was flushed is there, and the image can be used again at once"
machine seconds=600

# Numbered blocks, each told only after its fsync returned; and writes that nobody waits for, further behind.
guest writer cloud virtio_blk <<'SH'
round=$(sed -n 's/.*round=\([0-9]*\).*/\1/p' /proc/cmdline)
# The last round reboots once: the mark on the disk says that it did.
if [ $round = 4 ]; then
	[ "$(dd if=/dev/vda bs=4k skip=2000 count=1 2>/dev/null | head -c 4)" = mark ] && { say "round 4 came back"; off; }
	printf mark | dd of=/dev/vda bs=4k seek=2000 conv=notrunc,fsync 2>/dev/null && reboot -f
fi
while :; do dd if=/dev/urandom of=/dev/vda bs=64k seek=512 count=64 conv=notrunc,fsync 2>/dev/null; done &
n=0
while [ $n -lt 1000 ]; do
	printf '%-4096s' "round $round block $n" | dd of=/dev/vda bs=4k seek=$n conv=notrunc,fsync 2>/dev/null &&
		say "round $round flushed $n"
	n=$((n + 1))
done
SH

site kill <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: writer}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/writer.cpio, args: "console=ttyS0 quiet round=0"}}
  cpu: {vcpus: 2}
  memory: {size: 256Mi, pageSize: 2Mi}
  disks: [{name: root, image: /data/root.raw, queues: 2}]
YAML

on_server() {
	local round last
	mkdir -p /data
	mke2fs -q -t ext4 /dev/nvme0n1
	mount /dev/nvme0n1 /data
	truncate -s 64M /data/root.raw
	for round in 1 2 3; do
		sed -i "s/round=[0-9]*/round=$round/" /run/kill.yaml
		run kill
		check "round-$round-writes" line kill.log "round $round flushed $((round * 7))" 150
		kill -9 "$(pidof corelane-vmm)"
		check "round-$round-ended" ended 20
		has "round-$round-killed" kill.log 'vnf writer: killed'
		# The greatest, not the last: kill -9 may cut the last line in the middle of its number.
		last=$(sed -nE "s/.*round $round flushed ([0-9]+).*/\1/p" kill.log | sort -n | tail -n 1)
		check "round-$round-flushed-is-there" written "$round" "$last"
	done
	# The rest of the image is as it was.
	check nothing-else-written python3 -c '
data = open("/data/root.raw", "rb").read()
assert len(data) == 64 << 20
assert not any(data[1000 * 4096 : 512 * 65536]) and not any(data[(512 + 64) * 65536 :])'
	# A VMM that is started again by a reset finds its own image unlocked.
	sed -i "s/round=[0-9]*/round=4/" /run/kill.yaml
	run kill
	check reboot-ended ended 150
	equal reboot-exit-status "$status" 0
	has reboot-came-back kill.log 'guest: round 4 came back'
}

# written ROUND LAST: the image has blocks 0 to LAST of that round, whole.
written() {
	python3 - "$@" <<-'END'
		import sys
		round, last = map(int, sys.argv[1:])
		data = open("/data/root.raw", "rb").read(4096 * (last + 1))
		for n in range(last + 1):
		    want = f"round {round} block {n}".ljust(4096).encode()
		    if data[n * 4096 : (n + 1) * 4096] != want:
		        sys.exit(f"block {n} of {last} is {data[n * 4096 : n * 4096 + 40]}")
		assert last >= 7 * round
	END
}
