#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Provides a libfuse that supports passthrough (3.17 and newer).
#
#   scripts/build-libfuse.sh PREFIX
#
# If the system's libfuse is new enough, it does nothing. Otherwise it fetches
# the source package "fuse3" of a newer suite from the archive that this machine
# uses, which apt verifies by its signature, and builds it as a static library
# into PREFIX. Use it with
#
#   PKG_CONFIG_PATH=PREFIX/lib/pkgconfig
#
# The machine's apt configuration is read, never changed: lists, caches and
# sources of this script live in PREFIX.work, its log is PREFIX.log.
#
# Exit status: 0 done (or nothing to do), 1 failed, 2 wrong usage.

set -euo pipefail

# Which suites to look in, best first. Testing has the newest release that has
# been in use for a while. Unstable has the same or a newer one, and is used
# while testing has a release that we cannot use. Stable changes least and is
# always signed by keys that an older machine has: the last resort.
readonly SUITES="testing unstable stable"

# shellcheck source=scripts/apt-archives.sh
. "$(dirname "${BASH_SOURCE[0]}")/apt-archives.sh"

# Change this when the way of building changes, so that old stamps do not match.
readonly RECIPE=1

say() { printf 'libfuse: %s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# version_ok VERSION: 3.17 brought passthrough; 3.18.0 and 3.18.1 broke the ABI
# and have two CVEs; the next major version is a different API.
version_ok() {
	local upstream=${1#*:}
	upstream=${upstream%%[-+~]*}
	dpkg --compare-versions "$upstream" ge 3.17 &&
		dpkg --compare-versions "$upstream" lt 4 &&
		[[ $upstream != 3.18 && $upstream != 3.18.0 && $upstream != 3.18.1 ]]
}

# The version pkg-config finds by itself, or nothing: the distribution's, or one
# the user built and named in PKG_CONFIG_PATH.
system_version() { pkg-config --modversion fuse3 2>/dev/null; }

our_version() { PKG_CONFIG_PATH=$pc pkg-config --modversion fuse3 2>/dev/null; }

already_built() {
	[[ -r $stamp && $(<"$stamp") == "$(stamp_text)" ]]
}

stamp_text() { printf 'fuse3 %s recipe %s' "$(our_version)" "$RECIPE"; }

# logged WHAT CMD...: prints one line; all other output goes into the log.
logged() {
	local what=$1
	shift
	say "$what"
	printf '\n== %s\n' "$*" >>"$log"
	"$@" >>"$log" 2>&1 </dev/null && return
	tail -n 40 "$log" >&2
	die "failed: $what (full log: $log)"
}

# --- where the source comes from -------------------------------------------

# apt's options beside the machine's configuration (proxies, log-ins and trusted
# keys stay as they are). #clear drops the machine's hooks, which are for its own
# lists. The sandbox user could not write into the checkout; verification does
# not depend on the user that downloads.
write_apt_conf() {
	mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
	cat >"$work/apt/conf" <<-CONF
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear Acquire::IndexTargets::deb-src;
		Acquire::IndexTargets::deb-src::Sources {
		  MetaKey "\$(COMPONENT)/source/Sources";
		  ShortDescription "Sources";
		  Description "\$(RELEASE)/\$(COMPONENT) Sources";
		};
		Dir::Etc::sourcelist "$work/apt/one.sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$work/apt/lists/";
		Dir::Cache "$work/apt/cache/";
		Acquire::Retries "3";
		APT::Update::Error-Mode "any";
		APT::Sandbox::User "root";
	CONF
}

# Fetches the signed index of one stanza in one suite; prints fuse3's version,
# or nothing.
version_in() {
	local stanza=$1 suite=$2
	printf '%s\n' "${stanza/@SUITE@/$suite}" >"$work/apt/one.sources"
	{
		printf '\n== %s\n' "$suite"
		apt-get -c "$work/apt/conf" update
	} >>"$log" 2>&1 || return 0
	apt-cache -c "$work/apt/conf" showsrc --only-source fuse3 2>>"$log" |
		sed -n 's/^Version: //p' | sort -V | tail -n 1
}

# A machine may restrict its archive to the key of its own release. The newer
# suites' keys come with debian-archive-keyring, which the machine trusts anyway.
with_archive_keyring() {
	local ring=/usr/share/keyrings/debian-archive-keyring.gpg
	[[ -r $ring ]] || {
		printf '%s' "$1"
		return
	}
	awk -v ring="$ring" '
		/^Signed-By:/ { skip = 1; next }
		skip && /^[ \t]/ { next }
		{ skip = 0 }
		NF { print }
		END { print "Signed-By: " ring }' <<<"$1"
}

# A second try for $stanza in $suite, with the keys of the keyring package.
try_keyring() {
	local other
	other=$(with_archive_keyring "$stanza")
	[[ $other == "$stanza" ]] || version=$(version_in "$other" "$suite")
}

# Sets $version to a usable version; the configuration of apt then names its suite.
find_source() {
	local suite stanza
	local -a stanzas
	mapfile -d '' -t stanzas < <(apt_archives deb-src | awk -v RS= -v ORS='\0' '1')
	[[ ${#stanzas[@]} -gt 0 ]] ||
		die "apt has no archive with this release's main component; $advice"
	for suite in $SUITES; do
		for stanza in "${stanzas[@]}"; do
			version=$(version_in "$stanza" "$suite")
			[[ -n $version ]] || try_keyring
			[[ -n $version ]] || continue
			version_ok "$version" && say "found fuse3 $version in $suite" && return
			say "fuse3 $version in $suite is not usable"
		done
	done
	tail -n 40 "$log" >&2
	die "no usable source package fuse3 found (log: $log); $advice"
}

fetch_source() {
	logged "fetching fuse3 $version" env -C "$work" apt-get -c "$work/apt/conf" \
		source --download-only --only-source "fuse3=$version"
	# The archive's signature over the index, the index's hash of the .dsc and
	# the .dsc's hashes of the rest have been checked by now.
	logged "unpacking" env -C "$work" dpkg-source -x "fuse3_${version#*:}.dsc" src
}

# --- building ---------------------------------------------------------------

# option NAME VALUE: the meson argument, if this release has the option.
option() {
	! grep -qs "^option('$1'" "$work"/src/meson_options.txt "$work"/src/meson.options ||
		printf -- '-D%s=%s\n' "$1" "$2"
}

# io_uring is left out: requests in flight on it do not survive the daemon, and
# it would need two more libraries. Symbol versions have no meaning in a static
# library. The prefix is /usr so that libfuse finds the system's fusermount3;
# the files are then moved, and the relocatable .pc follows them.
configure_libfuse() {
	local -a opts
	mapfile -t opts < <(
		option examples false
		option tests false
		option utils false
		option useroot false
		option enable-io-uring false
		option enable-usdt false
		option disable-libc-symbol-version true
	)
	logged "configuring $version" meson setup "$work/obj" "$work/src" \
		--prefix=/usr --libdir=lib --buildtype=release --wrap-mode=nodownload \
		-Ddefault_library=static -Db_staticpic=true -Dpkgconfig.relocatable=true \
		-Dc_args=-g "${opts[@]}"
}

# The new tree replaces the old one in one step, complete or not at all.
build_libfuse() {
	configure_libfuse
	logged "compiling" ninja -C "$work/obj"
	logged "installing" env DESTDIR="$work/root" meson install -C "$work/obj" --no-rebuild
	rm -rf "$prefix"
	mv "$work/root/usr" "$prefix"
}

# A program with the calls that we depend on must link and run, and report the
# expected version.
verify_libfuse() {
	cat >"$work/try.c" <<-'PROGRAM'
		#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
		#include <fuse_lowlevel.h>
		#include <stdio.h>

		static const struct fuse_lowlevel_ops ops;

		int main(int argc, char **argv)
		{
			struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
			struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
			int (*volatile passthrough)(fuse_req_t, int) = fuse_passthrough_open;
			bool (*volatile feature)(struct fuse_conn_info *, uint64_t) = fuse_set_feature_flag;

			if (!se || !passthrough || !feature)
				return 1;
			fuse_session_destroy(se);
			puts(fuse_pkgversion());
			return 0;
		}
	PROGRAM
	local flags
	flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs --static fuse3)
	# shellcheck disable=SC2086 # the flags are words
	logged "linking a test program" cc -Wall -Werror -o "$work/try" "$work/try.c" $flags
	[[ $("$work/try" 2>>"$log") == "$(our_version)" ]] ||
		die "the test program does not run with libfuse $(our_version) (log: $log)"
}

main() {
	[[ $# -eq 1 && $1 != -* ]] || {
		sed -n 's/^# \{0,1\}//p' "$0" | sed -n '3,19p' >&2
		exit 2
	}
	local system
	if system=$(system_version) && version_ok "$system"; then
		say "version $system is new enough"
		return
	fi
	mkdir -p "$(dirname "$1")"
	prefix=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
	work=$prefix.work log=$prefix.log pc=$prefix/lib/pkgconfig stamp=$prefix/.stamp
	if already_built; then
		say "$(our_version) is built already"
		return
	fi
	rm -rf "$work"
	mkdir -p "$work"
	: >"$log"
	write_apt_conf
	find_source
	fetch_source
	build_libfuse
	verify_libfuse
	stamp_text >"$stamp"
	rm -rf "$work"
	say "$(our_version) is ready in $prefix"
}

advice="install libfuse 3.17.2, 3.18.2 or newer yourself and let pkg-config find it"
version=
main "$@"
