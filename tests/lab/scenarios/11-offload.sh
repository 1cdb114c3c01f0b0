# SPDX-License-Identifier: Apache-2.0
title "three Linux VNFs: TCP in segments that whoever takes them gets as they are, and nobody else"
pvh cloud

# The sender's kernel leaves checksums and the cutting of segments to the switch.
guest left cloud virtio_net <<'SH'
up eth0 10.9.0.1/24
mkfifo /tmp/never # an end of file would make the other side stop
# ADDRESS PORT: sends nothing, prints what comes, as soon as somebody listens there
from() { for i in $(seq 100); do nc -w 20 "$1" "$2" <>/tmp/never >/tmp/came 2>/dev/null && [ -s /tmp/came ] && break; sleep 0.3; done; cat /tmp/came; }
for peer in 2 3; do
	reach 60 10.9.0.$peer
	for i in $(seq 100); do head -c 1000000 /dev/zero | nc -w 20 10.9.0.$peer 99 2>/dev/null && break; sleep 0.3; done
	say "to $peer: $(from 10.9.0.$peer 98)"
	say "from $peer: $(from 10.9.0.$peer 97 | md5sum | cut -d' ' -f1)"
	from 10.9.0.$peer 100 >/dev/null
done
off
SH

peer() { # NAME ADDRESS
	guest "$1" cloud virtio_net <<SH
up eth0 $2/24
head -c 1000000 /dev/zero | md5sum | cut -d' ' -f1 >/tmp/sum
nc -l -p 99 >/tmp/bulk
[ "\$(md5sum </tmp/bulk | cut -d' ' -f1)" = "\$(cat /tmp/sum)" ] && say whole || say "\$(wc -c </tmp/bulk) bytes came"
echo whole | nc -l -p 98
nc -l -p 97 </tmp/bulk
echo bye | nc -l -p 100
off
SH
}
peer middle 10.9.0.2
peer right 10.9.0.3

site three <<'YAML'
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
  boot: {kernel: {image: /kernels/cloud/vmlinux, initrd: /lab/left.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces: [{name: lan, switch: {network: inner, offload: true}}]
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: middle}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinux, initrd: /lab/middle.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces: [{name: lan, switch: {network: inner}}]
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: right}
spec:
  boot: {kernel: {image: /kernels/cloud/vmlinux, initrd: /lab/right.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces: [{name: lan, switch: {network: inner, offload: true}}]
YAML

# Bytes a frame, on average, in one direction of a VNF's port.
mean() { # VNF rx|tx
	python3 -c 'import json, sys
p = next(p for p in json.load(open("three.json"))["ports"] if p["name"] == sys.argv[1] + "/lan")
s = p["stats"]
print(s[sys.argv[2] + "Bytes"] // s[sys.argv[2] + "Packets"])' "$@"
}

on_server() {
	local sum
	sum=$(head -c 1000000 /dev/zero | md5sum | cut -d' ' -f1)
	run three
	check ended ended 120
	equal exit-status "$status" 0
	has whole-where-nobody-takes-segments three.log 'middle\| guest: whole'
	has whole-as-it-is three.log 'right\| guest: whole'
	has back-from-one-that-cuts-itself three.log "left\| guest: from 2: $sum"
	has back-as-it-is three.log "left\| guest: from 3: $sum"
	check sent-in-segments [ "$(mean left rx)" -gt 1600 ]
	check received-in-segments [ "$(mean right tx)" -gt 1600 ]
	check cut-for-the-other [ "$(mean middle tx)" -le 1514 ]
}
