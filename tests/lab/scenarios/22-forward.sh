# SPDX-License-Identifier: Apache-2.0
title "a VNF with one VF and one switch port forwards between them"
machine cpus=6 pages_2m=400

# fw routes between the outside (VLAN 40, through its VF) and client, which has only the switch.
guest fw rt igbvf virtio_net virtio_blk <<'SH'
up $(nic 02:00:00:00:04:01) 10.4.0.2/24
up $(nic 02:00:00:00:04:02) 10.5.0.1/24
echo 1 >/proc/sys/net/ipv4/ip_forward
dd if=/dev/vda of=/dev/null bs=1M count=64 2>/dev/null && say "disk read"
reach 120 10.4.0.99
off
SH
guest client rt virtio_net <<'SH'
up eth0 10.5.0.2/24
ip route add default via 10.5.0.1
reach 90 10.4.0.1
say "outside answered $(ping -c 10 -i 0.1 10.4.0.1 | grep -c ttl=63) with ttl 63"
reach 120 10.4.0.99
off
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 1}}
---
apiVersion: corelane/v1
kind: Network
metadata: {name: inner}
spec: {type: switch, vlan: 50}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: fw}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/fw.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  disks: [{name: data, image: /dev/nvme0n1}]
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 40, mac: "02:00:00:00:04:01"}}
  - {name: lan, switch: {network: inner, mac: "02:00:00:00:04:02"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: client}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/client.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, switch: {network: inner}}
YAML

on_server() {
	outside host 0 40 10.4.0.1
	# The world answers to where a frame came from, so it needs no route back.
	run edge
	check client-through-fw line edge.log 'client\| guest: outside answered 10 with ttl 63' 200
	check frames-left-by-the-vf test "$(outside seen 0 40 02:00:00:00:04:01 any)" -ge 10
	equal client-stays-inside "$(outside counts | grep 'vlan 40 ' | grep -vc 'from 02:00:00:00:04:01' || true)" 0
	check disk-read line edge.log 'fw\| guest: disk read'
	# The figure of docs/results.md: with a VF, a switch port and a disk, all of them used.
	check vmm-memory-at-most-6-MiB test "$(vmm_beside fw)" -le 6144
	say "VMM of fw: $(vmm_beside fw) KiB beside guest RAM"
	outside host 0 40 10.4.0.99
	check ended ended 90
	equal exit-status "$status" 0
}
