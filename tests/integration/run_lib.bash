# SPDX-License-Identifier: Apache-2.0
# What the run_*.sh scripts share: sites, runs in a folder of their own, and the proof that nothing is
# left. Sourced with the folder of the programs as $1. Every check prints one result line.
set -uo pipefail
bin=$(readlink -f "$1")
work=$(mktemp -d /tmp/corelane-run.XXXXXX)
run=$work/run
pid= status=

# Whatever happens, nothing of ours stays behind: the recorded processes only, by pid and start time.
cleanup() {
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

free_pages() { awk '/^HugePages_Free/ {print $2}' /proc/meminfo; }
pages_before=$(free_pages)

if [ ! -w /dev/kvm ]; then
	echo "skip all: no /dev/kvm that this user may open"
	exit 0
fi
if [ "${pages_before:-0}" -lt 128 ]; then
	echo "skip all: 128 free hugepages of 2 MiB are needed, there are ${pages_before:-0}"
	exit 0
fi

host() { printf 'apiVersion: corelane/v1\nkind: Host\nmetadata: {name: test}\nspec: {overlap: allow}\n'; }
network() { # NAME
	printf -- '---\napiVersion: corelane/v1\nkind: Network\nmetadata: {name: %s}\nspec: {type: switch}\n' "$1"
}
vnf() { # NAME BOOT [INTERFACE...]: an interface is "name" (on network lan) or a whole mapping
	local name=$1 boot=$2 i
	shift 2
	printf -- '---\napiVersion: corelane/v1\nkind: VNF\nmetadata: {name: %s}\nspec:\n' "$name"
	printf '  boot: %s\n  cpu: {vcpus: 1}\n  memory: {size: 32Mi}\n' "$boot"
	[ $# -eq 0 ] || printf '  interfaces:\n'
	for i in "$@"; do
		case $i in
		\{*) printf '  - %s\n' "$i" ;;
		*) printf '  - {name: %s, switch: {network: lan}}\n' "$i" ;;
		esac
	done
}
probe() { # NAME ARGS [INTERFACE...]
	local name=$1 args=$2
	shift 2
	vnf "$name" "{probe: {args: \"$args\"}}" "$@"
}

# start SITE [OPTION...]: in the background; output in $work/out and $work/err.
start() {
	local site=$1
	shift
	: >"$work/out" >"$work/err"
	"$bin/corelane" run --run-dir "$run" --report "$work/report.json" "$@" "$site" \
		>"$work/out" 2>"$work/err" </dev/null &
	pid=$!
}

# await TEXT [SECONDS]: until it is in the output; 1 when it does not come.
await() {
	local i
	for ((i = 0; i < ${2:-20} * 20; i++)); do
		grep -aqF -- "$1" "$work/out" "$work/err" && return 0
		sleep 0.05
	done
	return 1
}

# finish [SECONDS]: waits for the end; leaves $status (124: it did not end and was killed).
finish() {
	local i p=$pid
	for ((i = 0; i < ${1:-60} * 20; i++)); do
		[ -e "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null || break
		sleep 0.05
	done
	if [ $i -ge $((${1:-60} * 20)) ]; then
		kill -KILL "$p"
		wait "$p" 2>/dev/null
		status=124
	else
		wait "$p"
		status=$?
	fi
	pid=
}

complain() { # NAME WHY
	echo "not ok $1: $2"
	sed 's/^/  out: /' "$work/out" | cut -c1-300 | tail -n 15
	sed 's/^/  err: /' "$work/err" | tail -n 15
}

# expect NAME STATUS TEXT...: the end of a run, and what it must have said.
expect() {
	local name=$1 want=$2 text
	shift 2
	if [ "$status" != "$want" ]; then
		complain "$name" "exit status $status, not $want"
		return 1
	fi
	for text in "$@"; do
		if ! grep -aqF -- "$text" "$work/out" "$work/err"; then
			complain "$name" "nothing says '$text'"
			return 1
		fi
	done
	echo "ok $name"
}

# "PID STARTTIME" of each child that the run folder knows, or of the named one.
children() { awk -v name="${1:-}" 'name == "" || $3 == name {print $1, $2}' "$run/children" 2>/dev/null; }
child_pid() { children "$1" | tail -n 1 | cut -d' ' -f1; }

# alive "PID STARTTIME": whether that very process still runs.
alive() {
	local now
	now=$(sed 's/.*) //' "/proc/${1% *}/stat" 2>/dev/null | cut -d' ' -f1,20)
	[ "${now#* }" = "${1#* }" ] && [ "${now% *}" != Z ]
}

# nothing_left NAME [CHILDREN]: no process, no socket, no folder, no hugepage.
nothing_left() {
	local name=$1 who i left=
	for i in {1..100}; do
		left=
		while read -r who; do
			[ -n "$who" ] && alive "$who" && left="process $who"
		done <<<"${2:-}"
		[ -e "$run" ] && left="$run: $(ls "$run")"
		if [ -z "${CORELANE_TEST_SHARED:-}" ] && [ "$(free_pages)" -lt "$pages_before" ]; then
			left="$((pages_before - $(free_pages))) hugepages"
		fi
		[ -z "$left" ] && break
		sleep 0.1
	done
	if [ -n "$left" ]; then
		complain "$name" "left behind: $left"
		return 1
	fi
	echo "ok $name"
}

# value VNF KEY: of the last result line that the VNF printed.
value() {
	grep -a "^$1| {\"probe\":\"result\"" "$work/out" | tail -n 1 |
		sed -n "s/.*\"$2\":\\([0-9]*\\).*/\\1/p"
}

# positive NAME VNF KEY
positive() {
	local v
	v=$(value "$2" "$3")
	if [ "${v:-0}" -gt 0 ]; then
		echo "ok $1"
	else
		complain "$1" "$3 of $2 is '${v}'"
	fi
}
