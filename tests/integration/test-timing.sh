#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs a little of the timing test (make check-timing): that each layer runs to its end, and
# that a look-up that leaks is found. It has too few samples to say that the service does not
# leak.
# Called in the build directory.

bound=120
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# check NAME OPTIONS...
check()
{
	local name=$1 status=0

	shift
	timeout --kill-after=10 "$bound" tests/timing/timing --smoke --names=1000 "$@" \
		>"$output" 2>&1 || status=$?
	if [ "$status" -eq 0 ] && [ "$(tail -n 1 "$output")" = "0 bad" ]; then
		echo "ok timing.$name"
	else
		cat "$output"
		echo "FAIL: timing.$name: status $status"
		failed=yes
	fi
}

# fails NAME STATUS OPTION...
fails()
{
	local name=$1 expected=$2 status=0

	shift 2
	timeout --kill-after=10 "$bound" tests/timing/timing "$@" >"$output" 2>&1 ||
		status=$?
	if [ "$status" -eq "$expected" ]; then
		echo "ok timing.$name"
	else
		cat "$output"
		echo "FAIL: timing.$name: status $status instead of $expected"
		failed=yes
	fi
}

run()
{
	case $1 in
	finds-a-leak) check "$1" --layer=control --samples=10000 ;;
	table) check "$1" --layer=table --samples=2000 ;;
	stat) check "$1" --layer=stat --samples=2000 --bits=64,120,128 ;;
	open) check "$1" --layer=open --samples=2000 --bits=8,128 ;;
	misses-a-leak) fails "$1" 1 --smoke --layer=control --bits=64 --samples=100 ;;
	bad-options)
		fails "$1-layer" 2 --layer=nowhere
		fails "$1-bits" 2 --bits=64,7
		fails "$1-names" 2 --names=0
		fails "$1-samples" 2 --samples=many
		;;
	*)
		echo "FAIL: timing: no case $1"
		failed=yes
		;;
	esac
}

failed=no
cases=("$@")
[ $# -gt 0 ] || cases=(finds-a-leak misses-a-leak table stat open bad-options)
for name in "${cases[@]}"; do
	run "$name"
done
[ $failed = no ]
