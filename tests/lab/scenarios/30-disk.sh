# SPDX-License-Identifier: Apache-2.0
title "disks of a Linux VNF: a file with direct I/O and four queues, a block device, a seed; fio --verify"
machine pages_2m=300 seconds=600
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
head -c 5000000 /dev/urandom >/mnt/file; md5sum /mnt/file >/tmp/sum
umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/$block /mnt
md5sum -c /tmp/sum >/dev/null 2>&1 && say "filesystem ok"
umount /mnt
mount -t ext4 -o ro /dev/$tools /tools && mount --bind /dev /tools/dev && mount -t proc p /tools/proc &&
	mount -t tmpfs t /tools/tmp
fio() { # NAME OPTION...
	local name=$1
	shift
	chroot /tools /usr/bin/fio --name="$name" --output=/tmp/out --eta=never --direct=1 --rw=randwrite --verify_fatal=1 \
		--verify_state_save=0 "$@" && say "fio $name ok" || sed 's/^/guest: fio: /' /tools/tmp/out
}
fio queues --filename=/dev/$root --ioengine=libaio --iodepth=8 --numjobs=4 --offset_increment=16m \
	--bsrange=512-64k --size=1m --verify=crc32c --fsync=32
fio block-device --filename=/dev/$block --ioengine=psync --bs=4k --size=512k --verify=md5 --verify_backlog=64
blkdiscard -o 0 -l 1048576 /dev/$root && blkdiscard -o 0 -l 1048576 /dev/$block && say "discard ok"
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
	check ended ended 200
	equal exit-status "$status" 0
	has size-queues-cache disks.log 'guest: root: 262144 sectors, 2 queues, write back, ro 0'
	has discard-limits disks.log 'guest: discard: root 1073741824, zeroes 67108864'
	has block-size disks.log 'guest: block: blocks of 512, tools: ro 1'
	hasnt read-only-stays disks.log 'guest: read-only disk written'
	has seed-files disks.log 'guest: seed: meta-data network-config user-data'
	has seed-names disks.log 'guest: seed: local-hostname: "linux"'
	has seed-user-data disks.log 'guest: seed: hostname: of-the-guest'
	has filesystem disks.log 'guest: filesystem ok'
	has fio-queues disks.log 'guest: fio queues ok'
	has fio-block-device disks.log 'guest: fio block-device ok'
	has discarded disks.log 'guest: after discard: 0 bytes are not zero'
	has queues-used disks.log 'guest: interrupts of each queue: .*-req.0=[1-9][0-9]* .*-req.1=[1-9]'
	has discards disks.log 'guest: discard ok'
	check hole-on-the-host hole_at_start /data/root.raw
	check hole-under-the-block-device hole_at_start /data/block.raw
	hasnt no-complaint disks.log 'disk (root|block|seed):'
}

# The file's first MiB has no blocks.
hole_at_start() { python3 -c 'import os, sys; exit(os.lseek(os.open(sys.argv[1], os.O_RDONLY), 0, os.SEEK_DATA) < 1 << 20)' "$1"; }
