#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests the command-line tool against a running daemon in a private mount namespace, with
# which its mounts are removed. Called in the build directory.

[ -n "$DMABUFFS_CLI_INSIDE" ] ||
	exec env DMABUFFS_CLI_INSIDE=1 unshare --mount --propagation private "$0" "$@"

cli=$PWD/tools/dmabuffs
PATH=$PWD/src:$PATH
work=$(mktemp -d)
mount=$work/mount
export DMABUFFS_MOUNT=$mount
mkdir "$mount"

finish()
{
	umount -l "$mount" "$work/second" 2>/dev/null
	jobs -p | xargs -r kill 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT

# wait_for SECONDS COMMAND...: repeats it until it succeeds, at most SECONDS.
wait_for()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# expect STATUS COMMAND...: checks the exit status and, if not 0, for a line on stderr.
expect()
{
	local wanted=$1 status=0

	shift
	timeout 20 "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	[ "$status" -eq "$wanted" ] || {
		reason="status $status instead of $wanted: $* ($(head -n 1 "$work/err"))"
		return 1
	}
	[ "$wanted" -eq 0 ] || [ -s "$work/err" ] || {
		reason="status $wanted, but no message: $*"
		return 1
	}
}

# same WHAT WANTED GOT: compares two strings.
same()
{
	[ "$2" = "$3" ] || {
		reason="$1: \"$3\" instead of \"$2\""
		return 1
	}
}

export_persistent()
{
	uuid=$("$cli" export --persist "$@") || reason="export $* failed"
}

gone()
{
	! "$cli" stat "$1" >/dev/null 2>&1
}

# ---- cases -----------------------------------------------------------------------------

case_round_trip()
{
	export_persistent "$work/file" || return 1
	expect 0 "$cli" import "$uuid" || return 1
	cmp "$work/out" "$work/file" || reason="other bytes came back"
}

case_from_standard_input()
{
	uuid=$("$cli" export --persist - <"$work/file")
	expect 0 "$cli" import "$uuid" || return 1
	cmp "$work/out" "$work/file" || reason="other bytes came back"
}

case_lives_while_it_runs()
{
	"$cli" export "$work/file" >"$work/uuid" &
	local pid=$!

	wait_for 5 test -s "$work/uuid" || reason="no UUID on standard output"
	uuid=$(cat "$work/uuid")
	expect 0 "$cli" stat "$uuid" || return 1
	kill -TERM "$pid"
	wait "$pid" || reason="SIGTERM: export exited with status $?"
	wait_for 5 gone "$uuid" || reason="the name outlived its exporter"
}

case_exec_with_descriptor()
{
	export_persistent "$work/file" || return 1
	expect 0 "$cli" import "$uuid" --exec sh -c 'cat <&"$DMABUFFS_FD"' || return 1
	cmp "$work/out" "$work/file" || reason="the inherited descriptor read other bytes"
	expect 0 "$cli" import "$uuid" --buffer --exec cat '{}' || return 1
	cmp "$work/out" "$work/file" || reason="the real descriptor read other bytes"
	expect 7 "$cli" import "$uuid" --exec sh -c 'echo failing >&2; exit 7'
}

case_write_access()
{
	export_persistent "$work/file" || return 1
	expect 0 "$cli" import "$uuid" --write --exec sh -c 'printf XY 1<>/proc/self/fd/$DMABUFFS_FD' ||
		return 1
	expect 0 "$cli" import "$uuid" || return 1
	same "the first bytes" XY "$(head -c 2 "$work/out")" || return 1
	export_persistent --readonly "$work/file" || return 1
	expect 4 "$cli" import "$uuid" --write --exec true
}

