# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The Debian packages dmabuffs needs, and their installation. Sourced by
# bootstrap, whose say(), die() and step() it uses.

# One package a line: the group that needs it, its name, and why.
#
#   build    to build, and for the demo and the benchmarks
#   libfuse  to build libfuse, where the packaged one has no passthrough
#   fuse     where the packaged one has it
#   check    for the tests, on top of build
#   clang    where CC names it
#   fresh    for tests/fresh
package_table() {
	cat <<-'TABLE'
		build    build-essential         compiler with its sanitizers, make, libc headers
		build    autoconf                generates configure
		build    automake                generates Makefile.in and runs the tests
		build    libtool                 builds the shared library
		build    autoconf-archive        macros for compiler flags and man pages
		build    pkg-config              finds the libraries below
		build    uuid-dev                names of buffers are UUIDs
		build    libcap-dev              the daemon drops capabilities
		build    libseccomp-dev          the daemon filters its system calls
		build    libsodium-dev           keyed hash of names, constant-time compare
		build    libisal-dev             CRC-32C at the speed of memory, in libaccel
		build    liburing-dev            what the benchmarks compare rings with
		build    libcriterion-dev        unit tests (configure looks for it)
		build    util-linux              unshare and nsenter: the demo's namespaces
		build    acl                     setfacl: sharing a buffer with one more user
		build    attr                    getfattr: what a buffer is and who holds it
		libfuse  meson                   libfuse's build system
		libfuse  ninja-build             what meson drives
		libfuse  dpkg-dev                dpkg-source: unpacks the source package
		libfuse  debian-archive-keyring  keys of the newer suites
		fuse     libfuse3-dev            3.17.2 or newer
		check    clang-format            the style of every C file is checked
		check    clang                   libFuzzer, for the fuzzers
		check    libclang-rt-dev         libFuzzer itself, and clang's sanitizers
		clang    clang                   the compiler
		clang    libclang-rt-dev         its sanitizers
		clang    llvm                    llvm-symbolizer: lsan.supp matches function names
		check    libamdhip64-dev         a vendor's headers and runtime to be compatible with
		check    systemd                 runs the unit, in namespaces of its own
		check    jq                      reads the JSON of the command-line tool
		check    qemu-system-x86         the guest that has real dma-bufs
		check    libdrm-dev              drm.h: PRIME calls of the tests in the guest
		check    busybox-static          user land of the guest
		check    cpio                    packs the guest's initramfs
		check    kmod                    depmod and modinfo for the guest's modules
		check    xz-utils                unpacks modules of Debian 12 and 13 kernels
		check    zstd                    unpacks modules and initramfs of newer ones
		fresh    debootstrap             a root of another release
	TABLE
}

# Which of the two libfuse groups applies. Debian 12 has 3.14, Debian 13 has
# 3.17.2; testing and unstable have no VERSION_ID and are newer still.
libfuse_group() {
	local VERSION_ID=
	# shellcheck source=/dev/null
	. /etc/os-release
	if [[ ${VERSION_ID%%.*} -ge 13 || -z $VERSION_ID ]]; then
		echo fuse
	else
		echo libfuse
	fi
}

# The group of the compiler that CC names.
compiler_group() {
	[[ ${CC-} != *clang* ]] || echo clang
}

# packages_of GROUP...
packages_of() {
	package_table | awk -v groups="$*" '
		BEGIN { n = split(groups, g, " "); for (i = 1; i <= n; i++) want[g[i]] }
		$1 in want && !seen[$2]++ { print $2 }'
}

# Prints those of its arguments that are not installed.
missing_of() {
	local installed
	installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
		awk '$1 ~ /^.i/ { print $2 }') || true
	grep -vxF -f <(printf '%s\n' "$installed") < <(printf '%s\n' "$@") || true
}

# apt_get ARG...: an archive can fail for a while, and another apt may hold the lock.
apt_get() {
	local try
	for try in 1 2 3; do
		DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" && return
		[[ $try -eq 3 ]] || sleep $((try * 5))
	done
	return 1
}

# deps_install GROUP...: installs the missing packages of the groups; does not
# query the archive if none is missing.
deps_install() {
	local -a wanted missing
	command -v dpkg-query >/dev/null ||
		die "not a Debian system: install what scripts/deps.sh lists, then ./configure && make"
	mapfile -t wanted < <(packages_of "$@")
	mapfile -t missing < <(missing_of "${wanted[@]}")
	[[ ${#missing[@]} -gt 0 ]] || return 0
	[[ $(id -u) -eq 0 ]] ||
		die "packages are missing; as root: apt-get install ${missing[*]}"
	step apt-update "reading package lists" apt_get update
	step apt-install "installing ${missing[*]}" \
		apt_get install --no-install-recommends "${missing[@]}"
}
