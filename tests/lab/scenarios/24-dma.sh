# SPDX-License-Identifier: Apache-2.0
title "a guest that points its VF at memory that is not its own: stopped by the IOMMU, reported by name, harmless"

# The queue of a working VF gets a descriptor ring far beyond the guest's RAM: 82576 datasheet, TDBAL, TDBAH, TDT
# of a VF at 0x3800, 0x3804, 0x3818; RDBAH at 0x2804.
guest evil rt igbvf <<'SH'
eth=$(nic 02:00:00:00:07:0e)
up $eth 10.7.0.1/24
reach 60 10.7.0.9
say ready
bar=$(awk 'NR == 1 {print $1}' /sys/class/net/$eth/device/resource)
reach 120 10.7.0.50 # the go
devmem $((bar + 0x2804)) 32 0x40
devmem $((bar + 0x3804)) 32 0x40
devmem $((bar + 0x3818)) 32 $((($(devmem $((bar + 0x3818)) 32) + 8) & 0x7f))
say "done, $(dmesg | grep -c 'Oops')"
sleep 30
off
SH
guest good rt igbvf <<'SH'
up $(nic 02:00:00:00:07:01) 10.7.0.2/24
say ready
while sleep 0.1; do ping -c 1 -W 1 10.7.0.99 >/dev/null && off; done
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  overlap: allow
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 2}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: evil}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/evil.cpio, args: "console=ttyS0 quiet panic=1 iomem=relaxed"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 70, mac: "02:00:00:00:07:0e"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: good}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/good.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 70, mac: "02:00:00:00:07:01"}}
YAML

on_server() {
	local answer
	outside host 0 70 10.7.0.8
	outside host 0 70 10.7.0.9
	run edge
	check good-ready line edge.log 'good\| guest: ready' 120
	check evil-ready line edge.log 'evil\| guest: ready' 120
	equal good-answers "$(outside ping 0 70 10.7.0.9 10.7.0.2 10 20)" "sent 10 received 10"
	outside ping-start 0 70 10.7.0.8 10.7.0.2 50
	outside host 0 70 10.7.0.50
	check evil-did-it line edge.log 'evil\| guest: done'
	outside ping 0 70 10.7.0.9 10.7.0.1 20 20 >/dev/null # frames for the ring that is not there
	dmesg | grep -i DMAR | tail -n 5
	check stopped-by-the-iommu soon 10 sh -c "dmesg | grep -q 'DMAR: .DMA .*fault addr 0x40'"
	check reported-by-name line edge.log 'vnf evil, interface wan: .*IOMMU' 10
	sleep 2
	answer=$(outside ping-stop)
	check good-was-pinged test "$(awk '{print $2}' <<<"$answer")" -ge 40
	equal good-lost "$(awk '{print $2 - $4}' <<<"$answer")" 0
	hasnt good-not-blamed edge.log 'vnf good, .*IOMMU'
	outside host 0 70 10.7.0.99
	check ended ended 90
}
