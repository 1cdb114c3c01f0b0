# SPDX-License-Identifier: Apache-2.0
title "two VNFs with VFs of one PF and one of another PF reach each other"
machine cpus=6 pages_2m=400

# a and b are neighbours on PF 0; c is on PF 1, behind the switch outside. All in VLAN 30.
guest a rt igbvf <<'SH'
up $(nic 02:00:00:00:03:0a) 10.3.0.1/24
reach 90 10.3.0.2; say "b answered $(pings 10 10.3.0.2)"
reach 90 10.3.0.3; say "c answered $(pings 10 10.3.0.3)"
reach 120 10.3.0.99
off
SH
guest b rt igbvf <<'SH'
up $(nic 02:00:00:00:03:0b) 10.3.0.2/24
reach 90 10.3.0.3; say "c answered $(pings 10 10.3.0.3)"
reach 120 10.3.0.99
off
SH
# c has a second VF, of the same PF.
guest c rt igbvf <<'SH'
up $(nic 02:00:00:00:03:0c) 10.3.0.3/24
ip link set $(nic 02:00:00:00:03:1c) up
reach 90 10.3.0.1; say "a answered $(pings 10 10.3.0.1)"
reach 120 10.3.0.99
off
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 2}}
  - {name: wan1, pci: "0000:41:00.0", sriov: {vfs: 2}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: a}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/a.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, sriov: {device: wan0, vlan: 30, mac: "02:00:00:00:03:0a"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: b}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/b.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, sriov: {device: wan0, vlan: 30, mac: "02:00:00:00:03:0b"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: c}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/c.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, sriov: {device: wan1, vlan: 30, mac: "02:00:00:00:03:0c"}}
  - {name: lan2, sriov: {device: wan1, vlan: 31, mac: "02:00:00:00:03:1c"}}
YAML

on_server() {
	local from to
	outside bridge on
	run edge
	for from in a b c; do check $from-up line edge.log "$from\| guest: up" 120; done
	check a-to-b line edge.log 'a\| guest: b answered 10' 120
	check a-to-c line edge.log 'a\| guest: c answered 10' 120
	check b-to-c line edge.log 'b\| guest: c answered 10' 120
	check c-to-a line edge.log 'c\| guest: a answered 10' 120
	check a-frames-left-for-c test "$(outside seen 0 30 02:00:00:00:03:0a 02:00:00:00:03:0c)" -ge 10
	equal a-frames-for-b-stay-inside "$(outside seen 0 any 02:00:00:00:03:0a 02:00:00:00:03:0b)" 0
	outside host 0 30 10.3.0.99; outside host 1 30 10.3.0.99
	check ended ended 90
	equal exit-status "$status" 0
	for from in 0 1; do equal pf$from-put-back "$(cat "/sys/bus/pci/devices/$(pf $from)/sriov_numvfs")" 0; done
}
