# SPDX-License-Identifier: Apache-2.0
title "threads, memory and VF of every VNF are where the plan says, read back from /proc and sysfs"
machine cpus=8 pages_2m=400

guest near rt igbvf virtio_net <<'SH'
say ready
while sleep 0.1; do ping -c 1 -W 1 10.9.0.99 >/dev/null && off; done
SH

site edge <<'YAML'
apiVersion: corelane/v1
kind: Host
metadata: {name: edge}
spec:
  devices:
  - {name: wan0, pci: "0000:21:00.0", sriov: {vfs: 1}}
  - {name: wan1, pci: "0000:41:00.0", sriov: {vfs: 1}}
---
apiVersion: corelane/v1
kind: Network
metadata: {name: inner}
spec: {type: switch}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: west}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/near.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 2, realtime: {vcpus: "1", priority: 3}}
  numa: {nics: required}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan0, mac: "02:00:00:00:09:01"}}
---
apiVersion: corelane/v1
kind: VNF
metadata: {name: east}
spec:
  boot: {kernel: {image: /kernels/rt/vmlinuz, initrd: /lab/near.cpio, args: "console=ttyS0 quiet panic=1"}}
  cpu: {vcpus: 1, emulator: isolate}
  numa: {nics: required}
  memory: {size: 256Mi, pageSize: 2Mi}
  interfaces:
  - {name: wan, sriov: {device: wan1, mac: "02:00:00:00:09:02"}}
  - {name: lan, switch: {network: inner}}
YAML

# Compares the plan with the processes; prints a result a line.
readback() {
	python3 - <<'PY'
import glob, json, re, subprocess, sys

plan = json.loads(subprocess.check_output(["corelane", "plan", "/run/edge.yaml", "-o", "json"]))
bad = 0

def equal(name, got, wanted):
    global bad
    if got != wanted:
        bad += 1
    print("ok" if got == wanted else "not ok", name, "" if got == wanted else "got %s, wanted %s" % (got, wanted))

def cpus(text):
    out = []
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        out += range(int(low), int(high or low) + 1)
    return out

def threads(pid):
    """(CPUs, policy, priority) of each thread of a process."""
    out = []
    for path in glob.glob("/proc/%s/task/*" % pid):
        status = open(path + "/status").read()
        stat = open(path + "/stat").read().rpartition(")")[2].split()
        allowed = cpus(re.search(r"Cpus_allowed_list:\s*(.*)", status).group(1))
        out.append((allowed, int(stat[38]), int(stat[37])))  # fields 41 and 40 of proc(5)
    return out

children = {}
for line in open(glob.glob("/run/corelane/*/children")[0]):
    pid, _, name = line.split(None, 2)
    children[name.strip()] = pid

for vnf in plan["vnfs"]:
    name, pid = vnf["name"], children[vnf["name"]]
    have = threads(pid)
    for index, vcpu in enumerate(vnf["vcpus"]):
        wanted = ([vcpu["cpu"]], 1 if vcpu["priority"] else 0, vcpu["priority"])
        found = [t for t in have if t == wanted]
        equal("%s-vcpu%d" % (name, index), len(found) >= 1, True)
        if found:
            have.remove(found[0])
    # Whatever is left are the VMM's own threads, and they keep to the emulator's CPUs.
    equal(name + "-other-threads", sorted({c for t in have for c in t[0]}), sorted(vnf["emulator"]))
    nodes, pages = {}, 0
    for line in open("/proc/%s/numa_maps" % pid):
        if " huge" in line or "memfd:guest" in line:
            for node, count in re.findall(r"\bN(\d+)=(\d+)", line):
                nodes[int(node)] = nodes.get(int(node), 0) + int(count)
    equal(name + "-memory", nodes, {vnf["node"]: vnf["pages"]})

for device in plan["devices"]:
    pf = "0000:21:00.0" if device["name"] == "wan0" else "0000:41:00.0"
    for function in device["functions"]:
        vf = "/sys/bus/pci/devices/%s/virtfn%d" % (pf, function["number"])
        node = [v["node"] for v in plan["vnfs"] if v["name"] == function["vnf"]][0]
        equal(function["vnf"] + "-vf-node", int(open(vf + "/numa_node").read()), node)

switch = plan["switch"]
polling = [t for t in threads(children["switch"]) if t[0] == [switch["cpu"]]]
equal("switch-polls-alone", len(polling), 1)
taken = [v["cpu"] for vnf in plan["vnfs"] for v in vnf["vcpus"]] + [switch["cpu"]]
equal("nobody-shares", len(taken), len(set(taken)))
sys.exit(bad != 0)
PY
}

on_server() {
	run edge
	check west-ready line edge.log 'west\| guest: ready' 150
	check east-ready line edge.log 'east\| guest: ready' 150
	readback >readback || true
	while read -r line; do
		case $line in ok*) pass "${line#ok }" ;; *) line=${line#not ok }; fail "${line%% *}" "${line#* }" ;; esac
	done <readback
	check all-read-back test "$(wc -l <readback)" -ge 11
	check stopped stop 60
}
