# SPDX-License-Identifier: Apache-2.0
title "reboot and power-off from inside and from outside, with a VF that works after each"

# Boot after boot: the world says by which addresses there are what to do.
guest vrouter rt igbvf button evdev <<'SH'
up $(nic 02:00:00:00:0c:01) 10.12.0.1/24
say ready
(dd if=/dev/input/event0 bs=24 count=1 2>/dev/null >/dev/null; say "power button"; poweroff -f) &
while sleep 0.1; do
	ping -c 1 -W 1 10.12.0.50 >/dev/null && { say "rebooting"; reboot -f; }
	ping -c 1 -W 1 10.12.0.60 >/dev/null && off
done
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
kind: VNF
metadata: {name: vrouter}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/vrouter.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 130, mac: "02:00:00:00:0c:01"}}
YAML

# The guest is up for the Nth time and its VF carries frames.
works() {
	check "ready-$2" soon 120 sh -c "[ \$(grep -c 'vrouter| guest: ready' edge.log) -ge $1 ]"
	equal "answers-$2" "$(outside ping 0 130 10.12.0.9 10.12.0.1 5 50)" "sent 5 received 5"
}

on_server() {
	outside host 0 130 10.12.0.9
	run edge
	works 1 at-first
	outside host 0 130 10.12.0.50
	check rebooting line edge.log 'guest: rebooting' 30
	outside forget 0 130 10.12.0.50
	works 2 after-reboot-inside
	check reboot-outside corelane vnf vrouter reboot --timeout 60
	works 3 after-reboot-outside
	has button edge.log 'guest: power button'
	check reset-outside corelane vnf vrouter reset --timeout 60
	works 4 after-reset-outside
	check poweroff-outside corelane vnf vrouter poweroff --timeout 60
	check ended ended 60
	equal exit-status "$status" 0

	run edge
	works 1 in-a-new-run
	outside host 0 130 10.12.0.60
	check ended-from-inside ended 60
	equal exit-status-again "$status" 0
	equal vfs-put-back "$(cat "/sys/bus/pci/devices/$(pf 0)/sriov_numvfs")" 0
}
