#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Declarations and machines that are broken or hostile: each gets one clear line and a status, and
# leaves nothing. docs/bad-input.md lists what a user sees; what the declaration alone shows is in
# run_refused.sh, and single rules of the YAML vocabulary are unit tests of config.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"

# says NAME STATUS LINE COMMAND...: that status, and on stderr this line (a shell pattern) and no other.
says() {
	local name=$1 want=$2 line=$3 said
	shift 3
	timeout -k 5 60 bash -c '"$@"' _ "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	said=$(grep -v '^<[67]>' "$work/err")
	if [ $status != "$want" ]; then
		complain "$name" "exit status $status, not $want"
	elif [[ $said != $line ]]; then # the right side is a pattern
		complain "$name" "it says '$(head -c 300 <<<"$said")', not '$line'"
	else
		echo "ok $name"
	fi
}
validate() { # NAME LINE FILE
	says "$1" 3 "$2" "$bin/corelane" validate "$3"
}
corelane() { "$bin/corelane" run --run-dir "$run" "$@"; }
export -f corelane
export bin run work

cd "$work" || exit 1
printf 'kind: Host\n  bad: [\n' >syntax.yaml
validate yaml-syntax 'syntax.yaml:2:6: not YAML: *' syntax.yaml
for open in '[' '{a: ' '- '; do
	yes -- "$open" | head -n 100000 | tr -d '\n' >deep.yaml
	validate "nested-100000-times-$(tr -cd '[{-' <<<"$open" | tr '[{-' 'lms')" \
		'deep.yaml:1:*: nested more than 64 levels deep' deep.yaml
done
truncate -s 2G large.yaml
validate two-gib-file 'large.yaml: larger than 4 MiB; no declaration is' large.yaml
validate endless-file '/dev/zero: larger than 4 MiB; no declaration is' /dev/zero
printf 'apiVersion: corelane/v1\0\n' >nul.yaml
validate nul-bytes 'nul.yaml:1:24: not UTF-8 text: control characters *byte 0x00*' nul.yaml
head -c 65536 /dev/urandom >noise.yaml
validate noise 'noise.yaml:*:*: not UTF-8 text: *' noise.yaml
: >empty.yaml
validate empty-file 'empty.yaml: no document in it' empty.yaml
printf 'apiVersion: corelane/v1\nkind: "\\e[31mHost\\n<0>x"\n' >escape.yaml
validate escape-sequences 'escape.yaml:2:7: kind \\x1b\[31mHost\\x0a<0>x is not Host, Network or VNF' escape.yaml
{ echo 'a: &a [x, x]'; for i in {1..40}; do echo "b$i: [*a, *a]"; done; } >laughs.yaml
validate aliases '*aliases (\*) are not supported; write the value out*' laughs.yaml
printf 'apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\nspec: {type: switch, vlna: 1}\n' >near.yaml
validate unknown-key 'near.yaml:4:22: network n: unknown key vlna in spec; did you mean vlan?*' near.yaml
# It costs no more memory than a file may have (a sanitizer wants terabytes of addresses).
grep -qs 'CORELANE_SANITIZE:STRING=.' "$bin/../CMakeCache.txt" || says little-memory-is-enough 3 'large.yaml: larger than 4 MiB*' \
	bash -c 'ulimit -v 65536; "$bin/corelane" validate large.yaml'

{ host; probe fw1 "mode=boot"; } >one.yaml
{ host; network lan; probe loop1 "mode=loop time=1s rate=1k" tx rx; } >loop.yaml

# Kernels that only the VMM can judge: still one line with the VNF's name, and "the input is wrong".
kernel() { # NAME FILE LINE
	{ host; vnf fw1 "{kernel: {image: $2}}"; } >kernel.yaml
	says "$1" 3 "$3" corelane kernel.yaml
	nothing_left "$1-leaves-nothing"
}
printf '\177ELF\002\001\001' >stub
kernel kernel-cut-short "$work/stub" '*vnf fw1: failed: kernel: ELF: the file ends inside its header (truncated?)'
kernel kernel-that-is-a-program /bin/true '*vnf fw1: failed: kernel: ELF: *ive a kernel with a PVH entry*'
{ head -c 514 /dev/zero; printf HdrS; head -c 3000 /dev/zero; } >zimage
kernel bzimage-of-nothing "$work/zimage" '*vnf fw1: failed: kernel: *'
# Another VNF beside it runs to its end.
{ host; probe good "mode=boot"; vnf fw1 "{kernel: {image: stub}}"; } >beside.yaml
says bad-kernel-beside-a-good-vnf 3 '*vnf fw1: failed: kernel: ELF: *' corelane beside.yaml
expect the-good-vnf-goes-on 3 'good| {"probe":"end","mode":"boot","ok":true'

# in_mounts NAME STATUS LINE SCRIPT: as root of a mount namespace of its own.
in_mounts() {
	if ! unshare -m true 2>/dev/null; then
		echo "skip $1: this user may not make a mount namespace"
		return
	fi
	says "$1" "$2" "$3" unshare -m bash -c "$4"
	nothing_left "$1-leaves-nothing"
}
mkdir disk
export -f nothing_left
in_mounts no-kvm 4 '*this machine has no /dev/kvm: enable virtualisation in its firmware and load kvm_intel or kvm_amd' \
	'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && corelane one.yaml'
