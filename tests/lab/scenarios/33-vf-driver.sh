# SPDX-License-Identifier: Apache-2.0
title "a guest's driver comes and goes, a VNF pauses, a VF reads and writes another VF's registers"

# Peer to peer: the receive ring of a, with one descriptor, is put where b has its registers RDBAL and RDBAH, which name
# b's own ring in guest RAM: a descriptor that works. The same where nothing is, to see that a really fetches it.
# 82576 datasheet, 8.10 (a VF's queue 0): RDBAL 0x2800, RDH 0x2810, RDT 0x2818.
guest vrouter rt igbvf <<'SH'
d=/sys/bus/pci/drivers/igbvf
a=$(nic 02:00:00:00:0c:01) b=$(nic 02:00:00:00:0c:02)
slot=$(basename $(readlink -f /sys/class/net/$a/device))
bar() { awk 'NR == 1 {print $1}' /sys/class/net/$1/device/resource; }
up $a 10.12.0.1/24
reach 30 10.12.0.9
say "bound"
reach 60 10.12.0.50 # the server has looked
echo $slot >$d/unbind
say "unbound"
sleep 4
echo $slot >$d/bind
a=$(nic 02:00:00:00:0c:01)
up $a 10.12.0.1/24
reach 30 10.12.0.9
say "bound again"
reach 60 10.12.0.60
up $b 10.13.0.1/24; sleep 0.5; ip link set $b down
ring_at() {
	devmem $(($(bar $a) + 0x2818)) 32 0
	devmem $(($(bar $a) + 0x2810)) 32 0
	devmem $(($(bar $a) + 0x2800)) 32 $1
	devmem $(($(bar $a) + 0x2818)) 32 1
	say "ring at $(devmem $(($(bar $a) + 0x2800)) 32)"
}
ring_at $(($(bar $b) + 0x2800))
sleep 4
say "got $(devmem $(($(bar $a) + 0x2810)) 32)"
ring_at 0xc0200000
sleep 4
off
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 2}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: vrouter}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/vrouter.cpio, args: "console=ttyS0 quiet panic=1 iomem=relaxed"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: a, sriov: {device: wan0, vlan: 100, mac: "02:00:00:00:0c:01"}}
  - {name: b, sriov: {device: wan0, vlan: 110, mac: "02:00:00:00:0c:02"}}
YAML

vectors() { [ "$(grep -c vfio /proc/interrupts)" = "$1" ]; }
faults() { dmesg | grep -c "DMAR: .DMA .*fault addr $1"; }

on_server() {
	outside host 0 100 10.12.0.9
	run edge
	check bound line edge.log 'guest: bound' 120
	check vectors soon 3 vectors 3 # b has none: its interface was never up
	outside host 0 100 10.12.0.50
	check unbound line edge.log 'guest: unbound'
	check no-vectors soon 3 vectors 0
	check bound-again line edge.log 'guest: bound again'
	check vectors-again soon 3 vectors 3
	check pause corelane vnf vrouter pause
	equal paused-is-silent "$(outside ping 0 100 10.12.0.9 10.12.0.1 5 20)" "sent 5 received 0"
	check resume corelane vnf vrouter resume
	check resumed soon 10 sh -c '[ "$(. /lab/lib.bash; outside ping 0 100 10.12.0.9 10.12.0.1 5 20)" = "sent 5 received 5" ]'
	outside host 0 100 10.12.0.60
	check peer line edge.log 'guest: ring at 0xC000'
	outside ping 0 100 10.12.0.9 10.12.0.1 20 20 >/dev/null
	check peer-is-used line edge.log 'guest: got 0x00000001'
	equal peer-is-reached "$(faults 0x)" 0
	check nobody line edge.log 'guest: ring at 0xC0200000'
	outside ping 0 100 10.12.0.9 10.12.0.1 20 20 >/dev/null
	check nobody-is-not soon 5 sh -c "dmesg | grep -q 'DMAR: .DMA .*fault addr 0xc0200'"
	check ended ended 60
	equal exit-status "$status" 0
}
