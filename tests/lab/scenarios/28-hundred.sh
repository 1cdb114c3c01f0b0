# SPDX-License-Identifier: Apache-2.0
title "100 starts and stops of a VNF with a VF leave the server as it was"
machine seconds=1500

# The probe as guest: it starts fast. One run of corelane a start. Every tenth makes the function and takes it away,
# which igb and its sleeps make slow; the others find it, set it, give it to vfio-pci and put it back as it was.
site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 1}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: probe}
spec:
  boot: {probe: {args: "mode=boot"}}
  cpu: {vcpus: 1}
  memory: {size: 64Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 5, mac: "02:00:00:00:0b:01"}}
YAML

# What may not grow: pages, interrupts, groups, devices, open files of the system, processes, run folders.
state() {
	free_pages
	grep -c . /proc/interrupts
	ls /dev/vfio
	ls /sys/kernel/iommu_groups
	ls /sys/bus/pci/devices
	cat /sys/bus/pci/devices/*/sriov_numvfs
	find /run/corelane | sort
	pgrep -c corelane || true
}
files() { cut -f1 /proc/sys/fs/file-nr; }
# KiB that are free once what can be given up is; slabs of a kernel that frees late are part of the margin below.
free_memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '/^MemFree/ {print $2}' /proc/meminfo
}

on_server() {
	local vfs=/sys/bus/pci/devices/$(pf 0)/sriov_numvfs i before files_before memory_before grown
	echo 0 >"/sys/bus/pci/devices/$(pf 0)/sriov_drivers_autoprobe"
	for i in 1 2 3; do corelane run edge.yaml >"first$i.log" 2>&1 </dev/null; done
	before=$(state) files_before=$(files) memory_before=$(free_memory)
	for i in $(seq 100); do
		case $i in
		*0) echo 0 >"$vfs"; say "$i" ;;
		*1) echo 1 >"$vfs" ;;
		esac
		corelane run edge.yaml >run.log 2>&1 </dev/null || { cat run.log; break; }
	done
	equal all-started "$i" 100
	has last-one-had-its-vf run.log 'virtual functions'
	equal as-before "$(state)" "$before"
	check open-files test "$(($(files) - files_before))" -le 32
	grown=$((memory_before - $(free_memory)))
	say "free memory is $grown KiB less after 100 starts, open files $(($(files) - files_before)) more"
	check free-memory test "$grown" -le 8192
}
