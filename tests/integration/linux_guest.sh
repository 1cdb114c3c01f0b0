#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real Linux guests: two Debian cloud kernels under corelane-vmm (one with two vCPUs, from its bzImage, that
# restarts once; one from the PVH ELF inside it), joined by a corelane-switch that is killed on the way,
# started by "corelane run". It all happens inside an emulated AMD server (QEMU, TCG, SVM with nested paging), so it
# runs on any machine, also where this one's own KVM cannot boot Linux. Times in there mean nothing.
# Nor do two complaints of the guests when they are not quiet: this QEMU's SVM does not intercept XSETBV, so KVM
# gives them the XSAVE sizes of a vCPU that never set XCR0; and its TSC is not invariant.
set -euo pipefail
bin=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")/linux
cache=build/cache/linux # one download of the kernel serves many runs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch_kernel() {
	local package
	[ -e "$cache/vmlinuz" ] && return
	package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
	[ -n "$package" ] || { apt-get update -qq; package=$(apt-cache depends linux-image-cloud-amd64 |
		awk '/Depends: linux-image/ {print $2; exit}'); }
	mkdir -p "$cache"
	(cd "$work" && apt-get download -qq "$package" 2>/dev/null && dpkg -x "$package"*.deb tree)
	find "$work/tree" -name '*.ko*' -exec cp -t "$cache" {} +
	for module in "$cache"/*.ko.xz; do [ ! -e "$module" ] || xz -d "$module"; done
	cp "$work"/tree/boot/vmlinuz-* "$cache/vmlinuz"
	rm -rf "$work/tree"
}

# The ELF inside the bzImage: Documentation/arch/x86/boot.rst, payload_offset and payload_length.
extract_elf() {
	[ -e "$cache/vmlinux" ] && return
	python3 - "$cache/vmlinuz" "$work/payload" <<-'END'
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
	*) echo "the kernel is packed in an unknown way" >&2 && return 1 ;;
	esac >"$work/vmlinux"
	mv "$work/vmlinux" "$cache/vmlinux"
}

# initrd OUT INIT MODULE...: busybox, the modules in load order, and whatever lies in $work/add.
initrd() {
	local out=$1 init=$2 root=$work/root module
	shift 2
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,modules}
	cp /bin/busybox "$root/bin/"
	install -m 755 "$init" "$root/init"
	for module in "$@"; do
		cp "$cache/$module.ko" "$root/modules/"
		echo "$module" >>"$root/modules/order"
	done
	[ ! -d "$work/add" ] || cp -a "$work/add/." "$root/"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$out"
	rm -rf "$root" "$work/add"
}

# The programs with every library that they load.
add_programs() {
	local program lib
	mkdir -p "$work/add/corelane"
	for program in corelane corelane-vmm corelane-switch corelane-probe; do
		cp -L "$bin/$program" "$work/add/corelane/"
		{ ldd "$bin/$program" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r lib; do
			install -D "$(readlink -f "$lib")" "$work/add$lib"
		done
	done
	# DPDK finds its mempool driver here by itself.
	local drivers
	for drivers in /usr/lib/x86_64-linux-gnu/dpdk/pmds-*; do
		mkdir -p "$work/add$drivers"
		cp -L "$drivers"/librte_mempool_ring.so* "$work/add$drivers/"
	done
}

fetch_kernel || { echo "skip boot: the kernel package could not be downloaded"; exit 0; }
extract_elf

virtio=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover
	virtio_net rng-core virtio-rng virtio_console)
known=()
for module in "${virtio[@]}"; do
	[ ! -e "$cache/$module.ko" ] || known+=("$module")
done
initrd "$work/guest.cpio" "$here/guest-init" "${known[@]}"

mkdir -p "$work/add/site"
cp "$here/site.yaml" "$cache/vmlinuz" "$cache/vmlinux" "$work/guest.cpio" "$work/add/site/"
add_programs
initrd "$work/host.cpio" "$here/host-init" irqbypass kvm kvm-amd tun llc stp bridge

timeout 300 qemu-system-x86_64 -accel tcg,thread=multi -machine q35 -cpu max -smp 5 -m 4G \
	-nographic -no-reboot -nic none -kernel "$cache/vmlinuz" -initrd "$work/host.cpio" \
	-append "console=ttyS0 quiet hugepages=700" </dev/null >"$work/serial" 2>&1 || true
tr -d '\r' <"$work/serial" | tee "$work/log"

# has NAME PATTERN: what must be in the log.
has() {
	if grep -qE "$2" "$work/log"; then echo "ok $1"; else echo "not ok $1: no line /$2/"; fi
}
has kvm 'host: kvm ready'
# Linux calls an unknown boot loader 255, and PVH without Xen 176.
has boot-bzimage 'left\| guest: up .* loader 255'
has boot-pvh 'right\| guest: up .* loader 176'
has reboot 'vnf left: the guest asked for a reset; starting it again'
has two-cpus 'left\| guest: online 2 of 2'
has rng 'left\| guest: rng 16'
has ping-through-switch 'left\| guest: ping .* 0% packet loss'
has big-transfer 'left\| guest: bulk ok'
has interrupts-of-each-queue 'left\| guest: interrupts: queue 0 [1-9][0-9]*, queue 1 [1-9][0-9]*, tap [1-9]'
has interrupts-on-each-cpu 'left\| guest: cpus: [1-9][0-9]* [1-9]'
has virtio-console 'left/console\| guest: hvc0 works'
has tap 'host: tap answered'
has switch-killed 'host: killed the switch'
has switch-again 'left\| guest: new switch: link lost [1-9][0-9]* time, .* 0% packet loss'
has one-reboot-only 'host: resets 1 0'
has power-off 'host: corelane ended with 0'
has nothing-left 'host: left over: none'
