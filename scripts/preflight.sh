# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What a machine or a container must have; sourced by bootstrap and the demo. A plain
# chroot lacks most of it. Without /proc, bash has no <(...), so these checks come first.

n_lacking=0

# lack WHAT REMEDY
lack() {
	n_lacking=$((n_lacking + 1))
	printf '%s: %s: %s\n' "${0##*/}" "$1" "$2" >&2
}

# To run programs and build.
preflight_system() {
	[[ -r /proc/self/status ]] || lack "no /proc" "mount -t proc proc /proc"
	[[ -c /dev/null && -w /dev/null ]] || lack "no /dev/null" "mknod -m 666 /dev/null c 1 3"
	[[ -r /dev/urandom ]] || lack "no /dev/urandom" "mknod -m 666 /dev/urandom c 1 9"
	[[ -L /dev/fd || -d /dev/fd ]] || lack "no /dev/fd" "ln -s /proc/self/fd /dev/fd"
}

# To mount file systems in a private namespace.
preflight_mounts() {
	[[ -c /dev/fuse ]] || modprobe fuse 2>/dev/null || true
	if [[ ! -c /dev/fuse ]]; then
		lack "no /dev/fuse" "modprobe fuse; in a container or chroot: mknod -m 666 /dev/fuse c 10 229"
	elif ! (: <>/dev/fuse) 2>/dev/null; then
		lack "/dev/fuse cannot be opened" "the kernel lacks FUSE, or the container does not allow the device"
	fi
	unshare --mount --pid --fork true 2>/dev/null ||
		lack "cannot make a mount namespace" "a plain chroot, whose root is no mount point, is not enough (systemd-nspawn -D ROOT is); a container needs CAP_SYS_ADMIN (docker run --privileged)"
}

# Criterion, the framework of the unit tests, shares memory by /dev/shm.
preflight_tests() {
	[[ -d /dev/shm && -w /dev/shm ]] ||
		lack "no /dev/shm" "mkdir /dev/shm; mount -t tmpfs -o mode=1777 shm /dev/shm"
}

# preflight WHAT KIND...: ends the script, with all that is missing, before WHAT.
preflight() {
	local what=$1 kind
	for kind in "${@:2}"; do
		"preflight_$kind"
	done
	[[ $n_lacking -eq 0 ]] || {
		printf '%s: %s is not possible before that\n' "${0##*/}" "$what" >&2
		exit 1
	}
}
