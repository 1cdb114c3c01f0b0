# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What a scenario's on_server part can call. Everything here runs on the emulated server.

# The words of the other half of a scenario file, which tests/lab/run reads.
title() { :; }
machine() { :; }
guest() { cat >/dev/null; }
guest_disk() { :; }
pvh() { :; }
program() { :; }
# site NAME: keeps the declaration that follows as /run/NAME.yaml.
site() { cat >"/run/$1.yaml"; }

say() { echo "lab: $*"; }
pass() { echo "ok $1" | tee -a /lab/results; }
fail() { echo "not ok $1: ${*:2}" | tee -a /lab/results; }

# check NAME COMMAND...: one result by exit status; what the command said is the reason.
check() {
	local name=$1
	shift
	if "$@" >/run/check.out 2>&1 </dev/null; then
		pass "$name"
	else
		fail "$name" "$* said: $(tail -n 3 /run/check.out | tr '\n' ' ')"
	fi
}

# equal NAME GOT WANTED; WANTED may be a pattern of the shell.
# shellcheck disable=SC2053
equal() { if [[ $2 == $3 || $2 == "$3" ]]; then pass "$1"; else fail "$1" "got '$2', wanted '$3'"; fi; }

# has NAME FILE PATTERN: what must be in a file, now.
has() { if grep -qaE -- "$3" "$2"; then pass "$1"; else fail "$1" "no line /$3/ in $2"; fi; }
hasnt() { if grep -qaE -- "$3" "$2"; then fail "$1" "$(grep -aE -m 1 -- "$3" "$2")"; else pass "$1"; fi; }

# soon SECONDS COMMAND...: waits until the command succeeds; fails when it never does.
soon() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# line FILE PATTERN [SECONDS]: waits for a line.
line() { soon "${3:-60}" grep -qaE -- "$2" "$1"; }

# run NAME [OPTION...]: "corelane run" of a declared site in the background; what it says is in /run/NAME.log
# and on the server's console. $run is the process, "ended SECONDS" waits for it and leaves $status.
run() {
	local name=$1
	shift
	: >"/run/$name.log"
	corelane run "/run/$name.yaml" --report "/run/$name.json" "$@" >"/run/$name.log" 2>&1 </dev/null &
	run=$!
	tail -n +1 -s 0.2 --pid=$run -f "/run/$name.log" &
}
ended() {
	status=none
	soon "$1" sh -c "! kill -0 $run 2>/dev/null" || { kill -9 "$run"; return 1; }
	status=0
	wait "$run" || status=$?
}
stop() { kill -INT "$run" && ended "${1:-30}"; }

# PCI addresses: of PF 0 or 1 (named by the NUMA node where it is), and of VF N of a PF.
pf() { case $1 in 0) echo 0000:21:00.0 ;; 1) echo 0000:41:00.0 ;; esac; }
netdev() { ls "/sys/bus/pci/devices/$1/net/" | head -n 1; }
vf() { basename "$(readlink -f "/sys/bus/pci/devices/$(pf "$1")/virtfn$2")"; }
driver() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")" 2>/dev/null; }
# give PCI DRIVER: to this driver, from whichever it has. address PCI IP/PREFIX: up, with this address.
give() {
	local device=/sys/bus/pci/devices/$1
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$2" >"$device/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	echo >"$device/driver_override"
}
address() { ip link set "$(netdev "$1")" up && ip addr add "$2" dev "$(netdev "$1")"; }
group_members() { ls "/sys/bus/pci/devices/$1/iommu_group/devices"; }

# vmm_pid VNF, as the supervisor recorded it. vmm_beside VNF: KiB that its VMM has beside guest RAM, which is all
# in hugepages here and these are no part of Rss.
vmm_pid() { awk -v name="$1" '$3 == name {pid = $1} END {print pid}' /run/corelane/*/children; }
vmm_beside() { awk '/^Rss/ {print $2}' "/proc/$(vmm_pid "$1")/smaps_rollup"; }
free_pages() { grep -h HugePages_Free /sys/devices/system/node/node*/meminfo | xargs; } # of each node

# outside WORD...: asks the world outside (tests/lab/outside.py says what) and prints its answer.
asked=0
outside() {
	local id=$BASHPID-$((asked += 1))-$RANDOM
	echo "$*" >"/lab/ask/.$id"
	mv "/lab/ask/.$id" "/lab/ask/$id"
	soon "${OUTSIDE_SECONDS:-60}" test -e "/lab/answer/$id" || { echo "no answer to: $*"; return 1; }
	cat "/lab/answer/$id"
}

# For --keep: runs the scripts that tests/lab/on leaves here, until one of them turns the power off.
serve_requests() {
	local script
	say "waiting for tests/lab/on"
	while [ ! -e /lab/on/off ]; do
		for script in /lab/on/*.sh; do
			[ -e "$script" ] || continue
			mv "$script" "${script%.sh}.run"
			(
				bash "${script%.sh}.run" >"${script%.sh}.out" 2>&1 </dev/null
				echo $? >"${script%.sh}.rc.new"
				mv "${script%.sh}.rc.new" "${script%.sh}.rc"
			) &
		done
		sleep 0.2
	done
}
