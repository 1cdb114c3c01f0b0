#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The probe in QEMU: an independent implementation of everything that our own VMM does for it. Both of
# its images, KVM and emulation, every mode that needs no second machine; then what it reports is
# checked. Usage: probe_qemu.sh BINDIR
set -uo pipefail
bin=$(readlink -f "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
qemu=qemu-system-x86_64
elf=$bin/corelane-probe
bz=$bin/corelane-probe.bzimage

for image in "$elf" "$bz"; do
	[ -e "$image" ] || { echo "not ok all: $image was not built"; exit 1; }
done
for tool in $qemu python3; do
	command -v $tool >/dev/null || { echo "skip all: $tool is not installed"; exit 0; }
done
accels=tcg
if [ -w /dev/kvm ]; then
	accels="tcg kvm"
else
	echo "skip kvm: no /dev/kvm that this user may open"
fi

# Under a KVM that emulates ring 0, firmware takes seconds (q35) to tens of milliseconds (microvm, whose
# BARs nobody places: the probe does, through ECAM only). Emulation gets the larger machine.
machine_of() {
	case $1 in
	kvm) machine=microvm,pcie=on words="ecam=0xe0000000" ;;
	*) machine=q35 words= ;;
	esac
}

# run ACCEL CMDLINE [OPTION...]: on the machine for that accelerator.
run() {
	local accel=$1 cmdline=$2 machine words
	shift 2
	machine_of "$accel"
	boot "$accel" $machine "$elf" "$cmdline${words:+ $words}" "$@"
}

# boot ACCEL MACHINE IMAGE CMDLINE [OPTION...]: leaves the serial output in $work/out, and $status.
boot() {
	local accel=$1 machine=$2 image=$3 cmdline=$4
	shift 4
	timeout -k 5 "${limit:-60}" $qemu -accel "$accel" -M "$machine" -m "${mem:-64}" -nodefaults \
		-no-reboot -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-kernel "$image" -append "$cmdline" "$@" <"${input:-/dev/null}" \
		>"$work/out" 2>"$work/err"
	status=$?
}

# check NAME EXPRESSION: a Python expression over the lines: L (all), one("result") the line of that
# event, which must be there once.
check() {
	local why
	if why=$(python3 - "$work/out" "$2" 2>&1 <<'EOF'
import json, sys
L = []
for raw in open(sys.argv[1], errors="replace"):
    raw = raw.strip()
    if raw.startswith("{"):
        L.append(json.loads(raw))
def all_of(event):
    return [l for l in L if l["probe"] == event]
def one(event):
    found = all_of(event)
    assert len(found) == 1, f"{len(found)} lines {event}: {L}"
    return found[0]
def ended(ok=True):
    return L and L[-1]["probe"] == "end" and L[-1]["ok"] is ok
assert eval(sys.argv[2]), f"not so: {sys.argv[2]}: {str(L)[:1500]}"
EOF
	); then
		echo "ok $1"
	else
		echo "not ok $1: $(tail -n 1 <<<"$why") $(tail -n 2 "$work/err" | tr '\n' ' ')"
	fi
}

# Two NICs on one hub; $1: more properties of the NICs.
nics() {
	local p=${1:-}
	nic=(-netdev hubport,id=a,hubid=1 -netdev hubport,id=b,hubid=1
		-device "virtio-net-pci,netdev=a,mac=02:00:00:00:00:01$p"
		-device "virtio-net-pci,netdev=b,mac=02:00:00:00:00:02$p")
}

fnv1a() {
	python3 -c 'import sys
h = 0xcbf29ce484222325
for b in open(sys.argv[1], "rb").read(): h = ((h ^ b) * 0x100000001b3) & (2 ** 64 - 1)
print(hex(h))' "$1"
}

test_loaders() { # ACCEL
	local sum machine image how machines="q35 microvm"
	[ "$1" = tcg ] || machines=microvm
	head -c 70001 /dev/urandom >"$work/initrd"
	sum=$(fnv1a "$work/initrd")
	for machine in $machines; do
		for how in pvh bzimage32; do
			image=$elf
			[ $how = pvh ] || image=$bz
			boot "$1" $machine "$image" "mode=boot tsc=2000000000" -initrd "$work/initrd"
			check "$1-$machine-$how" "ended() and one('start')['protocol'] == '$how' \
				and one('start')['cmdline'] == 'mode=boot tsc=2000000000' \
				and one('start')['tsc_hz'] == 2000000000 \
				and one('start')['ring3_tsc'] > one('start')['entry_tsc'] > 0 \
				and one('boot')['initrd_size'] == 70001 \
				and one('boot')['initrd_fnv1a'] == '$sum' \
				and sum(int(r['size'], 16) for r in one('boot')['map'] if r['type'] == 1) > 60 << 20"
		done
	done
	# The start mark: the very first byte, before the port was set up, is a newline.
	if [ "$(head -c 1 "$work/out" | od -An -tx1)" = " 0a" ]; then
		echo "ok $1-start-mark"
	else
		echo "not ok $1-start-mark: the first byte is $(head -c 1 "$work/out" | od -An -tx1)"
	fi
}

