# SPDX-License-Identifier: Apache-2.0
"""From exec to the probe's first act in ring 3, and memory beside the guest's: corelane-vmm and QEMU's
microvm with the same probe, the same command line and as much memory, in turns."""
import json
import pathlib
import statistics
import sys

import contenders
from processes import Refused, Scene, program, run

MIB = 128  # QEMU's default
CMDLINE = "mode=jitter time=10s"  # so that the guest is still there when its monitor's memory is read
PROMISED_TIME, PROMISED_KIB = 1 / 3, 5 * 1024


def qemu(probe, machine, *memory):
    binary = program("qemu-system-x86_64", "/usr/bin")
    if not binary:
        raise Refused("qemu-system-x86_64 is not installed (package qemu-system-x86)")
    # arch-capabilities: KVM on some virtual machines refuses the MSR that -cpu host would set.
    return ["exec", MIB, binary, "-M", machine, "-accel", "kvm", "-cpu", "host,-arch-capabilities", "-m", str(MIB),
            *memory, "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
            "-kernel", probe, "-append", CMDLINE]


def monitors(args):
    vmm, probe = (program(n, args.bin) for n in ("corelane-vmm", "corelane-probe"))
    if not vmm or not probe:
        raise Refused(f"no corelane-vmm or no corelane-probe in {args.bin}")
    lean = "pit=off,pic=off,rtc=off,acpi=off,auto-kernel-cmdline=off"
    huge = f"memory-backend-memfd,id=m,size={MIB}M,share=on,hugetlb=on,hugetlbsize=2M,prealloc=on"
    return {
        "corelane, 2 MiB pages": ["corelane", MIB, 2048, vmm, probe, CMDLINE],
        "corelane, 4 KiB pages": ["corelane", MIB, 4, vmm, probe, CMDLINE],
        "qemu microvm": qemu(probe, "microvm"),
        "qemu microvm, lean": qemu(probe, f"microvm,{lean}"),
        "qemu microvm, 2 MiB pages": qemu(probe, "microvm,memory-backend=m", "-object", huge),
    }


def boot(args):
    timer = program("corelane-boot-time", args.bin)
    if not timer:
        raise Refused(f"no corelane-boot-time in {args.bin}")
    runs = {name: [] for name in monitors(args)}
    with Scene() as scene:
        scene.need_hugepages(MIB // 2 + 16)
        for _ in range(args.rounds + 1):
            for name, words in monitors(args).items():
                runs[name].append(json.loads(run([timer, *words])))
    for name in runs:
        del runs[name][0]  # fills the page cache
    base = statistics.median(r["first_byte_us"] for r in runs["qemu microvm"])
    print(f"{'monitor':28}{'exec to ring 3, ms: median':>28}{'min':>8}{'max':>8}{'ratio':>8}{'beside, KiB':>13}")
    for name, rows in runs.items():
        times = sorted(r["first_byte_us"] / 1000 for r in rows)
        print(f"{name:28}{statistics.median(times):28.2f}{times[0]:8.2f}{times[-1]:8.2f}"
              f"{statistics.median(times) * 1000 / base:8.3f}{statistics.median(r['beside_kib'] for r in rows):13.0f}")
    ours = runs["corelane, 2 MiB pages"]
    ratio = statistics.median(r["first_byte_us"] for r in ours) / base
    beside = max(r["beside_kib"] for r in ours)
    kept = ratio <= PROMISED_TIME and beside <= PROMISED_KIB
    print(f"corelane / qemu microvm = {ratio:.3f}, promised {PROMISED_TIME:.3f}; beside guest memory {beside} KiB, "
          f"promised {PROMISED_KIB}: {'kept' if kept else 'NOT kept'}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {"versions": contenders.package("qemu-system-x86"), "mib": MIB, "cmdline": CMDLINE,
             "command": sys.argv, "runs": runs}, indent=1))
    return 0 if kept or not args.strict else 1
