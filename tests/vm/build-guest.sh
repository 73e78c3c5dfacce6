#!/bin/bash
# SPDX-License-Identifier: MIT
#
# build-guest.sh OUTDIR VERSION [FILE...]: kernel and initramfs of the test guest, in
# OUTDIR. VERSION of the kernel as of fetch-kernel.sh.
#
# Each FILE goes to the guest's /bin with the shared libraries it needs. Those named
# test-* or selftest are the tests, which init runs in the order given here. The slow part
# (kernel, modules, busybox) is built once by fetch-kernel.sh; later calls only repack the
# programs, as a second cpio archive behind the first.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

die()
{
	printf 'build-guest: %s\n' "$*" >&2
	exit 1
}

# The stamp has the script's own checksum: editing it rebuilds the base.
ensure_base()
{
	local out=$1 sum

	sum="$2 $(sha256sum <"$HERE/fetch-kernel.sh")"
	if [[ -s $out/vmlinuz && -s $out/base.cpio ]] &&
		[[ $(cat "$out/base.stamp" 2>/dev/null) == "$sum" ]]; then
		return
	fi
	rm -f "$out/base.stamp"
	"$HERE/fetch-kernel.sh" "$out" "$2"
	printf '%s\n' "$sum" >"$out/base.stamp"
}

# libtool puts a shell script where the program is expected and the program in .libs.
real_program()
{
	local file=$1 hidden

	[[ -f $file ]] || die "no such file: $file"
	hidden=$(dirname "$file")/.libs/$(basename "$file")
	if [[ -f $hidden ]] && head -c 2 "$file" | grep -q '^#!'; then
		file=$hidden
	fi
	printf '%s\n' "$file"
}

# copy_libraries FILE TREE: copies all to /lib, which every loader searches, so that a
# library found through RUNPATH or LD_LIBRARY_PATH here is found there too. The loader
# itself has to stay at its own path.
copy_libraries()
{
	local file=$1 tree=$2 libs lib

	libs=$(ldd "$file" 2>/dev/null) || return 0 # static, or a script
	if grep 'not found' <<<"$libs" >&2; then
		die "$file lacks the libraries above (set LD_LIBRARY_PATH?)"
	fi
	while read -r lib; do
		case $lib in
		*/ld-linux*) install -D -m 755 "$lib" "$tree$lib" ;;
		*) install -D -m 755 "$lib" "$tree/lib/$(basename "$lib")" ;;
		esac
	done < <(grep -o '/[^ ]*' <<<"$libs" | sort -u)
	copy_libgcc "$tree" "$libs"
}

# glibc loads it by name on thread cancellation, and aborts the program without it.
copy_libgcc()
{
	local tree=$1 libc

	libc=$(grep -o '/[^ ]*/libc\.so\.6' <<<"$2") || return 0
	install -D -m 755 "$(dirname "$libc")/libgcc_s.so.1" "$tree/lib/libgcc_s.so.1"
}

add_program()
{
	local tree=$2 name file

	name=$(basename "$1")
	file=$(real_program "$1")
	install -D -m 755 "$file" "$tree/bin/$name"
	copy_libraries "$file" "$tree"
	case $name in
	test-* | selftest) printf '%s\n' "$name" >>"$tree/etc/tests" ;;
	esac
}

make_overlay()
{
	local out=$1 tree=$1/overlay file

	shift
	rm -rf "$tree"
	mkdir -p "$tree/etc"
	: >"$tree/etc/tests"
	install -m 755 "$HERE/init" "$tree/init"
	for file in "$@"; do
		add_program "$file" "$tree"
	done
	(cd "$tree" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc -R 0:0) \
		>"$out/overlay.cpio"
	rm -rf "$tree"
}

main()
{
	local out version

	[[ $# -ge 2 ]] || die 'usage: build-guest.sh OUTDIR VERSION [FILE...]'
	mkdir -p "$1"
	out=$(cd "$1" && pwd)
	version=$2
	shift 2
	ensure_base "$out" "$version"
	make_overlay "$out" "$@"
	cat "$out/base.cpio" "$out/overlay.cpio" >"$out/initrd.img"
}

main "$@"
