#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fetch-kernel.sh OUTDIR VERSION: builds the part of the test guest that seldom changes.
#
# Leaves OUTDIR/vmlinuz and OUTDIR/base.cpio (busybox and the modules the tests need),
# from Debian's newest kernel package of VERSION (6.12, 6.1). That package is only
# unpacked, never installed, and apt works on private directories under OUTDIR: the
# machine's own lists, sources and package database are read, never written.
set -euo pipefail

# Modules the guest loads; vgem is the DRM driver without hardware. The other
# exporters of dma-bufs, udmabuf and the system heap, are built in (init checks their
# devices).
readonly MODULES=(fuse drm drm_kms_helper drm_shmem_helper vgem)
# The Debian suites that carry kernels. Packages are only unpacked, so any host will do.
readonly KERNEL_SUITES=(trixie bookworm)

die()
{
	printf 'fetch-kernel: %s\n' "$*" >&2
	exit 1
}

check_tools()
{
	local pair

	for pair in apt-get:apt dpkg-deb:dpkg depmod:kmod cpio:cpio xz:xz-utils; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null ||
			die "${pair%%:*} is missing: apt-get install ${pair#*:}"
	done
	if ! file_is_static "$(command -v busybox || true)"; then
		die 'no static busybox: apt-get install busybox-static'
	fi
}

# ldd fails on a static program, and on no other executable.
file_is_static()
{
	[[ -n $1 ]] && ! ldd "$1" >/dev/null 2>&1
}

# shellcheck source=scripts/apt-archives.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/apt-archives.sh"

host_codename()
{
	# shellcheck source=/dev/null
	(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-stable}")
}

# write_sources DIR SUITE: DIR/host.sources names SUITE in the archives of this machine.
write_sources()
{
	mkdir -p "$1"
	apt_archives deb | sed "s/@SUITE@/$2/" >"$1/host.sources"
	[[ -s $1/host.sources ]] || die 'no apt source for this Debian found under /etc/apt'
}

# The machine's proxy and credentials still apply; its hooks must not run here.
write_apt_conf()
{
	local apt=$1

	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	cat >"$apt/apt.conf" <<-END
		Dir::Etc::SourceList "/dev/null";
		Dir::Etc::SourceParts "$apt/sources.list.d";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State::Lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Architecture "amd64";
		Acquire::Languages "none";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
}

# newest_kernel APT VERSION
newest_kernel()
{
	local re="^linux-image-${2//./\\.}\.[0-9]+(\+[a-z0-9.~]+)?(-[0-9]+)?-amd64\$"

	apt-cache -c "$1/apt.conf" pkgnames "linux-image-$2." |
		{ grep -E "$re" || true; } | sort -V | tail -n 1
}

# find_kernel APT VERSION: prints the package's name, and leaves its suite's lists in
# place. The backports of an older release are the last try, for a mirror without others.
find_kernel()
{
	local apt=$1 suite package

	for suite in "${KERNEL_SUITES[@]}" "$(host_codename)-backports"; do
		write_sources "$apt/sources.list.d" "$suite"
		apt-get -c "$apt/apt.conf" -q update >&2 || continue
		package=$(newest_kernel "$apt" "$2")
		if [[ -n $package ]]; then
			printf '%s\n' "$package"
			return
		fi
	done
	die "found no kernel $2 (tried ${KERNEL_SUITES[*]} and backports)"
}

# unpack_kernel APT ROOT PACKAGE
unpack_kernel()
{
	local apt=$1 root=$2 package=$3

	(cd "$apt" && rm -f ./*.deb && apt-get -c apt.conf -q download "$package" >&2)
	rm -rf "$root"
	mkdir -p "$root"
	dpkg-deb -x "$apt/$package"_*.deb "$root"
	rm -f "$apt"/*.deb
	# kmod of Debian 12 looks in lib/modules, that of 13 in usr/lib/modules.
	mkdir -p "$root/usr/lib"
	[[ -d $root/lib ]] || ln -s usr/lib "$root/lib"
	[[ -d $root/usr/lib/modules ]] || ln -s ../../lib/modules "$root/usr/lib/modules"
}

# module_files ROOT VERSION: the .ko files in the order in which to insert them.
module_files()
{
	local root=$1 version=$2 name

	depmod -b "$root" "$version"
	for name in "${MODULES[@]}"; do
		modprobe -d "$root" -S "$version" --show-depends "$name" ||
			die "kernel $version has no module $name"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# copy_module KO DIR: plain .ko, as busybox cannot insert a compressed one.
copy_module()
{
	local name

	name=$(basename "$1")
	case $name in
	*.ko.xz) xz -dc "$1" >"$2/${name%.xz}" ;;
	*.ko.zst) zstd -qdc "$1" >"$2/${name%.zst}" ;;
	*.ko) cp "$1" "$2/$name" ;;
	*) die "unknown kind of module file: $1" ;;
	esac
	name=${name%.xz}
	printf '%s\n' "${name%.zst}" >>"$2/order"
}

# make_base ROOT VERSION TREE: fills TREE, the unpacked initramfs.
make_base()
{
	local root=$1 version=$2 tree=$3 list ko

	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,etc,lib,lib64,mnt,modules,proc,run,sys,tmp}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
	printf 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$tree/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$tree/etc/group"
	list=$(module_files "$root" "$version")
	while read -r ko; do
		copy_module "$ko" "$tree/modules"
	done <<<"$list"
}

main()
{
	local out apt package version root

	[[ $# -eq 2 ]] || die 'usage: fetch-kernel.sh OUTDIR VERSION'
	check_tools
	PATH=$PATH:/usr/sbin:/sbin
	mkdir -p "$1"
	out=$(cd "$1" && pwd)
	apt=$out/apt root=$out/kernel
	write_apt_conf "$apt"
	package=$(find_kernel "$apt" "$2")
	unpack_kernel "$apt" "$root" "$package"
	version=${package#linux-image-}
	make_base "$root" "$version" "$out/base"
	(cd "$out/base" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc -R 0:0) \
		>"$out/base.cpio"
	cp "$root/boot/vmlinuz-$version" "$out/vmlinuz"
	rm -rf "$root" "$out/base" "$apt"
	printf 'fetch-kernel: kernel %s ready\n' "$version"
}

main "$@"
