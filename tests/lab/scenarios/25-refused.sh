# SPDX-License-Identifier: Apache-2.0
title "a VF of a shared group, a PF that is missing, too many VFs, a VF in use: refused before anything starts"
machine acs=off

# declare NAME DEVICE VFS [INTERFACE...]: a site with one VNF (the probe) whose interfaces are VFs of the device.
declare_site() {
	local name=$1 device=$2 vfs=$3 i
	shift 3
	cat <<-YAML
	apiVersion: corelane/v1
	kind: Host
	metadata: {name: $name}
	spec:
	  devices:
	  - {name: wan0, $device, sriov: {vfs: $vfs}}
	---
	apiVersion: corelane/v1
	kind: VNF
	metadata: {name: vrouter}
	spec:
	  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/vrouter.cpio, args: "console=ttyS0 quiet panic=1"}}
	  cpu: {vcpus: 1}
	  memory: {size: 256Mi, pageSize: 2Mi}
	  interfaces:
	YAML
	for i in "$@"; do echo "  - {name: $i, sriov: {device: wan0, mac: \"02:00:00:00:08:0${i#if}\"}}"; done
}
guest vrouter rt igbvf <<'SH'
up $(nic 02:00:00:00:08:01) 10.8.0.1/24
say ready
while sleep 0.1; do ping -c 1 -W 1 10.8.0.99 >/dev/null && off; done
SH

# What may not change when a site is refused.
state() {
	cat /sys/bus/pci/devices/*/sriov_numvfs
	for device in /sys/bus/pci/devices/*; do echo "${device##*/} $(driver "${device##*/}")"; done
	ip -o link | sed 's/ state.*//; s/ qlen.*//'
	free_pages
	pidof corelane-vmm corelane-switch || true
}

# refused NAME STATUS PATTERN...: this exit status, each pattern in what it said, and nothing changed.
refused() {
	local name=$1 wanted=$2 before after got=0
	shift 2
	before=$(state)
	corelane run "/run/$name.yaml" --run-dir "/run/dir-$name" >"$name.log" 2>&1 </dev/null || got=$?
	cat "$name.log"
	equal "$name-status" "$got" "$wanted"
	while [ $# -gt 0 ]; do has "$name-says-$#" "$name.log" "$1"; shift; done
	after=$(state)
	equal "$name-changed-nothing" "$after" "$before"
}

on_server() {
	declare_site missing 'mac: "52:54:00:00:00:77"' 1 if1 >missing.yaml
	refused missing 4 'vrouter|wan0' '52:54:00:00:00:77'
	declare_site toomany 'pci: "0000:41:00.0"' 8 if1 >toomany.yaml
	refused toomany 4 'wan0' '8' '7'
	declare_site toofew 'pci: "0000:41:00.0"' 1 if1 if2 >toofew.yaml
	refused toofew '[34]' 'vrouter' 'wan0' '1'
	declare_site nosriov 'pci: "0000:00:03.0"' 1 if1 >nosriov.yaml
	refused nosriov 4 'wan0' '0000:00:03.0'

	# The PF is in the group of its VFs, and the server needs it.
	declare_site shared 'pci: "0000:21:00.0"' 1 if1 >shared.yaml
	refused shared 4 'device wan0' 'group' '0000:21:00.0' 'igb'

	# In use by another site, then by the server itself.
	declare_site first 'pci: "0000:41:00.0"' 2 if1 >first.yaml
	declare_site second 'pci: "0000:41:00.0"' 2 if2 >second.yaml
	run first --run-dir /run/dir-first
	check first-ready line first.log 'vrouter\| guest: ready' 120
	refused second 4 'wan0|vrouter' "$(vf 1 0)"
	outside host 1 0 10.8.0.99
	check first-ended ended 60
	equal first-status "$status" 0

	echo 1 >"/sys/bus/pci/devices/$(pf 1)/sriov_numvfs"
	modprobe igbvf
	soon 10 test -e "/sys/bus/pci/devices/$(vf 1 0)/net"
	ip link set "$(netdev "$(vf 1 0)")" up
	declare_site taken 'pci: "0000:41:00.0"' 1 if1 >taken.yaml
	refused taken 4 "$(vf 1 0)" "$(netdev "$(vf 1 0)")"
}
