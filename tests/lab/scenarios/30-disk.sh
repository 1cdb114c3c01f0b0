# SPDX-License-Identifier: Apache-2.0
title "disks of a Linux VNF: a file with direct I/O and four queues, a block device, a seed; fio --verify"
machine pages_2m=400
guest_disk tools /usr/bin/fio

guest disk rt virtio_blk ext4 isofs nls_ascii <<'SH'
# disk SERIAL: the device with this serial number
disk() { for d in /sys/block/vd*; do [ "$(cat $d/serial)" = "$1" ] && basename $d && return; done; return 1; }
root=$(disk root) block=$(disk block) tools=$(disk tools) seed=$(disk seed)
q() { cat /sys/block/$1/$2; }
say "root: $(q $root size) sectors, $(ls /sys/block/$root/mq | wc -l) queues, $(q $root queue/write_cache), ro $(q $root ro)"
say "discard: root $(q $root queue/discard_max_bytes), zeroes $(q $root queue/write_zeroes_max_bytes)"
say "block: blocks of $(q $block queue/logical_block_size), tools: ro $(q $tools ro)"
mkdir -p /seed /mnt /tools
mount -t iso9660 -o ro /dev/$seed /seed && say "seed: $(ls /seed | xargs)" && sed 's/^/guest: seed: /' /seed/*
dd if=/dev/zero of=/dev/$tools bs=4k count=1 2>/dev/null && say "read-only disk written"
mke2fs -F /dev/$block >/dev/null 2>&1; mount -t ext4 /dev/$block /mnt
head -c 20000000 /dev/urandom >/mnt/file; md5sum /mnt/file >/tmp/sum
umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/$block /mnt
md5sum -c /tmp/sum >/dev/null 2>&1 && say "filesystem ok"
umount /mnt
mount -t ext4 -o ro /dev/$tools /tools && mount --bind /dev /tools/dev && mount -t proc p /tools/proc &&
	mount -t tmpfs t /tools/tmp
fio() { chroot /tools /usr/bin/fio --output=/tmp/out "$@" && say "fio ok: $*" || sed 's/^/guest: fio: /' /tools/tmp/out; }
fio --name=v --filename=/dev/$root --direct=1 --ioengine=libaio --iodepth=16 --numjobs=4 --offset_increment=16m \
	--rw=randwrite --bsrange=512-64k --size=4m --verify=crc32c --verify_fatal=1 --fsync=64
fio --name=b --filename=/dev/$block --direct=1 --ioengine=psync --numjobs=2 --offset_increment=8m \
	--rw=randwrite --bs=4k --size=2m --verify=md5 --verify_fatal=1 --verify_backlog=64
before=$(head -c 1048576 /dev/$root | md5sum)
blkdiscard -o 0 -l 1048576 /dev/$root && say "discard ok"
echo 3 >/proc/sys/vm/drop_caches
say "after discard: $(head -c 1048576 /dev/$root | tr -d '\0' | wc -c) bytes are not zero"
sync
say "interrupts of each queue: $(awk '/virtio[0-9]+-req/ {n = 0; for (i = 2; i < 8; i++) n += $i; print $NF "=" n}' /proc/interrupts | xargs)"
off
SH

site disks <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: linux}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/disk.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 2}
  memory: {size: 512Mi, pageSize: 2Mi}
  disks:
  - {name: root, image: /data/root.raw, queues: 4}
  - {name: block, image: /dev/loop0}
  - {name: tools, image: /lab/tools.raw, readOnly: true, direct: false}
  - name: seed
    cloudInit:
      userData: |
        #cloud-config
        hostname: of-the-guest
      networkConfig: {version: 2}
YAML

on_server() {
	mkdir -p /data
	mke2fs -q -t ext4 /dev/nvme0n1
	mount /dev/nvme0n1 /data
	truncate -s 128M /data/root.raw
	truncate -s 64M /data/block.raw
	modprobe loop
	losetup --direct-io=on /dev/loop0 /data/block.raw
	run disks
	check ended ended 110
	equal exit-status "$status" 0
	has size-queues-cache disks.log 'guest: root: 262144 sectors, 2 queues, write back, ro 0'
	cat disks.log
}
