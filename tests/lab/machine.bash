# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The emulated edge server: what it is made of and how it is started. Sourced by tests/lab/run, after which
#   $tree is the Debian 13 tree, $work the private folder of this run (the server sees it as /lab).

# Runs a program of the tree without a chroot: its own loader finds its own libraries.
from_tree() {
	local program=$1
	shift
	"$tree/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" "$tree$program" "$@"
}

# modules_for KERNEL MODULE...: the files to load, in order, without repeating any.
modules_for() {
	local kernel=$1 module
	shift
	for module in "$@"; do
		from_tree /usr/sbin/modprobe -d "$tree/kernels/$kernel" -S "$(cat "$tree/kernels/$kernel/version")" \
			--show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ {print $2}'
}

# initrd OUT INIT KERNEL MODULE...: busybox, the modules with a list of their order, and what lies in $work/add.
initrd() {
	local out=$1 init=$2 root=$work/root file
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,modules,new}
	cp "$tree/usr/bin/busybox" "$root/bin/"
	install -m 755 "$init" "$root/init"
	shift 2
	for file in $(modules_for "$@"); do
		cp "$file" "$root/modules/"
		basename "$file" >>"$root/modules/order"
	done
	[ ! -d "$work/add" ] || cp -a "$work/add/." "$root/"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$out"
	rm -rf "$root" "$work/add"
}

# guest_disk NAME PROGRAM...: /lab/NAME.raw, an ext4 disk with programs of the tree and the libraries that they
# load, where a guest can chroot to: too much for an initrd.
guest_disk() {
	local out=$work/lab/$1.raw root=$work/disk-root libs=$tree/usr/lib/x86_64-linux-gnu program file
	shift
	for program in "$@"; do
		echo "$program"
		"$tree/lib64/ld-linux-x86-64.so.2" --library-path "$libs:$libs/ceph" --list "$tree$program" | grep -o '/[^ ]*'
	done | sed -E "s#^$tree/*#/#; s#^/lib#/usr/lib#" | sort -u | while read -r file; do
		install -D "$tree$file" "$root$file"
	done
	mkdir -p "$root"/{dev,proc,sys,tmp}
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	truncate -s "$(($(du -sm "$root" | cut -f 1) * 5 / 4 + 8))M" "$out"
	from_tree /usr/sbin/mke2fs -q -t ext4 -d "$root" "$out"
	rm -rf "$root"
}

# The ELF kernel inside a bzImage, for PVH: Documentation/arch/x86/boot.rst, payload_offset and payload_length.
extract_elf() {
	local image=$1 out=$2
	[ -e "$out" ] && return
	python3 - "$image" "$work/payload" <<-'END'
		import struct, sys
		image = open(sys.argv[1], "rb").read()
		offset, length = struct.unpack_from("<II", image, 0x248)
		at = (image[0x1f1] + 1) * 512 + offset
		payload = image[at : at + length]
		# All but gzip have the unpacked size behind them.
		open(sys.argv[2], "wb").write(payload if payload[:2] == b"\x1f\x8b" else payload[:-4])
	END
	case $(od -A n -t x1 -N 4 "$work/payload") in
	' 02 21 4c 18') lz4 -dcq "$work/payload" ;;
	' 28 b5 2f fd') zstd -dcq "$work/payload" ;;
	' fd 37 7a 58') xz -dc "$work/payload" ;;
	' 1f 8b'*) gzip -dc <"$work/payload" ;;
	*) echo "lab: $image is packed in an unknown way" >&2 && return 1 ;;
	esac >"$work/vmlinux"
	rm "$work/payload"
	mv "$work/vmlinux" "$out"
}

# What a scenario may change with "machine NAME=VALUE...".
machine_defaults() {
	acs=on        # off: the root port of NIC 0 does not isolate, so the NIC's functions share one IOMMU group
	iommu=on      # off: a server without an IOMMU
	cpus=4        # half of them in each NUMA node; 0 keeps house, the others are isolated
	isolate=boot  # isolcpus= and nohz_full=; tick: only nohz_full=, for cpuset partitions; no: neither
	memory=6      # GiB; node 1 has 2.5 of them, so that both nodes find 1 GiB pages beside what boot takes
	pages_2m=256  # in each node
	pages_1g=0    # in each node; 1 costs 4 s of the boot
	kernel=rt     # of the server
	seconds=300   # a scenario that takes longer has failed
	disk=1G       # size of the NVMe disk, a sparse file
	args=         # more for the kernel's command line
}

