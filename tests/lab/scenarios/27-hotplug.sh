# SPDX-License-Identifier: Apache-2.0
title "a VF is unplugged and plugged again under ping; another VF of the same VNF loses nothing"

guest vrouter rt igbvf <<'SH'
mac=02:00:00:00:0a:01
up $(nic 02:00:00:00:0a:02) 10.11.0.1/24
for round in 1 2 3; do
	until nic $mac >/dev/null; do sleep 0.1; done
	up $(nic $mac) 10.10.0.1/24
	say "plugged $round"
	[ $round = 3 ] && break
	while nic $mac >/dev/null; do sleep 0.1; done
	say "unplugged $round"
done
while sleep 0.1; do ping -c 1 -W 1 10.11.0.99 >/dev/null && off; done
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
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/vrouter.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, vlan: 100, mac: "02:00:00:00:0a:01"}}
  - {name: mgmt, sriov: {device: wan0, vlan: 110, mac: "02:00:00:00:0a:02"}}
YAML

on_server() {
	local vectors answer round
	outside host 0 100 10.10.0.9
	outside host 0 110 10.11.0.9
	run edge
	check plugged line edge.log 'vrouter\| guest: plugged 1' 120
	equal answers "$(outside ping 0 100 10.10.0.9 10.10.0.1 10 20)" "sent 10 received 10"
	vectors=$(grep -c vfio /proc/interrupts)
	equal vectors-of-two "$vectors" 6
	equal mgmt-answers "$(outside ping 0 110 10.11.0.9 10.11.0.1 5 20)" "sent 5 received 5"

	outside ping-start 0 110 10.11.0.9 10.11.0.1 100
	for round in 1 2; do
		outside ping 0 100 10.10.0.9 10.10.0.1 100 20 >/dev/null & # goes on while the VF is taken away
		sleep 0.5
		check detach-$round corelane vnf vrouter detach wan
		check guest-saw-it-go-$round line edge.log "vrouter\\| guest: unplugged $round" 20
		equal silent-$round "$(outside ping 0 100 10.10.0.9 10.10.0.1 3 20)" "sent 3 received 0"
		equal vectors-of-one-$round "$(grep -c vfio /proc/interrupts)" 3
		wait $! || true
		check attach-$round corelane vnf vrouter attach wan
		check guest-has-it-again-$round line edge.log "vrouter\\| guest: plugged $((round + 1))" 30
		sleep 1
		equal answers-again-$round "$(outside ping 0 100 10.10.0.9 10.10.0.1 10 20)" "sent 10 received 10"
		equal vectors-of-two-$round "$(grep -c vfio /proc/interrupts)" 6
	done
	answer=$(outside ping-stop)
	check mgmt-was-pinged test "$(awk '{print $2}' <<<"$answer")" -ge 50
	equal mgmt-lost "$(awk '{print $2 - $4}' <<<"$answer")" 0
	outside host 0 110 10.11.0.99
	check ended ended 60
	equal exit-status "$status" 0
}
