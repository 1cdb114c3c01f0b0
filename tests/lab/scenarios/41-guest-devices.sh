# SPDX-License-Identifier: Apache-2.0
title "a named console port, vsock, balloon, tap offloads, console log; a guest that hangs and one that panics start again"
machine seconds=400
guest_disk tools /usr/bin/socat /usr/sbin/ethtool

# Does what it is told over its port: nothing in a guest outlives it, so the server knows which life it is.
guest devices cloud virtio_blk virtio_net ext4 virtio_console vmw_vsock_virtio_transport virtio_balloon i6300esb pvpanic-pci <<'SH'
mkdir -p /tools
mount -t ext4 -o ro /dev/vda /tools && mount --bind /dev /tools/dev && mount -t tmpfs t /tools/tmp
for i in $(seq 100); do port=$(grep -l '^agent$' /sys/class/virtio-ports/*/name) && break; sleep 0.1; done
exec 3<>"/dev/$(basename "$(dirname "$port")")"
next() { until read -r word arg <&3 && [ -n "$word" ]; do sleep 0.5; done; }
chroot /tools /usr/bin/socat VSOCK-LISTEN:1234,fork PIPE &
echo "guest: hvc0 is kept too" >/dev/hvc0
up eth0 10.8.0.2/24
say "ready"
while next; do
	case $word in
	hello) echo "hello to you, $arg" >&3 ;;
	call) echo "the guest calls" | chroot /tools /usr/bin/socat - VSOCK-CONNECT:2:4321 ;;
	free) awk '/MemFree/ {print $2}' /proc/meminfo >&3 ;;
	offloads) chroot /tools /usr/sbin/ethtool -K eth0 tx-udp-segmentation on; echo $(chroot /tools /usr/sbin/ethtool -k eth0 | grep -E 'tx.*(checksumming|segmentation):') >&3 ;;
	pull) nc -l -p 97 | wc -c >&3 ;;
	push) head -c 5000000 /dev/zero | nc 10.8.0.1 98; echo pushed >&3 ;;
	hang) watchdog -T 2 -t 1 /dev/watchdog; sleep 3; echo "watched" >&3; killall -9 watchdog ;;
	panic) echo c >/proc/sysrq-trigger ;;
	off) off ;;
	esac
done
SH

guest idle cloud i6300esb <<'SH'
watchdog -T 2 -t 1 /dev/watchdog
sleep 1
killall -9 watchdog
SH

site health <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: dev}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/devices.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1, policy: shared}
  memory: {size: 256Mi, pageSize: 4Ki, balloon: true}
  disks:
  - {name: tools, image: /lab/tools.raw, readOnly: true, direct: false}
  interfaces:
  - {name: mgmt, tap: {bridge: br0}}
  console: {log: 64Ki, ports: [agent]}
  watchdog: {action: restart}
  vsock: {cid: 42}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: idle}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/idle.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1, policy: shared}
  memory: {size: 128Mi, pageSize: 4Ki}
  watchdog: {action: poweroff}
YAML

site second <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: other}
spec: {overlap: allow}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: twin}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinuz, initrd: /lab/idle.cpio}}
  cpu: {vcpus: 1, policy: shared}
  memory: {size: 128Mi, pageSize: 4Ki}
  vsock: {cid: 42}
YAML

# tell WORD [ARG]: the line that the guest answers on its port. order WORD: one that is not answered.
tell() {
	python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(60)
s.connect("/run/corelane/edge/dev.port.agent.sock"); s.sendall(" ".join(sys.argv[1:]).encode() + b"\n")
print(s.makefile().readline().strip())' "$@"
}
order() { echo "$*" | socat -u - UNIX-CONNECT:/run/corelane/edge/dev.port.agent.sock; }
free_below() { [ "$(tell free)" -lt "$1" ]; }
free_above() { [ "$(tell free)" -gt "$1" ]; }
# frame_bytes COUNTER: the mean size of the frames that the tap has counted so far.
frame_bytes() { echo $(($(cat "/sys/class/net/corelane0/statistics/$1_bytes") / $(cat "/sys/class/net/corelane0/statistics/$1_packets"))); }

# A quarter of its memory is taken from the guest, and given again.
balloon() {
	local whole
	whole=$(tell free)
	check balloon corelane vnf dev balloon 192Mi
	check balloon-took soon 20 free_below $((whole - 50000))
	check balloon-back corelane vnf dev balloon 256Mi
	check balloon-gave soon 20 free_above $((whole - 15000))
}

# TCP goes in segments larger than the MTU of 1500, both ways: the mean of all frames is, acknowledgements included.
offloads() {
	tell offloads >/run/offloads
	has offload-checksum /run/offloads 'tx-checksumming: on'
	has offload-tso /run/offloads 'tx-tcp-segmentation: on'
	has offload-tso6 /run/offloads 'tx-tcp6-segmentation: on'
	has offload-uso /run/offloads 'tx-udp-segmentation: on'
	head -c 5000000 /dev/zero | socat -u - TCP:10.8.0.2:97,retry=60,interval=0.5 &
	socat -u TCP-LISTEN:98 CREATE:/run/pushed &
	equal tap-to-guest "$(tell pull)" 5000000
	tell push >/dev/null
	check tap-from-guest soon 20 sh -c '[ "$(wc -c </run/pushed)" = 5000000 ]'
	check large-frames-to-guest test "$(frame_bytes tx)" -gt 1600
	check large-frames-from-guest test "$(frame_bytes rx)" -gt 1600
}

# lives N: it is ready for the N-th time
lives() { soon "${2:-60}" sh -c "[ \$(grep -c 'dev| guest: ready' health.log) -ge $1 ]"; }

on_server() {
	local tap
	ip link add br0 type bridge
	ip addr add 10.8.0.1/24 dev br0
	ip link set br0 up
	run health
	check up lives 1 150
	equal port "$(tell hello server)" "hello to you, server"
	equal port-again "$(tell hello again)" "hello to you, again"
	equal vsock-to-guest "$(echo over vsock | socat -t 5 - VSOCK-CONNECT:42:1234)" "over vsock"
	socat -u VSOCK-LISTEN:4321 OPEN:/run/called,creat &
	order call
	check vsock-to-host soon 10 grep -q 'the guest calls' /run/called
	status=0
	corelane run /run/second.yaml >/run/second.log 2>&1 || status=$?
	equal vsock-twin-status "$status" 4
	has vsock-twin-words second.log "vnf twin: .*vsock: the address 42 is another machine's"

	balloon
	offloads

	check idle-turned-off line health.log 'vnf idle: its watchdog expired; turning it off'
	check idle-ended line health.log 'vnf idle: powered off'

	equal watched "$(tell hang)" watched
	check hung line health.log 'vnf dev: its watchdog expired; starting it again' 30
	check lives-again lives 2
	equal port-of-the-second-life "$(tell hello second)" "hello to you, second"
	order panic
	check panic-told line health.log "vnf dev: the guest's kernel panicked" 30
	check lives-a-third-time lives 3
	sleep 3 # free pages are reported two seconds after they were freed
	order off
	check ended ended 60
	equal exit-status "$status" 0
	has log /var/log/corelane/edge/dev.console.log 'guest: ready'
	has log-of-hvc0 /var/log/corelane/edge/dev.console.log 'guest: hvc0 is kept too'
	equal counts "$(python3 -c 'import json
for v in json.load(open("health.json"))["vnfs"]:
    h = v["health"]; print(v["name"], v["result"], v["resets"], h["watchdogs"], h["panics"], h["balloonReported"] > 32 << 20, end="; ")')" \
		"dev powered off 2 1 1 True; idle powered off 0 1 0 False; "
	equal no-sockets "$(find /run/corelane -type s)" ""
}