case_list_and_stat()
{
	export_persistent --label 'a "label"' --mode 0640 "$work/file" || return 1
	expect 0 "$cli" ls || return 1
	grep -q "^$uuid .*0640" "$work/out" || reason="not in the table"
	expect 0 "$cli" ls --json || return 1
	same "label in JSON" 'a "label"' \
		"$(jq -r ".[] | select(.uuid == \"$uuid\") | .label" "$work/out")" || return 1
	expect 0 "$cli" stat --json "$uuid" || return 1
	same "size in JSON" "$(stat -c %s "$work/file")" \
		"$(jq 'if type == "array" then .[0] else . end | .bytes' "$work/out")"
}

case_each_user_lists_his_own()
{
	export_persistent "$work/file" || return 1
	expect 0 setpriv --reuid 1000 --regid 1000 --clear-groups "$cli" ls --json || return 1
	same "what another user sees" 0 "$(jq length "$work/out")"
}

case_read_only_bind()
{
	local bind=$work/bind

	export_persistent "$work/file" || return 1
	mkdir "$bind"
	mount --bind "$mount" "$bind" || return 1
	mount -o remount,bind,ro "$bind" || return 1
	expect 4 "$cli" -m "$bind" export "$work/file" || return 1
	grep -q 'read-only here' "$work/err" || reason="export: $(cat "$work/err")"
	expect 4 "$cli" -m "$bind" rm "$uuid" || return 1
	grep -q 'read-only here' "$work/err" || reason="rm: $(cat "$work/err")"
	expect 4 "$cli" -m "$bind" revoke "$uuid" || return 1
	grep -q 'read-only here' "$work/err" || reason="revoke: $(cat "$work/err")"
	expect 4 "$cli" -m "$bind" import --write "$uuid" --exec true || return 1
	grep -q 'read-only here' "$work/err" || reason="import: $(cat "$work/err")"
	expect 0 "$cli" -m "$bind" import "$uuid" || return 1
	cmp "$work/out" "$work/file" || reason="other bytes came back"
	expect 0 "$cli" -m "$bind" ls --quiet || return 1
	grep -q "$uuid" "$work/out" || reason="the name is not listed"
	umount "$bind"
}

as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)

# An owner, by default: rm(1) is not permitted, dmabuffs rm is.
case_owner_removes()
{
	uuid=$("${as_user[@]}" "$cli" export --persist - <"$work/file") || return 1
	expect 1 "${as_user[@]}" rm "$mount/$uuid" || return 1
	grep -q 'Permission denied' "$work/err" || reason="rm(1): $(cat "$work/err")"
	expect 4 setpriv --reuid 1001 --regid 1001 --clear-groups "$cli" rm "$uuid" || return 1
	grep -q 'only the owner and root may' "$work/err" || reason="rm: $(cat "$work/err")"
	expect 0 "${as_user[@]}" "$cli" stat "$uuid" || return 1
	expect 0 "${as_user[@]}" "$cli" rm "$uuid" || return 1
	expect 3 "${as_user[@]}" "$cli" stat "$uuid"
}

# second OPTIONS: another instance, at $second until second_end.
second()
{
	second=$work/second
	mkdir -p "$second"
	umount -l "$second" 2>/dev/null # of a case that failed
	"$cli" mount -o "log=error,$1" "$second"
}

second_end()
{
	umount "$second" || reason="cannot be unmounted"
}

# Without .control and without w on the directory there is no way, and the hint says so.
case_owner_without_control()
{
	second control-mode=0600 || return 1
	uuid=$("$cli" -m "$second" export --persist "$work/file") || return 1
	chown 1000:1000 "$second/$uuid"
	expect 4 "${as_user[@]}" "$cli" -m "$second" rm "$uuid" || return 1
	grep -q '^hint: .*\.control.*rm' "$work/err" || reason="rm: $(cat "$work/err")"
	expect 0 "$cli" -m "$second" rm "$uuid" || return 1
	second_end
}

case_owner_unlinks_by_option()
{
	second mode=1733 || return 1
	uuid=$("${as_user[@]}" "$cli" -m "$second" export --persist - <"$work/file") || return 1
	expect 0 "${as_user[@]}" rm "$second/$uuid" || return 1
	expect 3 "${as_user[@]}" "$cli" -m "$second" stat "$uuid" || return 1
	second_end
}

