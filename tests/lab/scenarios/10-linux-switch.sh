# SPDX-License-Identifier: Apache-2.0
title "two Linux VNFs through a switch that dies on the way; one reboots, both power off from inside"
pvh cloud

# Two vCPUs, from the bzImage; restarts once: the server says which boot this is, for nothing in a guest outlives it.
guest left cloud virtio_net virtio-rng <<'SH'
up eth0 10.9.0.1/24; up eth1 10.8.0.2/24
connect() { nc -w 5 "$1" "$2" </dev/null 2>/dev/null; } # ADDRESS PORT: sends nothing, prints what comes
say "loader $(cat /proc/sys/kernel/bootloader_type)"
for i in $(seq 20); do what=$(connect 10.8.0.1 97); [ -n "$what" ] && break; sleep 0.5; done
[ "$what" = reboot ] && { say rebooting; reboot -f; }

say "online $(nproc) of $(grep -c ^processor /proc/cpuinfo)"
say "rng $(head -c 16 /dev/hwrng | wc -c)"
reach 30 10.9.0.2
say "ping $(ping -c 20 -i 0.05 -s 1400 10.9.0.2 | grep loss)"
head -c 3000000 /dev/zero | nc -w 5 10.9.0.2 99
sleep 1
[ "$(connect 10.9.0.2 98)" = yes ] && say "bulk ok"

# Many flows, so that both receive queues get some: connections that nobody takes are refused.
for port in $(seq 200 219); do connect 10.9.0.2 $port; done
vector() { awk -v n="$1" '$0 ~ n "$" {sum += $2 + $3} END {print sum + 0}' /proc/interrupts; }
say "interrupts: queue 0 $(vector virtio0-input.0), queue 1 $(vector virtio0-input.1), tap $(vector virtio1-input.0)"
say "cpus: $(awk '/virtio0-input/ {a += $2; b += $3} END {print a + 0, b + 0}' /proc/interrupts)"
echo "guest: hvc0 works" >/dev/hvc0

# The server kills the switch while packets are on their way; the link goes and comes, and so do they.
gone=/sys/class/net/eth0/carrier_down_count
before=$(cat $gone)
ping 10.9.0.2 -i 0.02 >/dev/null &
connect 10.8.0.1 96
for i in $(seq 200); do [ "$(cat $gone)" -gt "$before" ] && break; sleep 0.1; done
reach 30 10.9.0.2
kill $!
say "new switch: link lost $(($(cat $gone) - before)) time, $(ping -c 20 -i 0.05 10.9.0.2 | grep loss)"
connect 10.9.0.2 100
off
SH

# From the PVH ELF inside it.
guest right cloud virtio_net <<'SH'
up eth0 10.9.0.2/24
say "loader $(cat /proc/sys/kernel/bootloader_type)"
head -c 3000000 /dev/zero | md5sum | cut -d' ' -f1 >/tmp/sum
nc -l -p 99 >/tmp/bulk
[ "$(md5sum </tmp/bulk | cut -d' ' -f1)" = "$(cat /tmp/sum)" ] && echo yes | nc -l -p 98
nc -l -p 100 </dev/null # until the other one says goodbye
off
SH

site two <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: Network
metadata: {name: inner}
spec: {type: switch, vlan: 7}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: left}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/left.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 2}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, switch: {network: inner, queues: 2}}
  - {name: mgmt, tap: {bridge: br0}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: right}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinux, initrd: /lab/right.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: lan, switch: {network: inner}}
YAML

on_server() {
	ip link add br0 type bridge
	ip addr add 10.8.0.1/24 dev br0
	ip link set br0 up
	local before
	before=$(free_pages)
	(echo reboot | busybox nc -l -p 97; echo go | busybox nc -l -p 97) >/dev/null &
	(busybox nc -l -p 96 </dev/null >/dev/null; kill -9 "$(pidof corelane-switch)") &
	run two
	check tap-answers soon 60 ping -c 1 -W 1 10.8.0.2
	check ended ended 90
	equal exit-status "$status" 0
	# Linux calls an unknown boot loader 255, and PVH without Xen 176.
	has boot-bzimage two.log 'left\| guest: loader 255'
	has boot-pvh two.log 'right\| guest: loader 176'
	has reboot two.log 'vnf left: the guest asked for a reset; starting it again'
	has two-cpus two.log 'left\| guest: online 2 of 2'
	has rng two.log 'left\| guest: rng 16'
	has ping two.log 'left\| guest: ping .* 0% packet loss'
	has big-transfer two.log 'left\| guest: bulk ok'
	has interrupts-of-each-queue two.log \
		'left\| guest: interrupts: queue 0 [1-9][0-9]*, queue 1 [1-9][0-9]*, tap [1-9]'
	has interrupts-on-each-cpu two.log 'left\| guest: cpus: [1-9][0-9]* [1-9]'
	has virtio-console two.log 'left/console\| guest: hvc0 works'
	has switch-again two.log 'left\| guest: new switch: link lost [1-9][0-9]* time, .* 0% packet loss'
	equal resets "$(python3 -c 'import json; print([v["resets"] for v in json.load(open("two.json"))["vnfs"]])')" "[1, 0]"
	equal pages-given-back "$(free_pages)" "$before"
	check nothing-runs sh -c '! pidof corelane-vmm corelane-switch'
	equal no-sockets "$(find /run/corelane -type s)" ""
}