in_mounts kvm-that-is-none 4 '*/dev/kvm is not the kernel*: it does not speak version 12*' \
	'mount --bind /dev/null /dev/kvm && corelane one.yaml'
in_mounts report-on-a-full-disk 1 '*/disk/r.json: No space left on device' \
	'mount -t tmpfs -o size=4k none disk && head -c 4096 /dev/zero >disk/fill || exit 99
	corelane --report "$work/disk/r.json" one.yaml; s=$?
	[ "$(ls disk)" = fill ] || exit 98; exit $s'
in_mounts run-folder-read-only 1 '*run folder */disk/x: Read-only file system; * --run-dir' \
	'mount -t tmpfs -o ro none disk; run=$work/disk/x; corelane one.yaml'
in_mounts run-folder-on-a-full-disk 1 '*/disk/x/lock: No space left on device' \
	'mount -t tmpfs -o size=4k none disk && head -c 4096 /dev/zero >disk/fill || exit 99
	run=$work/disk/x; corelane one.yaml; s=$?; [ "$(ls disk)" = fill ] || exit 98; exit $s'
in_mounts no-room-for-sockets 1 '*/disk/x/*.sock: No space left on device' \
	'mount -t tmpfs -o nr_inodes=3 none disk || exit 99
	run=$work/disk/x; corelane loop.yaml; s=$?; [ -z "$(ls disk)" ] || exit 98; exit $s'

if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ] && setpriv --reuid 65534 test -x "$bin/corelane"; then
	chmod 755 "$work"
	says run-folder-of-root 1 '*run folder */run: Permission denied; run as root or *--run-dir' \
		setpriv --reuid 65534 --clear-groups "$bin/corelane" run --run-dir "$run" one.yaml
	chmod 700 "$work"
else
	echo "skip run-folder-of-root: not root, no setpriv, or the programs are not readable for others"
fi

# Limits of the process.
says too-few-descriptors 4 '*this process may open 64 files, * are needed*; raise the hard limit (ulimit -Hn)*' \
	bash -c 'ulimit -n 64; corelane loop.yaml'
says descriptors-are-enough 0 '*' bash -c 'ulimit -Sn 64; corelane loop.yaml' # the hard limit is higher
nothing_left too-few-descriptors-leave-nothing
# (The limit would hold for the file that takes the messages too, hence the pipe.)
says file-size-limit 1 '*run/lock: File too large' bash -c \
	'{ ulimit -f 0; corelane one.yaml; } 2>&1 >/dev/null | cat >/dev/stderr; exit ${PIPESTATUS[0]}'
nothing_left file-size-limit-leaves-nothing

# Standard output that cannot be written, is closed, or loses its reader.
says output-on-a-full-disk 1 '*standard output: No space left on device; * lines are lost' \
	bash -c 'corelane loop.yaml >/dev/full'
says output-closed 1 '*standard output: Bad file descriptor; * lines are lost' bash -c 'corelane loop.yaml >&-'
says output-without-a-reader 0 '*lines could not be written to standard output' \
	bash -c 'corelane loop.yaml | :; exit ${PIPESTATUS[0]}'
says all-three-closed 1 '' bash -c 'corelane loop.yaml <&- >&- 2>&-'
nothing_left closed-output-leaves-nothing
for verb in validate dump plan help; do
	says "$verb-on-a-full-disk" 1 '*standard output could not be written' \
		bash -c "\"\$bin/corelane\" $verb $([ $verb = help ] || echo one.yaml) >/dev/full"
done

# A back end's socket that somebody else has, and a path that is no socket.
listen() { python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(60)' "$1" & listener=$!
	for _ in {1..200}; do [ -S "$1" ] && break; sleep 0.05; done; }
{ host; probe fw1 "mode=boot" "{name: m, vhostUser: {socket: $work/taken.sock}}"; } >taken.yaml
listen "$work/taken.sock"
says taken-socket 1 "*vnf fw1, interface m: somebody else listens at $work/taken.sock; name another socket or *" \
	corelane taken.yaml
kill $listener
wait $listener 2>/dev/null
if [ -S "$work/taken.sock" ]; then
	echo "ok taken-socket-stays"
else
	complain taken-socket-stays "it was removed"
fi
rm -f "$work/taken.sock"
echo precious >"$work/taken.sock"
says socket-that-is-a-file 1 "*vnf fw1, interface m: $work/taken.sock: *" corelane taken.yaml
if grep -qs precious "$work/taken.sock"; then
	echo "ok the-file-stays"
else
	complain the-file-stays "it was removed"
fi
nothing_left taken-socket-leaves-nothing

# corelane-bench's own values, before anything starts.
for option in 'time=0s' 'time=5' 'rate=abc' 'size=59' 'rings=both' 'rate=1k"}'; do
	says "bench-$(tr -cd 'a-z0-9=' <<<"$option")" 2 '*corelane-bench: value "*" is not *' \
		"$bin/corelane-bench" latency "--$option"
done