# Prints the server's QEMU command line, an argument a line.
machine_command() {
	local m1=2560 m0=$((memory * 1024 - 2560)) per=$((cpus / 2)) kargs port0=
	[ "$acs" = on ] || port0=,disable-acs=on
	# A kernel at a random place may lie where the 1 GiB pages should be.
	kargs="console=ttyS0 quiet nokaslr panic=-1 tsc=reliable hugepagesz=1G hugepages=0:$pages_1g,1:$pages_1g"
	kargs+=" hugepagesz=2M hugepages=0:$pages_2m,1:$pages_2m"
	[ "$iommu" = off ] || kargs+=" intel_iommu=on iommu=pt"
	[ "$isolate" != boot ] || kargs+=" isolcpus=managed_irq,domain,1-$((cpus - 1))"
	[ "$isolate" = no ] || kargs+=" nohz_full=1-$((cpus - 1)) rcu_nocbs=1-$((cpus - 1)) irqaffinity=0"
	printf '%s\n' -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" -L "$tree/usr/lib/ipxe/qemu"
	# PREEMPT_RT lets KVM load only with a constant TSC, which TCG has not; Linux believes VMware to have one, and
	# knows VMware by the serial number and the vmport.
	printf '%s\n' -accel tcg,thread=multi -machine q35,kernel-irqchip=split,vmport=on -cpu max,-hypervisor \
		-smbios type=1,serial=VMware-1 -nodefaults -no-reboot -display none
	printf '%s\n' -smp "$cpus" -m "${memory}G" \
		-object "memory-backend-ram,id=m0,size=${m0}M" -object "memory-backend-ram,id=m1,size=${m1}M" \
		-numa "node,nodeid=0,cpus=0-$((per - 1)),memdev=m0" \
		-numa "node,nodeid=1,cpus=$per-$((cpus - 1)),memdev=m1" -numa dist,src=0,dst=1,val=20
	[ "$iommu" = off ] || printf '%s\n' -device intel-iommu,intremap=on,caching-mode=on
	printf '%s\n' -device pxb-pcie,id=px0,bus_nr=32,numa_node=0,bus=pcie.0 \
		-device "pcie-root-port,id=rp0,slot=1,bus=px0$port0" \
		-device pxb-pcie,id=px1,bus_nr=64,numa_node=1,bus=pcie.0 \
		-device "pcie-root-port,id=rp1,slot=2,bus=px1" \
		-netdev "dgram,id=n0,local.type=unix,local.path=$work/nic0,remote.type=unix,remote.path=$work/out0" \
		-netdev "dgram,id=n1,local.type=unix,local.path=$work/nic1,remote.type=unix,remote.path=$work/out1" \
		-device igb,bus=rp0,netdev=n0,mac=52:54:00:00:00:10 \
		-device igb,bus=rp1,netdev=n1,mac=52:54:00:00:00:20 \
		-drive "if=none,id=disk,format=raw,file=$work/disk,discard=unmap" \
		-device nvme,bus=pcie.0,drive=disk,serial=lab-disk
	printf '%s\n' -fsdev "local,id=tree,path=$tree,security_model=none,readonly=on,multidevs=remap" \
		-device virtio-9p-pci,bus=pcie.0,fsdev=tree,mount_tag=tree \
		-fsdev "local,id=bin,path=$bin,security_model=none,readonly=on" \
		-device virtio-9p-pci,bus=pcie.0,fsdev=bin,mount_tag=bin \
		-fsdev "local,id=lab,path=$work/lab,security_model=none" \
		-device virtio-9p-pci,bus=pcie.0,fsdev=lab,mount_tag=lab
	printf '%s\n' -serial "file:$work/serial" -kernel "$tree/kernels/$kernel/vmlinuz" \
		-initrd "$work/server.cpio" -append "$kargs $args"
	[ -z "${CORELANE_LAB_QEMU:-}" ] || printf '%s\n' $CORELANE_LAB_QEMU # such as "-trace igb_*", into $work/qemu
}

# programs BIN: those built on this host name libraries that the tree may lack; they go where the server
# puts them beside its own. Programs built in the tree need none.
programs() {
	local program lib
	mkdir -p "$work/lab/libs"
	[ "$bin" != "$repo/build/debian13/bin" ] || return 0
	for program in "$bin"/corelane*; do
		[ -x "$program" ] || continue
		{ ldd "$program" 2>/dev/null || true; } | awk '$2 == "=>" && $3 ~ "^/" {print $3}'
	done | sort -u | while read -r lib; do
		[ -e "$tree/usr/lib/x86_64-linux-gnu/$(basename "$lib")" ] ||
			cp -L "$lib" "$work/lab/libs/"
	done
}
