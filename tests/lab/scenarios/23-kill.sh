# SPDX-License-Identifier: Apache-2.0
title "kill -9 of a VMM during traffic: its VF is reset and can be used again, its neighbour loses nothing"

guest a rt igbvf <<'SH'
up $(nic 02:00:00:00:06:0a) 10.6.0.1/24
say ready
while sleep 0.1; do ping -c 1 -W 1 10.6.0.99 >/dev/null && off; done
SH
guest b rt igbvf <<'SH'
up $(nic 02:00:00:00:06:0b) 10.6.0.2/24
say ready
while sleep 0.1; do ping -c 1 -W 1 10.6.0.99 >/dev/null && off; done
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
metadata: {name: a}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/a.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, sriov: {device: wan0, vlan: 60, mac: "02:00:00:00:06:0a"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: b}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/b.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, sriov: {device: wan0, vlan: 60, mac: "02:00:00:00:06:0b"}}
YAML

# lost WORDS: how many of "sent N received N ..." did not come back
lost() { awk '{print $2 - $4}' <<<"$1"; }

on_server() {
	local mac=02:00:00:00:06:0a answer
	outside host 0 60 10.6.0.8
	outside host 0 60 10.6.0.9
	run edge
	check a-ready line edge.log 'a\| guest: ready' 120
	check b-ready line edge.log 'b\| guest: ready' 120
	equal a-answers "$(outside ping 0 60 10.6.0.9 10.6.0.1 10 20)" "sent 10 received 10"
	equal b-answers "$(outside ping 0 60 10.6.0.9 10.6.0.2 10 20)" "sent 10 received 10"

	outside ping-start 0 60 10.6.0.8 10.6.0.2 50
	outside ping 0 60 10.6.0.9 10.6.0.1 200 10 >/dev/null & # traffic of a's while it dies
	sleep 1
	kill -9 "$(vmm_pid a)"
	check told line edge.log 'vnf a: killed' 10
	sleep 3
	answer=$(outside ping-stop)
	check b-was-pinged test "$(awk '{print $2}' <<<"$answer")" -ge 40
	equal b-lost "$(lost "$answer")" 0
	wait $! || true
	# What is left of a's VF: nobody drives it, it may not reach memory, and nothing answers.
	equal silent "$(outside ping 0 60 10.6.0.9 10.6.0.1 3 20)" "sent 3 received 0"
	hasnt reset <(lspci -vvs "$(vf 0 0)") 'BusMaster\+'
	equal interrupts-of-one "$(grep -c vfio /proc/interrupts)" 3
	outside host 0 60 10.6.0.99
	check ended ended 60
	equal pf-put-back "$(cat "/sys/bus/pci/devices/$(pf 0)/sriov_numvfs")" 0
	equal no-interrupts-left "$(grep -c vfio /proc/interrupts || true)" 0

	outside forget 0 60 10.6.0.99
	run edge
	check a-ready-again line edge.log 'a\| guest: ready' 120
	equal a-answers-again "$(outside ping 0 60 10.6.0.9 10.6.0.1 10 20)" "sent 10 received 10"
	outside host 0 60 10.6.0.99
	check ended-again ended 60
	equal exit-status-again "$status" 0
}
