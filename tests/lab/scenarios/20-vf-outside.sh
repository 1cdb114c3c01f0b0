# SPDX-License-Identifier: Apache-2.0
title "a Linux VNF with one VF reaches the outside world in its VLAN, and in no other"

guest vrouter rt igbvf <<'SH'
wan=$(nic 02:00:00:00:01:01) || say "no such address: $(cat /sys/class/net/*/address | xargs)"
say "driver $(basename "$(readlink -f /sys/class/net/$wan/device/driver)")"
up $wan 10.2.0.2/24
reach 20 10.2.0.1
say "outside answered $(pings 10 10.2.0.1) of 10"
say "vectors $(grep -c "$wan" /proc/interrupts)"
reach 60 10.2.0.99 # comes up when the server has seen enough
off
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, mac: "52:54:00:00:00:10", sriov: {vfs: 2}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: vrouter}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/vrouter.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 120, mac: "02:00:00:00:01:01"}}
YAML

on_server() {
	local mac=02:00:00:00:01:01
	outside host 0 120 10.2.0.1
	outside host 0 121 10.2.0.7
	outside host 0 0 10.2.0.8
	equal no-vfs-before "$(cat "/sys/bus/pci/devices/$(pf 0)/sriov_numvfs")" 0
	run edge
	check guest-up line edge.log 'vrouter\| guest: up .*-rt-' 90
	equal vfs "$(cat "/sys/bus/pci/devices/$(pf 0)/sriov_numvfs")" 2
	check guest-reached-outside line edge.log 'vrouter\| guest: outside answered 10 of 10'
	check vectors line edge.log 'vrouter\| guest: vectors'
	has igbvf edge.log 'vrouter\| guest: driver igbvf'
	equal host-vectors "$(grep -c vfio /proc/interrupts)" "$(sed -n 's/.*guest: vectors //p' edge.log | tr -d '\r')"
	equal answers-in-its-vlan "$(outside ping 0 120 10.2.0.1 10.2.0.2 10 20)" "sent 10 received 10"
	equal silent-in-another "$(outside ping 0 121 10.2.0.7 10.2.0.2 3 20)" "sent 3 received 0"
	equal silent-without-one "$(outside ping 0 0 10.2.0.8 10.2.0.2 3 20)" "sent 3 received 0"
	check frames-were-tagged test "$(outside seen 0 120 $mac any)" -ge 20
	equal none-untagged "$(outside seen 0 0 $mac any)" 0
	equal none-in-another "$(outside seen 0 121 $mac any)" 0
	equal none-on-the-other-port "$(outside seen 1 any $mac any)" 0
	outside host 0 120 10.2.0.99
	check ended ended 60
	equal exit-status "$status" 0
	equal vfs-put-back "$(cat "/sys/bus/pci/devices/$(pf 0)/sriov_numvfs")" 0
	equal pf-keeps-its-driver "$(driver "$(pf 0)")" igb
}