loop() { # NAME ACCEL NICPROPERTIES WORDS EXPRESSION
	nics "$3"
	run "$2" "mode=loop rate=1000 time=300ms drain=10 $4" "${nic[@]}"
	check "$2-loop-$1" "ended() and one('result')['received'] == one('result')['sent'] == 300 \
		and one('result')['lost'] == one('result')['corrupted'] == 0 \
		and one('result')['samples'] == 300 and len(one('result')['hist']) > 5 \
		and 0 < one('result')['min_ns'] <= one('result')['p50_ns'] <= one('result')['max_ns'] \
		and ($5)"
}

test_loop() { # ACCEL
	loop split "$1" "" "" "all_of('nic')[0]['rings'] == 'split'"
	loop packed "$1" ,packed=on rings=packed "all_of('nic')[0]['rings'] == 'packed'"
	loop split-indirect "$1" "" "indirect=1 chain=1" "all_of('nic')[0]['indirect']"
	loop packed-indirect "$1" ,packed=on "rings=packed indirect=1 chain=1" "all_of('nic')[0]['indirect']"
	loop chain "$1" "" chain=1 "not all_of('nic')[0]['indirect']"
	loop merged "$1" ,mrg_rxbuf=on size=9000 "one('result')['merged'] >= 300"
	loop merged-packed "$1" ,packed=on "size=64,9000 rings=packed" "one('result')['merged'] >= 100"
	loop unmerged "$1" "" "size=9000 mrg=0" "one('result')['merged'] == 0"
	loop by-mac "$1" "" "tx=02:00:00:00:00:02 rx=02:00:00:00:00:01" \
		"one('ready')['peer'] == '02:00:00:00:00:01'"
	loop odd-size "$1" "" "size=60,61,127 ring=4" "one('result')['sent_bytes'] == 100 * (60 + 61 + 127)"
}

# Every refusal is one error line, and the end says not ok.
test_refusals() { # ACCEL
	nics
	run "$1" "mode=loop queues=2" "${nic[@]}"
	check "$1-too-many-queues" "ended(False) and len(all_of('error')) == 1"
	run "$1" "mode=loop rings=packed" "${nic[@]}"
	check "$1-no-packed-rings" "ended(False) and 'packed' in one('error')['what']"
	run "$1" "mode=loop rate=fast"
	check "$1-bad-word" "ended(False) and 'rate=fast' in one('error')['what']"
	run "$1" "mode=loop console=ttyS0"
	check "$1-unknown-word" "ended(False) and 'console=ttyS0' in one('error')['what']"
	run "$1" "mode=loop"
	check "$1-no-nic" "ended(False) and 'NIC' in one('error')['text']"
	run "$1" "mode=rtt wait=200ms" -netdev hubport,id=a,hubid=1 \
		-device virtio-net-pci,netdev=a
	check "$1-nobody-answers" "ended(False) and 'wait=' in one('error')['text']"
}

test_machine() { # ACCEL
	run "$1" mode=rng -device virtio-rng-pci
	check "$1-rng" "ended() and one('result')['bytes'] >= 65536"
	run "$1" "mode=rng rings=packed" -device virtio-rng-pci,packed=on
	check "$1-rng-packed" "ended() and one('result')['bytes'] >= 65536"
	local how="mode=pci"
	[ "$1" != tcg ] || how="mode=pci ecam=0xb0000000" # q35 has both ways in: they must agree
	run "$1" "$how" -device virtio-rng-pci
	check "$1-pci" "ended('$1' == 'tcg') and one('result')['devices'] > 1 and any(d['vendor'] == '0x1af4' for d in all_of('pci'))"
	run "$1" "mode=mem"
	check "$1-mem" "ended() and one('result')['bad'] == 0 and one('result')['checked'] >= 30"
	run "$1" "mode=jitter time=100ms"
	check "$1-jitter" "ended() and one('result')['elapsed_ns'] >= 100000000 and one('result')['rounds'] > 1000"
	run "$1" "mode=exits count=20" -device virtio-rng-pci
	check "$1-exits" "ended() and len(all_of('result')) == 7 and all(r['samples'] == 20 for r in all_of('result'))"
	run "$1" "mode=fault"
	check "$1-fault" "ended(False) and one('fault')['vector'] == 14 and one('fault')['cr2'] == '0x7fffffff0000'"
	run "$1" "mode=triplefault"
	check "$1-triplefault" "one('start')['mode'] == 'triplefault' and not all_of('end')"
	run "$1" "mode=reset"
	check "$1-reset" "one('start')['mode'] == 'reset' and not all_of('end') and $status == 0"
	run "$1" "mode=flood count=50"
	check "$1-flood" "ended() and [l['n'] for l in all_of('flood')] == list(range(50))"
	nics
	run "$1" "mode=irq count=20" "${nic[@]}"
	check "$1-irq" "ended() and one('result')['interrupts'] >= 20 and one('result')['missed'] == 0"
	run "$1" "mode=smp cpus=4" -smp 4
	check "$1-smp" "ended() and one('result')['up'] == one('result')['running'] == 4 \
		and [c['apic_id'] for c in all_of('cpu')] == [1, 2, 3]"
}

