# SPDX-License-Identifier: Apache-2.0
title "a guest sees two NUMA nodes where the server has them, and the CPU model that was declared"
machine kernel=rt pages_2m=400 pages_1g=0

guest nodes rt <<'SH'
say "nodes $(cat /sys/devices/system/node/online), cpus $(cat /sys/devices/system/node/node*/cpulist | tr '\n' ' ')"
say "distances $(cat /sys/devices/system/node/node*/distance | tr '\n' ' ')"
for n in 0 1; do say "node $n $(awk '/MemTotal/ {print ($4 > 150000 && $4 < 262144) ? "has its half" : $4}' /sys/devices/system/node/node$n/meminfo)"; done
say "last-level caches $(cat /sys/devices/system/cpu/cpu*/cache/index3/shared_cpu_list | tr '\n' ' ')"
say "packages $(cat /sys/devices/system/cpu/cpu*/topology/physical_package_id | tr '\n' ' ')"
say "complaints $(dmesg | grep -cE 'WARNING|Firmware Bug.*(apic|cpu|CPU)|not on the same node')"
has() { grep -m 1 ^flags /proc/cpuinfo | grep -qw "$1" && echo "$1" || echo "no-$1"; }
say "instructions $(has avx2) $(has fma) $(has avx512f) $(has aes) $(has rdrand)"
say waiting
read -r word </dev/ttyS0
off
SH

site nodes <<'YAML'
apiVersion: corelane/v1
kind: VNF
metadata: {name: nodes}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/nodes.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 2, model: x86-64-v3}
  numa: {cells: 2}
  memory: {size: 512Mi, pageSize: 2Mi}
YAML

site level <<'YAML'
apiVersion: corelane/v1
kind: VNF
metadata: {name: toohigh}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/nodes.cpio}}
  cpu: {vcpus: 1, model: x86-64-v4}
  memory: {size: 64Mi, pageSize: 2Mi}
YAML

# pages NODE: of the guest's memory that lie there.
pages() { awk -v n="N$1=" '/guest-/ {for (i = 1; i <= NF; i++) if (index($i, n) == 1) sum += substr($i, 4)} END {print sum + 0}' "/proc/$vmm/numa_maps"; }
# vcpus NODE: threads of the VMM that are pinned to one isolated CPU of that node.
vcpus() {
	local list n=0
	for list in $(awk '/^Cpus_allowed_list/ {print $2}' "/proc/$vmm"/task/*/status); do
		[ "$list" = 0 ] || [ ! -d "/sys/devices/system/cpu/cpu$list/node$1" ] || n=$((n + 1))
	done
	echo $n
}

on_server() {
	run nodes
	line /run/nodes.log 'guest: waiting' 120 || fail up "the guest did not come up"
	vmm=$(pidof corelane-vmm)
	equal memory-of-node-0 "$(pages 0)" 128
	equal memory-of-node-1 "$(pages 1)" 128
	equal vcpus-of-node-0 "$(vcpus 0)" 1
	equal vcpus-of-node-1 "$(vcpus 1)" 1
	has nodes /run/nodes.log 'guest: nodes 0-1, cpus 0 1 '
	has distances /run/nodes.log 'guest: distances 10 20 20 10 '
	has memory-0 /run/nodes.log 'guest: node 0 has its half'
	has memory-1 /run/nodes.log 'guest: node 1 has its half'
	has caches /run/nodes.log 'guest: last-level caches 0 1 '
	has packages /run/nodes.log 'guest: packages 0 1 '
	has no-complaints /run/nodes.log 'guest: complaints 0'
	has model /run/nodes.log 'guest: instructions avx2 fma no-avx512f no-aes no-rdrand'
	stop 60
	run level
	ended 60
	equal refused-status "$status" 4
	has refused-by-name /run/level.log 'vnf toohigh.*x86-64-v4: this host.s CPU or its KVM lacks AVX512F.*choose a lower model'
}
