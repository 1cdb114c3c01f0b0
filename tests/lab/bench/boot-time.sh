# SPDX-License-Identifier: Apache-2.0
title "from the command to the guest's userspace: corelane run against QEMU q35"
machine seconds=900 pages_2m=320
LAB_ROUNDS=${LAB_ROUNDS:-7}

# The same kernel, initrd, memory, VF and console for both.
guest linux generic igbvf virtio_net <<'SH'
poweroff -f
SH

site one <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 1}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: linux}
spec:
  boot: {kernel: {image: /kernels/generic/vmlinuz, initrd: /lab/linux.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, mac: "02:00:00:00:01:01"}}
YAML

# Prints "CONTENDER milliseconds" a run, alternating, the first run of each left out (it fills the page cache).
on_server() {
	ip link set "$(netdev "$(pf 0)")" up
	echo 0 >"/sys/bus/pci/devices/$(pf 0)/sriov_drivers_autoprobe"
	echo 1 >"/sys/bus/pci/devices/$(pf 0)/sriov_numvfs"
	give "$(vf 0 0)" vfio-pci
	cat >race.py <<'PY'
import os, statistics, subprocess, sys, time

rounds, vf = int(sys.argv[1]), sys.argv[2]
kernel, initrd, args = "/kernels/generic/vmlinuz", "/lab/linux.cpio", "console=ttyS0 quiet panic=1"
qemu = ["taskset", "-c", "1", "qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-cpu", "host",
    "-nodefaults", "-no-reboot", "-display", "none", "-smp", "1", "-m", "256M",
    "-object", "memory-backend-memfd,id=m,size=256M,hugetlb=on,hugetlbsize=2M,prealloc=on,share=on",
    "-machine", "memory-backend=m", "-device", "vfio-pci,host=" + vf, "-serial", "stdio",
    "-kernel", kernel, "-initrd", initrd, "-append", args]
corelane = ["corelane", "run", "/run/one.yaml"]

def run(command):
    start, up = time.monotonic(), None
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log = []
    for line in child.stdout:
        log.append(line)
        if b"guest: up" in line and up is None:
            up = (time.monotonic() - start) * 1000
    if child.wait() != 0 or up is None:
        sys.exit("%s ended with %d:\n%s" % (command[0], child.returncode, b"".join(log).decode(errors="replace")))
    return up

times = {"corelane": [], "qemu": []}
for turn in range(rounds + 1):
    for name, command in (("corelane", corelane), ("qemu", qemu)):
        took = run(command)
        print("%s %d%s" % (name, took, " (first)" if turn == 0 else ""), flush=True)
        if turn:
            times[name].append(took)
ours, theirs = (statistics.median(times[name]) for name in ("corelane", "qemu"))
print("median corelane %d ms, qemu %d ms, ratio %.2f" % (ours, theirs, ours / theirs))
sys.exit(ours / theirs > 0.7)
PY
	python3 race.py "$LAB_ROUNDS" "$(vf 0 0)" 2>&1 | tee /lab/out || true
	check ratio-at-most-0.7 sh -c "tail -n 1 /lab/out | awk '/^median/ {exit \$NF > 0.7} !/^median/ {exit 1}'"
	say "$(tail -n 1 /lab/out)"
}
