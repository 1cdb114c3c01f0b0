#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a frame costs, in instructions (bench/count): no more than 5 % above what it did.
here=$(dirname "$(readlink -f "$0")")

command -v valgrind >/dev/null || { echo "skip instructions: valgrind is not installed"; exit 0; }
counts=$("$here/../../bench/count" --bin "$1" --check "$here/../bench/instructions" 2>&1)
status=$?
echo "$counts"
echo "$counts" | while read -r name count verdict; do
	case "$count $verdict" in
	[0-9]*" ok") echo "ok $name" ;;
	[0-9]*) echo "not ok $name: $count instructions a frame, $verdict; if that is meant: bench/count --write" ;;
	"has a bar"*) echo "not ok $name: it has a bar in tests/bench/instructions, but was not counted" ;;
	esac
done
exit $status
