# SPDX-License-Identifier: Apache-2.0
title "the emulated edge server has what an appliance needs"
machine isolate=tick pages_1g=1

on_server() {
	local nic node
	for nic in 0 1; do
		equal pf$nic-node "$(cat "/sys/bus/pci/devices/$(pf $nic)/numa_node")" $nic
		ip link set "$(netdev "$(pf $nic)")" up
		echo 0 >"/sys/bus/pci/devices/$(pf $nic)/sriov_drivers_autoprobe"
		echo 2 >"/sys/bus/pci/devices/$(pf $nic)/sriov_numvfs"
		equal pf$nic-vf0-alone "$(group_members "$(vf $nic 0)")" "$(vf $nic 0)"
		equal pf$nic-vf1-alone "$(group_members "$(vf $nic 1)")" "$(vf $nic 1)"
		equal pf$nic-vfs "$(cat "/sys/bus/pci/devices/$(pf $nic)/sriov_totalvfs")" 7
	done

	modprobe igbvf
	give "$(vf 1 0)" vfio-pci
	equal vfio-bound "$(driver "$(vf 1 0)")" vfio-pci
	check vfio-group test -c "/dev/vfio/$(basename "$(readlink -f "/sys/bus/pci/devices/$(vf 1 0)/iommu_group")")"
	# Bound, not used: igbvf of PREEMPT_RT polls for the PF's answer with bottom halves disabled, and whether the emulated PF
	# gets to answer meanwhile is luck. Guests do not have that problem: 20 and those after it send through VFs.
	give "$(vf 1 0)" igbvf
	equal igbvf-bound "$(driver "$(vf 1 0)")" igbvf

	check kvm test -c /dev/kvm
	check nvme test -b /dev/nvme0n1
	equal realtime "$(cat /sys/kernel/realtime)" 1
	for node in 0 1; do
		for size in 2048kB:256 1048576kB:1; do
			equal node$node-pages-${size%%:*} \
				"$(cat /sys/devices/system/node/node$node/hugepages/hugepages-${size%%:*}/free_hugepages)" \
				${size##*:}
		done
	done
	equal no-tick "$(cat /sys/devices/system/cpu/nohz_full)" 1-3
	echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/part
	echo 2-3 >/sys/fs/cgroup/part/cpuset.cpus
	echo isolated >/sys/fs/cgroup/part/cpuset.cpus.partition
	equal partition "$(cat /sys/fs/cgroup/part/cpuset.cpus.partition)" isolated
	equal isolated "$(cat /sys/fs/cgroup/cpuset.cpus.isolated)" 2-3

	outside host 0 0 10.1.0.1
	outside host 1 0 10.3.0.1
	address "$(pf 0)" 10.1.0.2/24
	address "$(pf 1)" 10.3.0.2/24
	check ping-pf0 soon 10 ping -c 1 -W 1 10.1.0.1
	check ping-pf1 soon 10 ping -c 1 -W 1 10.3.0.1
	equal pinged-from-outside "$(outside ping 1 0 10.3.0.1 10.3.0.2 5 20)" "sent 5 received 5"
	check frames-left-untagged test "$(outside seen 1 0 52:54:00:00:00:20 any)" -ge 6
	equal other-port-saw-nothing "$(outside seen 0 any 52:54:00:00:00:20 any)" 0
}
