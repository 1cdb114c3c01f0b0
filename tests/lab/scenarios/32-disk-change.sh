# SPDX-License-Identifier: Apache-2.0
title "disks that grow under a guest, pause under load, have blocks of 4 KiB, or belong to somebody else"
machine seconds=600

guest busy cloud virtio_blk ext4 <<'SH'
say "size $(cat /sys/block/vda/size), second disk: blocks of $(cat /sys/block/vdb/queue/logical_block_size)"
mkdir -p /mnt
mke2fs -F -b 4096 /dev/vdb >/dev/null 2>&1 && mount -t ext4 /dev/vdb /mnt && head -c 3000000 /dev/urandom >/mnt/file
sum=$(md5sum </mnt/file); umount /mnt; echo 3 >/proc/sys/vm/drop_caches
mount -t ext4 /dev/vdb /mnt && [ "$(md5sum </mnt/file)" = "$sum" ] && say "blocks of 4 KiB ok"
# Writes and reads back until the disk grows.
n=0
while [ "$(cat /sys/block/vda/size)" = 131072 ]; do
	n=$((n + 1))
	head -c 1000000 /dev/urandom >/tmp/piece
	dd if=/tmp/piece of=/dev/vda bs=100k seek=$((n % 50 * 10)) conv=notrunc,fsync 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/vda bs=100k skip=$((n % 50 * 10)) count=10 2>/dev/null | head -c 1000000 | cmp -s - /tmp/piece ||
		say "round $n differs"
	say "round $n"
done
say "size now $(cat /sys/block/vda/size)"
echo last | dd of=/dev/vda bs=512 seek=196607 conv=notrunc,fsync 2>/dev/null && say "last sector written"
off
SH

site change <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: busy}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/busy.cpio, args: "console=ttyS0 quiet"}}
  cpu: {vcpus: 2}
  memory: {size: 256Mi, pageSize: 2Mi}
  disks:
  - {name: root, image: /data/root.raw}
  - {name: big-blocks, image: /dev/loop1}
YAML

on_server() {
	local before
	modprobe loop
	mkdir -p /data
	mke2fs -q -t ext4 /dev/nvme0n1
	mount /dev/nvme0n1 /data
	truncate -s 64M /data/root.raw /data/big.raw
	losetup --direct-io=on --sector-size 4096 /dev/loop1 /data/big.raw
	sed 's#/dev/loop1#/dev/nvme0n1#' change.yaml >mounted.yaml
	run mounted
	check mounted-device-ends ended 20
	equal mounted-device-status "$status" 4
	has mounted-device-refused mounted.log 'image /dev/nvme0n1: the block device is mounted or used by something else'
	run change
	check size line change.log 'size 131072, second disk: blocks of 4096'
	check working line change.log 'guest: round 2$'
	check workers-on-the-emulator-cpu workers_on 0
	check a-second-user-is-refused refused_image
	check paused corelane vnf busy pause
	before=$(md5sum </data/root.raw)
	sleep 2
	equal nothing-written-while-paused "$(md5sum </data/root.raw)" "$before"
	check resumed corelane vnf busy resume
	truncate -s 96M /data/root.raw
	check resize corelane vnf busy resize root
	check ended ended 150
	equal exit-status "$status" 0
	has blocks-of-4k change.log 'guest: blocks of 4 KiB ok'
	has grown change.log 'guest: size now 196608'
	has last-sector change.log 'guest: last sector written'
	equal last-sector-on-the-host "$(tail -c 512 /data/root.raw | head -n 1 | tr -d '\0')" last
	hasnt no-difference change.log 'differs'
	hasnt no-complaint change.log 'disk (root|big-blocks):'
}

# The kernel's helper threads of the VMM's rings may run on these CPUs only, and there are some.
workers_on() {
	local task n=0
	for task in /proc/"$(pidof corelane-vmm)"/task/*; do
		grep -q '^iou-wrk' "$task/comm" || continue
		n=$((n + 1))
		[ "$(awk '/^Cpus_allowed_list/ {print $2}' "$task/status")" = "$1" ] || { cat "$task/status"; return 1; }
	done
	[ $n -gt 0 ] || { echo "no workers"; return 1; }
}

# Another site that wants the same image.
refused_image() {
	sed 's/name: edge/name: other/; /big-blocks/d' change.yaml >other.yaml
	corelane run other.yaml --run-dir /run/other >other.log 2>&1 && return 1
	grep 'image /data/root.raw: is used by another process' other.log || { cat other.log; return 1; }
}
