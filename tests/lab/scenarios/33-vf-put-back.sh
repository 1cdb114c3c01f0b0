# SPDX-License-Identifier: Apache-2.0
title "settings of VFs: made from the declaration, only what differs, put back at the end and after kill -9 of corelane"
machine pages_2m=64

# declare NAME PROBE-ARGUMENTS SETTINGS: two VFs of PF 1, the second for the VNF, which is the probe.
declare_site() {
	cat >"$1.yaml" <<-YAML
	apiVersion: corelane/v1
	kind: Host
	metadata: {name: edge}
	spec:
	  overlap: allow
	  devices:
	  - {name: wan0, pci: "0000:41:00.0", sriov: {vfs: 2}}
	---
	apiVersion: corelane/v1
	kind: VNF
	metadata: {name: vrouter}
	spec:
	  boot: {probe: {args: "mode=jitter time=$2"}}
	  cpu: {vcpus: 1}
	  memory: {size: 4Mi, pageSize: 2Mi}
	  interfaces:
	  - {name: wan, sriov: {device: wan0, mac: "02:00:00:00:09:01", $3}}
	YAML
}

# All that may be changed, in words.
state() {
	local device=/sys/bus/pci/devices/$(pf 1) n
	cat "$device/sriov_numvfs" "$device/sriov_drivers_autoprobe"
	ip link show "$(netdev "$(pf 1)")" | sed 's/ qdisc.*//; s/NO-CARRIER,//; s/,LOWER_UP//'
	for n in 0 1; do
		[ ! -e "$device/virtfn$n" ] ||
			echo "$(vf 1 $n) $(driver "$(vf 1 $n)") $(cat "$device/virtfn$n/driver_override")"
	done
	ls /run/corelane 2>/dev/null || true
}
of_vf() { ip link show "$(netdev "$(pf 1)")" | grep -a "vf $1 "; }

on_server() {
	local before settings='vlan: 120, qos: 3, trust: true, spoofCheck: false, maxTxRate: 500Mbps'
	modprobe igbvf
	declare_site works 60s "$settings"
	declare_site short 1s "$settings"
	declare_site cannot 1s "linkState: disable"

	# From nothing: no VFs, the PF down.
	ip link set "$(netdev "$(pf 1)")" down
	before=$(state)
	run works
	check running line works.log '"mode":"jitter"' 60
	equal number "$(cat "/sys/bus/pci/devices/$(pf 1)/sriov_numvfs")" 2
	equal bound "$(driver "$(vf 1 0)")" vfio-pci
	check other-vf-is-nobodys test ! -e "/sys/bus/pci/devices/$(vf 1 1)/driver"
	has mac <(of_vf 0) '02:00:00:00:09:01'
	has vlan <(of_vf 0) 'vlan 120, qos 3'
	has rate <(of_vf 0) '500Mbps'
	has spoof <(of_vf 0) 'spoof checking off'
	has trust <(of_vf 0) 'trust on'
	has pf-is-up <(ip link show "$(netdev "$(pf 1)")") '[<,]UP'
	kill -9 "$run"
	check killed ended 10
	equal left-behind "$(cat "/sys/bus/pci/devices/$(pf 1)/sriov_numvfs")" 2
	check vmm-goes-too soon 10 sh -c '! pidof corelane-vmm'
	run short
	check next-run-ends ended 60
	equal next-run-status "$status" 0
	has next-run-says short.log 'changes that an earlier run left were put back'
	equal all-as-before "$(state)" "$before"

	# From what an administrator made: the right number, other settings, a driver of the host.
	ip link set "$(netdev "$(pf 1)")" up
	echo 2 >"/sys/bus/pci/devices/$(pf 1)/sriov_numvfs"
	ip link set "$(netdev "$(pf 1)")" vf 0 mac 02:00:00:00:09:77 vlan 77 qos 1
	check igbvf-has-it soon 20 test -e "/sys/bus/pci/devices/$(vf 1 0)/net"
	before=$(state)
	has igbvf <(echo "$before") "$(vf 1 0) igbvf"
	run short
	check second-ends ended 60
	equal second-status "$status" 0
	has only-what-differs short.log 'virtual functions: 1, 6 changes'
	check igbvf-has-it-again soon 20 test -e "/sys/bus/pci/devices/$(vf 1 0)/net"
	equal second-as-before "$(state)" "$before"

	# What the driver cannot do is an error only when it would change something; all is put back.
	run cannot
	check cannot-ends ended 60
	equal cannot-status "$status" 4
	has cannot-says cannot.log \
		'vnf vrouter, interface wan: driver igb of device wan0 has no such setting as linkState disable'
	equal cannot-as-before "$(state)" "$before"
}
