#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What cannot work is refused before anything starts: one clear line, a status that scripts can use.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

# refused NAME STATUS SITE TEXT...: and neither a process nor a folder was made.
refused() {
	local name=$1 want=$2 site=$3
	shift 3
	start "$site"
	finish 20
	expect "$name" "$want" "$@"
	[ ! -e "$run" ] || complain "$name-starts-nothing" "$run is there"
}

{ host; vnf fw1 "{kernel: {image: nowhere.elf}}"; } >"$work/site.yaml"
refused missing-kernel 3 "$work/site.yaml" 'site.yaml:' 'vnf fw1: kernel nowhere.elf: no such file'

echo "this is no kernel" >"$work/text"
{ host; vnf fw1 "{kernel: {image: text}}"; } >"$work/site.yaml"
refused kernel-no-elf 3 "$work/site.yaml" 'vnf fw1: kernel text: neither a 64-bit ELF file nor a Linux bzImage'

mkfifo "$work/fifo"
{ host; vnf fw1 "{kernel: {image: fifo}}"; vnf fw2 "{kernel: {image: .}}"; } >"$work/site.yaml"
refused kernel-no-file 3 "$work/site.yaml" 'vnf fw1: kernel fifo: not a regular file' \
	'vnf fw2: kernel .: not a regular file'

{ host; vnf fw1 "{kernel: {image: $bin/corelane-probe, initrd: gone.img}}"; } >"$work/site.yaml"
refused missing-initrd 3 "$work/site.yaml" 'vnf fw1: initrd gone.img: no such file'

# The start of a 64-bit ELF file and nothing behind it: the VMM is who finds out, in words.
printf '\177ELF\002\001\001' >"$work/stub"
{ host; vnf fw1 "{kernel: {image: stub}}"; } >"$work/site.yaml"
start "$work/site.yaml"
finish 20
expect truncated-kernel 3 "vnf fw1: failed: kernel: ELF: the file ends inside its header"
nothing_left truncated-kernel-leaves-nothing

need=$(($(free_pages) + 1000))
{ host; probe fw1 "mode=boot"; } | sed "s/32Mi/$((need * 2))Mi/" >"$work/site.yaml"
refused too-few-hugepages 4 "$work/site.yaml" 'fw1' "$need" 'free'

printf 'kind: Host\n  bad: [\n' >"$work/site.yaml"
refused bad-yaml 3 "$work/site.yaml" 'site.yaml:2:'
{ host; probe fw1 "mode=boot"; probe fw1 "mode=boot"; } >"$work/site.yaml"
refused two-vnfs-with-one-name 3 "$work/site.yaml" 'fw1'
{ host; network lan; probe fw1 "mode=boot" lan lan; } >"$work/site.yaml"
refused taken-port-name 3 "$work/site.yaml" 'vnf fw1' 'lan'
{ host; network lan
	probe fw1 "mode=boot" '{name: a, switch: {network: lan, mac: "02:00:00:00:00:01"}}' \
		'{name: b, switch: {network: lan, mac: "02:00:00:00:00:01"}}'; } >"$work/site.yaml"
refused a-mac-twice 3 "$work/site.yaml" '02:00:00:00:00:01'
{ host; } >"$work/site.yaml"
refused nothing-to-run 3 "$work/site.yaml" 'declares no VNF'
refused missing-file 3 "$work/nowhere.yaml" 'nowhere.yaml'

{ host; probe fw1 "mode=boot" '{name: m, tap: {bridge: cl-no-bridge}}'; } >"$work/site.yaml"
start "$work/site.yaml"
finish 20
expect missing-bridge 1 'vnf fw1, interface m: bridge cl-no-bridge: no such interface'
nothing_left missing-bridge-leaves-nothing

{ host; probe fw1 "mode=boot" "{name: m, vhostUser: {socket: $work/none.sock, role: connect}}"; } \
	>"$work/site.yaml"
start "$work/site.yaml"
finish 20
expect missing-back-end 1 'vnf fw1, interface m: start its back end first'
nothing_left missing-back-end-leaves-nothing

for args in "" "frob" "run" "run a b" "plan --frob x" "plan -o xml x"; do
	# shellcheck disable=SC2086
	"$bin/corelane" $args >"$work/out" 2>"$work/err" </dev/null
	status=$?
	expect "usage-$(echo "$args" | tr -cs 'a-z\n' -)" 2 'corelane:'
done

# A host that cannot keep the promise: the arithmetic, status 4; with overlap it is planned, and told.
{ network lan; probe a "mode=boot" lan; probe b "mode=boot"; } >"$work/site.yaml"
"$bin/corelane" plan --topology "core:2 pu:1" "$work/site.yaml" >"$work/out" 2>"$work/err"
status=$?
expect host-too-small 4 'overlap: allow'
{ host; network lan; probe a "mode=boot" lan; probe b "mode=boot"; } >"$work/site.yaml"
"$bin/corelane" plan --topology "core:2 pu:1" "$work/site.yaml" >"$work/out" 2>"$work/err"
status=$?
expect overlap-is-told 0 'not eligible for a real-time claim'

# A missing program, and one that cannot be run.
{ host; probe fw1 "mode=boot"; } >"$work/site.yaml"
start "$work/site.yaml" --vmm "$work/text"
finish 20
expect vmm-cannot-be-run 1 "$work/text: Permission denied"
start "$work/site.yaml" --probe "$work/gone"
finish 20
expect missing-probe 3 "$work/gone: no such file"
mkdir "$work/folder"
start "$work/site.yaml" --report "$work/folder"
finish 20
expect report-cannot-be-written 1 "report $work/folder: Is a directory"
nothing_left refusals-leave-nothing