case_seal_pins()
{
	export_persistent --seal "$work/file" || return 1
	expect 0 "$cli" stat "$uuid" || return 1
	grep -q '^Seals:.*write' "$work/out" || reason="no write seal shown"
	expect 1 "$cli" revoke "$uuid" || return 1
	expect 0 "$cli" rm "$uuid"
}

case_remove()
{
	export_persistent "$work/file" || return 1
	expect 0 "$cli" rm "$uuid" || return 1
	expect 3 "$cli" rm "$uuid" || return 1
	expect 3 "$cli" import "$uuid" || return 1
	expect 3 "$cli" stat "$uuid"
}

case_revoke()
{
	export_persistent "$work/file" || return 1
	expect 0 "$cli" revoke "$uuid" || return 1
	expect 3 "$cli" revoke "$uuid"
}

case_exit_codes()
{
	expect 2 "$cli" || return 1
	expect 2 "$cli" no-such-command || return 1
	expect 2 "$cli" import || return 1
	expect 2 "$cli" import no-uuid || return 1
	expect 2 "$cli" export --mode 9 "$work/file" || return 1
	expect 1 "$cli" export "$work/no-such-file" || return 1
	expect 3 "$cli" import 00000000-0000-4000-8000-000000000000 || return 1
	expect 5 "$cli" -m "$work" ls || return 1
	export_persistent "$work/file" || return 1
	expect 4 setpriv --reuid 1000 --regid 1000 --clear-groups "$cli" import "$uuid"
}

case_full_output()
{
	export_persistent "$work/file" || return 1
	"$cli" import "$uuid" >/dev/full 2>"$work/err" && reason="ENOSPC was not reported"
	[ -s "$work/err" ] || reason="no message"
}

case_watch()
{
	"$cli" watch --interval 0.1 >"$work/events" 2>&1 &
	local pid=$!

	# The output starts with the existing names.
	export_persistent "$work/file" || return 1
	wait_for 5 grep -q "^+ $uuid" "$work/events" || reason="no line for a new name"
	expect 0 "$cli" rm "$uuid" || return 1
	wait_for 5 grep -q "^- $uuid" "$work/events" || reason="no line for a removed name"
	kill -INT "$pid"
	wait "$pid" || reason="SIGINT: watch exited with status $?"
}

case_stats()
{
	expect 0 "$cli" stats || return 1
	grep -q '^Exports:' "$work/out" || reason="no exports shown"
	expect 5 "$cli" -m "$work" stats
}

# Any user, for itself alone. Bytes are those of whole pages.
case_stats_of_user()
{
	second max-bytes-per-uid=1M,max-exports-per-uid=5 || return 1
	"$cli" -m "$second" export --persist "$work/file" || return 1
	"${as_user[@]}" "$cli" -m "$second" export --persist - <"$work/file" || return 1
	"${as_user[@]}" "$cli" -m "$second" export --persist - <"$work/file" || return 1
	expect 0 "${as_user[@]}" "$cli" -m "$second" stats || return 1
	same "exports" "Your exports:     2 of 5 (40 %)" "$(grep '^Your exports' "$work/out")" ||
		return 1
	grep -q '^Your bytes: *392.0 KiB of 1.0 MiB (38 %)' "$work/out" ||
		reason="bytes: $(cat "$work/out")"
	expect 0 "${as_user[@]}" "$cli" -m "$second" stats --json || return 1
	same "JSON" "3 2 5 401408 1048576" "$(jq -r '[.exports, .user.exports,
		.user.max_exports, .user.bytes, .user.max_bytes] | join(" ")' "$work/out")" ||
		return 1
	expect 0 "$cli" -m "$second" stats --json || return 1
	same "root's own" 1 "$(jq .user.exports "$work/out")" || return 1
	second_end
}

