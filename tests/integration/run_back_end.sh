#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Back ends that send nonsense, die in the middle of a message, or never answer, ten kinds at once and
# for as long as the guests live: each is named and counted, guests and the neighbour go on.
. "$(dirname "$(readlink -f "$0")")/run_lib.bash"
here=$(dirname "$(readlink -f "$0")")
if ! command -v python3 >/dev/null; then
	echo "skip all: the hostile back ends need python3"
	exit 0
fi

kinds=(noise half_header half_payload huge_size other_request no_features all_ones descriptors
	dies_at_once silent)
declare -A words=(
	[noise]='a message that is none' [half_header]='a message that is none'
	[half_payload]='a message that is none' [huge_size]='a message that is none'
	[other_request]='nonsense instead of an answer to GET_FEATURES'
	[no_features]="the guest's driver uses" [all_ones]='nonsense instead of an answer to'
	[descriptors]='nonsense instead of an answer to GET_FEATURES'
	[dies_at_once]='it closed the connection' [silent]='no answer to GET_FEATURES within 3000 ms')
nics=() enemies=()
for kind in "${kinds[@]}"; do
	nics+=("{name: ${kind//_/-}, vhostUser: {socket: $work/$kind.sock}}")
	python3 "$here/hostile_back_end.py" "$work/$kind.sock" "$kind" &
	enemies+=($!)
	disown # a shell would tell of each that it was killed
done
end_enemies() {
	[ ${#enemies[@]} -eq 0 ] || kill -KILL "${enemies[@]}" 2>/dev/null
	enemies=()
}
trap 'end_enemies; cleanup' EXIT

{ host; network lan; probe loop1 "mode=loop time=5s rate=1k wait=30s" tx rx
	probe bad1 "mode=echo time=60s" "${nics[@]:0:5}"
	probe bad2 "mode=echo time=60s" "${nics[@]:5}"; } >"$work/site.yaml"
start "$work/site.yaml"
await 'loop1| {"probe":"ready"' 40
kids=$(children)
for kind in "${kinds[@]}"; do
	if await "nic ${kind//_/-}: back end refused: ${words[$kind]}" 20; then
		echo "ok back-end-${kind//_/-}-is-named"
	else
		complain "back-end-${kind//_/-}-is-named" "nothing says '${words[$kind]}'"
	fi
done
await 'loop1| {"probe":"end"' 60
kill -INT "$pid"
finish 20
expect the-guests-go-on 0 'loop1| {"probe":"end","mode":"loop","ok":true' 'vnf bad1: stopped' 'vnf bad2: stopped'
positive the-neighbour-goes-on loop1 received
end_enemies
for vnf in bad1 bad2; do
	n=$(python3 -c 'import json, sys
print([v["backendErrors"] for v in json.load(open(sys.argv[1]))["vnfs"] if v["name"] == sys.argv[2]][0])' \
		"$work/report.json" $vnf)
	if [ "${n:-0}" -ge 5 ]; then
		echo "ok $vnf-counts-what-its-back-ends-did"
	else
		complain "$vnf-counts-what-its-back-ends-did" "backendErrors is '$n'"
	fi
done
for kind in "${kinds[@]}"; do
	[ ! -e "$work/$kind.sock" ] || complain "sockets-are-gone" "$kind.sock is there"
done
nothing_left hostile-back-ends-leave-nothing "$kids"
