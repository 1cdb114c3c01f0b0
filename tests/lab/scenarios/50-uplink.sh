# SPDX-License-Identifier: Apache-2.0
title "two VNFs reach the outside through the switch's own NIC, which goes away and comes back"
machine cpus=6 pages_2m=400

guest a rt virtio_net <<'SH'
up eth0 10.8.0.2/24
reach 120 10.8.0.1 && say "outside answered $(pings 10 10.8.0.1) of 10"
reach 120 10.8.0.3 && say "neighbour answered $(pings 10 10.8.0.3) of 10"
# the NIC is taken away meanwhile: the neighbour still answers, the outside does not
reach 120 10.8.0.98 && say "cut off: neighbour answered $(pings 10 10.8.0.3) of 10, outside $(pings 3 10.8.0.1) of 3"
reach 120 10.8.0.1 && say "back: outside answered $(pings 10 10.8.0.1) of 10"
off
SH
guest b rt virtio_net <<'SH'
up eth0 10.8.0.3/24
reach 120 10.8.0.1 && say "outside answered $(pings 10 10.8.0.1) of 10"
while [ ! -e /never ]; do
	sleep 1
	# a neighbour's address that comes when the outside is gone for us as well
	ping -c 1 -W 1 10.8.0.1 >/dev/null && continue
	ping -c 1 -W 1 10.8.0.1 >/dev/null || { ip addr add 10.8.0.98/24 dev eth0; break; }
done
reach 120 10.8.0.1
sleep 20
off
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: lan0, pci: "0000:21:00.0", driver: dpdk, lldp: true}
---
apiVersion: corelane/v1
kind: Network
metadata: {name: svc}
spec: {type: switch, vlan: 200, uplink: lan0}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: a}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/a.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces: [{name: lan, switch: {network: svc, mac: "02:00:00:00:08:02"}}]
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: b}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/b.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces: [{name: lan, switch: {network: svc, mac: "02:00:00:00:08:03"}}]
YAML

on_server() {
	outside host 0 200 10.8.0.1
	check refused-while-the-kernel-has-it sh -c 'corelane run /run/edge.yaml 2>&1 | grep "the switch needs vfio-pci"'
	give "$(pf 0)" vfio-pci
	run edge
	check a-reaches-the-outside line edge.log 'a\| guest: outside answered 10 of 10' 200
	check b-reaches-the-outside line edge.log 'b\| guest: outside answered 10 of 10' 60
	check neighbours line edge.log 'a\| guest: neighbour answered 10 of 10' 60
	check frames-left-tagged test "$(outside seen 0 200 02:00:00:00:08:02 any)" -ge 10
	check told-its-neighbour test "$(outside seen 0 0 any 01:80:c2:00:00:0e)" -ge 1
	equal nothing-left-untagged "$(outside counts | grep -E 'vlan 0 ' | grep -c 'from 02:00:00:00:08' || true)" 0
	echo "$(pf 0)" >"/sys/bus/pci/devices/$(pf 0)/driver/unbind" &
	check device-gone line edge.log 'port uplink.lan0.*its device is gone|lan0: its device is gone' 60
	check neighbours-go-on line edge.log 'a\| guest: cut off: neighbour answered 10 of 10, outside 0 of 3' 120
	give "$(pf 0)" vfio-pci
	check device-back line edge.log 'a\| guest: back: outside answered 10 of 10' 120
	check ended ended 90
	equal exit-status "$status" 0
}
