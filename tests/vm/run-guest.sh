#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run-guest.sh OUTDIR TIMEOUT RESULTS: boots the guest of build-guest.sh and reports its
# tests, also in the file RESULTS, whose last line is "N passed, N failed".
#
# The guest's serial log is printed live and kept in OUTDIR/serial.log. Exits with
# the status of the guest's line "GUEST-EXIT: N"; with 1 if that line is missing after
# TIMEOUT seconds, or if any test printed "not ok". VM_SMP sets the number of CPUs.
set -euo pipefail

qemu_pid=

die()
{
	printf 'run-guest: %s\n' "$*" >&2
	exit 1
}

kill_qemu()
{
	[[ -z $qemu_pid ]] || kill -KILL "$qemu_pid" 2>/dev/null || true
}

check_files()
{
	command -v qemu-system-x86_64 >/dev/null ||
		die 'qemu-system-x86_64 is missing: apt-get install qemu-system-x86'
	[[ -s $1/vmlinuz && -s $1/initrd.img ]] ||
		die "no guest in $1: run build-guest.sh first"
}

# TCG, since test machines seldom have KVM. Without no_timer_check the kernel's timer
# test fails on such a slow machine and it panics; panic=-1 with -no-reboot ends QEMU.
start_qemu()
{
	local args='console=ttyS0 quiet panic=-1 mitigations=off'

	args+=' no_timer_check tsc=unstable'
	qemu-system-x86_64 -M q35 -accel tcg -cpu max -smp "${VM_SMP:-1}" -m 1G \
		-nic none -display none -monitor none -no-reboot \
		-serial "file:$1/serial.log" \
		-kernel "$1/vmlinuz" -initrd "$1/initrd.img" -append "$args" \
		</dev/null >"$1/qemu.log" 2>&1 &
	qemu_pid=$!
}

# Prints the log until QEMU exits or the timeout expires.
follow_log()
{
	timeout "$2" tail --pid="$qemu_pid" -s 0.2 -n +1 -f "$1/serial.log" |
		tr -d '\r' || true
}

# write_results LOG RESULTS: a guest that does not finish is a failure too.
write_results()
{
	local log=$1 results=$2

	{
		grep '^ok ' "$log" || true
		sed -n 's/^not ok /FAIL: /p' "$log"
		grep -q '^GUEST-EXIT: ' "$log" || echo 'FAIL: the guest did not finish'
	} >"$results"
	printf '%d passed, %d failed\n' "$(grep -c '^ok ' "$results" || true)" \
		"$(grep -c '^FAIL: ' "$results" || true)" >>"$results"
}

# verdict LOG RESULTS: returns the exit status, and prints one summary line.
verdict()
{
	local log=$1 failed status

	write_results "$log" "$2"
	failed=$(grep -c '^not ok ' "$log" || true)
	status=$(sed -n 's/^GUEST-EXIT: \([0-9]*\)$/\1/p' "$log" | tail -n 1)
	tail -n 1 "$2"
	if [[ -z $status ]]; then
		printf 'run-guest: the guest did not finish; its last lines were:\n' >&2
		tail -n 15 "$log" >&2
		return 1
	fi
	[[ $failed -eq 0 || $status -ne 0 ]] || return 1
	return "$status"
}

main()
{
	[[ $# -eq 3 ]] || die 'usage: run-guest.sh OUTDIR TIMEOUT RESULTS'
	check_files "$1"
	: >"$1/serial.log"
	trap kill_qemu EXIT
	trap 'exit 130' INT TERM
	start_qemu "$1"
	follow_log "$1" "$2"
	if kill -0 "$qemu_pid" 2>/dev/null; then
		printf 'run-guest: still running after %s s, killed\n' "$2" >&2
		kill_qemu
	fi
	wait "$qemu_pid" 2>/dev/null || true # bash would report the kill once more
	qemu_pid=
	cat "$1/qemu.log" >&2
	tr -d '\r' <"$1/serial.log" >"$1/guest.log"
	verdict "$1/guest.log" "$3"
}

main "$@"
