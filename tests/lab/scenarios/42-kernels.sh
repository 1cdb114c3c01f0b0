# SPDX-License-Identifier: Apache-2.0
title "Debian's RT, generic and cloud kernels by PVH, and RT from its bzImage with eight vCPUs; the power button ends each"
machine pages_2m=500 pages_1g=0
pvh rt
pvh generic
pvh cloud

# Linux calls PVH without Xen 176 and an unknown boot loader 255.
for k in rt generic cloud; do
	guest "$k" "$k" button evdev <<'SH'
say "kernel $(uname -r | sed 's/.*deb13-//; s/-amd64$//; s/^amd64$/generic/'), loader $(cat /proc/sys/kernel/bootloader_type), online $(nproc)"
say "clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource), x2apic $(grep -c -m 1 -w x2apic /proc/cpuinfo), slots $(ls /sys/bus/pci/slots | wc -l)"
say waiting
dd if=/dev/input/event0 bs=24 count=1 2>/dev/null >/dev/null
say "power button"
poweroff -f
SH
done

vnf() { # NAME KERNEL FILE VCPUS
	cat <<-YAML
		---
		apiVersion: corelane/v1
		kind: VNF
		metadata: {name: $1}
		spec:
		  boot: {kernel: {image: /kernels/$2/$3, initrd: /lab/$2.cpio, args: "console=ttyS0 quiet panic=1"}}
		  cpu: {vcpus: $4}
		  memory: {size: 384Mi, pageSize: 2Mi}
	YAML
}

host='apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}'

{ echo "$host"; vnf rt rt vmlinux 1; vnf generic generic vmlinux 1; vnf cloud cloud vmlinux 1; } | site kernels
{ echo "$host"; vnf rt8 rt vmlinuz 8; } | site eight

on_server() {
	local name
	run kernels
	for name in rt generic cloud; do
		check up-$name line kernels.log "$name\\| guest: waiting" 200
		has pvh-$name kernels.log "$name\\| guest: kernel $name, loader 176, online 1"
		has machine-$name kernels.log "$name\\| guest: clock kvm-clock, x2apic 1, slots 16"
		check poweroff-$name corelane vnf $name poweroff --timeout 60
		has button-$name kernels.log "$name\\| guest: power button"
	done
	check ended ended 60
	equal exit-status "$status" 0
	run eight
	check up-eight line eight.log 'rt8\| guest: waiting' 200
	has eight eight.log 'rt8\| guest: kernel rt, loader 255, online 8'
	check poweroff-eight corelane vnf rt8 poweroff --timeout 60
	check ended-eight ended 60
	equal exit-status-eight "$status" 0
}