case_stats_without_control()
{
	second control-mode=0600 || return 1
	expect 0 "${as_user[@]}" "$cli" -m "$second" stats || return 1
	grep -q '^Exports:' "$work/out" || reason="no exports shown"
	grep -q '^Your limits: *not known: permission denied' "$work/out" ||
		reason="text: $(cat "$work/out")"
	expect 0 "${as_user[@]}" "$cli" -m "$second" stats --json || return 1
	same "user" null "$(jq .user "$work/out")" || return 1
	grep -q '"user_error":"permission denied' "$work/out" || reason="JSON: $(cat "$work/out")"
	second_end
}

# refuses_large WORDS ARGUMENT...: export fails at once, with these words and no name.
refuses_large()
{
	local words=$1

	shift
	expect 1 "$cli" -m "$second" export --persist "$@" || return 1
	grep -q "this file is larger than $words\$" "$work/err" || {
		reason=$(cat "$work/err")
		return 1
	}
	grep -q '^hint: the limit is the option max-bytes' "$work/err" ||
		reason="no hint: $(cat "$work/err")"
	same "names" "" "$("$cli" -m "$second" ls --quiet)"
}

# A sparse file, of which nothing may be loaded; a pipe, whose size is known at its end.
case_larger_than_limit()
{
	truncate -s 2T "$work/sparse" || return 1
	head -c 2M /dev/zero >"$work/large"
	second max-bytes-per-uid=1M || return 1
	(ulimit -f 8 && refuses_large 'your limit of 1.0 MiB' "$work/sparse" &&
		[ -z "$reason" ]) || reason="sparse: $(cat "$work/err")"
	[ -z "$reason" ] || return 1
	expect 1 sh -c "cat '$work/large' | '$cli' -m '$second' export --persist -" || return 1
	grep -q 'this file is larger than your limit of 1.0 MiB$' "$work/err" ||
		reason="a pipe: $(cat "$work/err")"
	second_end
	second max-bytes=1M || return 1
	refuses_large "the mount's limit of 1.0 MiB" "$work/large" || return 1
	"$cli" -m "$second" export --persist "$work/file" || return 1
	second_end
}

case_mount_command()
{
	mkdir -p "$work/second"
	expect 0 "$cli" mount -o log=error "$work/second" || return 1
	expect 0 "$cli" -m "$work/second" ls || return 1
	umount "$work/second" || reason="cannot be unmounted"
	expect 5 "$cli" -m "$work/second" ls
}

case_completion()
{
	bash -n "$source_dir/../../contrib/completion/dmabuffs" || reason="syntax"
	# shellcheck disable=SC1091
	words=$(. "$source_dir/../../contrib/completion/dmabuffs" &&
		COMP_WORDS=(dmabuffs re) COMP_CWORD=1 COMP_LINE='dmabuffs re' COMP_POINT=11 &&
		"$(complete -p dmabuffs | sed 's/.*-F \([^ ]*\).*/\1/')" dmabuffs re dmabuffs &&
		echo "${COMPREPLY[*]}")
	same "completion of re" revoke "${words// /}"
}

# ---- running the cases -----------------------------------------------------------------

source_dir=$(cd "$(dirname "$0")" && pwd)
head -c 200000 /dev/urandom >"$work/file"
chmod 755 "$work"
failed=0

if ! "$PWD/src/dmabuffsd" -o log=error "$mount"; then
	echo "FAIL: cli: the daemon does not start; it needs root and /dev/fuse"
	exit 1
fi
for name in $(compgen -A function case_); do
	reason=
	"$name" >/dev/null 2>"$work/trace"
	status=$?
	if [ -z "$reason" ] && [ "$status" -ne 0 ]; then
		reason="status $status: $(tail -n 1 "$work/trace")"
	fi
	if [ -z "$reason" ]; then
		echo "ok cli.${name#case_}"
	else
		echo "FAIL: cli.${name#case_}: $reason"
		failed=1
	fi
done
umount "$mount" || {
	echo "FAIL: cli.umount: the mount is busy"
	failed=1
}
exit $failed