test_console() { # ACCEL
	printf 'first line\n\nwith "quotes"\r\nquit\n' >"$work/in"
	rm -f "$work/pipe"
	mkfifo "$work/pipe"
	: >"$work/out"
	# Not before it is ready: what arrives at a UART that nobody has set up yet is lost.
	(exec 3>"$work/pipe"
		for _ in $(seq 300); do grep -q '"ready"' "$work/out" && break; sleep 0.1; done
		cat "$work/in" >&3; sleep 1) &
	input=$work/pipe run "$1" "mode=console time=40"
	wait $!
	check "$1-console-serial" "ended() and [l['text'] for l in all_of('line')] == ['first line', 'with \"quotes\"', 'quit']"
	local machine words
	machine_of "$1"
	timeout -k 5 60 $qemu -accel "$1" -M $machine -m 64 -nodefaults -no-reboot -display none \
		-serial "file:$work/serial" -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-device virtio-serial-pci -chardev stdio,id=c -device virtconsole,chardev=c \
		-kernel "$elf" -append "mode=console out=console time=40 $words" \
		<"$work/in" >"$work/out" 2>"$work/err"
	check "$1-console-virtio" "ended() and one('start') and one('result')['lines'] == 3"
	printf '\n' >"$work/mark"
	if cmp -s "$work/serial" "$work/mark"; then
		echo "ok $1-console-mark-only"
	else
		echo "not ok $1-console-mark-only: the serial port got $(head -c 200 "$work/serial")"
	fi
}

# Two probes, one QEMU each, joined by a socket: round trips, generator and counter.
pair() { # NAME ACCEL MODE-A MODE-B EXPRESSION-A EXPRESSION-B
	local b machine words
	machine_of "$2"
	rm -f "$work"/*.sock
	run "$2" "$4" -netdev "stream,id=a,server=on,addr.type=unix,addr.path=$work/x.sock" \
		-device virtio-net-pci,netdev=a,mac=02:00:00:00:00:0b &
	b=$!
	for _ in $(seq 50); do [ -S "$work/x.sock" ] && break; sleep 0.1; done
	timeout -k 5 60 $qemu -accel "$2" -M $machine -m 64 -nodefaults -no-reboot -display none -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$elf" -append "$3 $words" \
		-netdev "stream,id=a,server=off,addr.type=unix,addr.path=$work/x.sock" \
		-device virtio-net-pci,netdev=a,mac=02:00:00:00:00:0a \
		</dev/null >"$work/out.a" 2>"$work/err.a"
	wait $b
	check "$2-$1-b" "$6"
	cp "$work/out.a" "$work/out"
	cp "$work/err.a" "$work/err"
	check "$2-$1-a" "$5"
}

test_pairs() { # ACCEL
	pair rtt "$1" "mode=rtt rate=500 time=400ms wait=20 drain=10" "mode=echo time=40" \
		"ended() and one('result')['received'] == 200 and one('ready')['peer'] == '02:00:00:00:00:0b'" \
		"ended() and one('result')['stopped'] and one('result')['returned'] >= 200"
	pair gen "$1" "mode=gen count=1000 rate=10k dst=02:00:00:00:00:0b macs=10 size=64,1514 time=5" \
		"mode=count time=40 drain=2" \
		"ended() and one('result')['sent'] == 1000" \
		"ended() and one('result')['received'] == 1000 and one('result')['stopped']"
}

# QEMU's devices must be as unimpressed as ours. Not garbage on ports or in rings:
# a word read across the UART's registers, or an empty indirect table, makes QEMU 7.2 abort itself.
test_garbage() { # ACCEL
	local what
	for what in config msix mmio; do
		nics
		run "$1" "mode=garbage what=$what count=300 seed=3" "${nic[@]}" -device virtio-rng-pci
		check "$1-garbage-$what" "ended() and one('result')['operations'] == 300"
	done
}

for accel in $accels; do
	test_loaders $accel
	test_loop $accel
	test_refusals $accel
	test_machine $accel
	test_console $accel
	test_pairs $accel
done
test_garbage tcg
