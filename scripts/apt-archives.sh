# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The archives of this machine's Debian packages, for scripts that need another suite of
# the same archives. To be sourced; it reads the configuration of apt and changes nothing.

# The names under which this machine's own release may stand in its sources.
apt_own_suites() {
	local VERSION_CODENAME=
	# shellcheck source=/dev/null
	. /etc/os-release
	printf '%s stable oldstable testing unstable sid' "$VERSION_CODENAME"
}

# Reads one-line style sources and prints, for each archive that serves this
# release's "main", a deb822 stanza with the suite left open as @SUITE@.
apt_from_list() {
	awk -v own="$(apt_own_suites)" '
	BEGIN { n = split(own, s, " "); for (i = 1; i <= n; i++) wanted[s[i]] = 1 }
	{ sub(/#.*/, "") }
	$1 != "deb" { next }
	{
		key = ""; line = $0
		sub(/^[ \t]*deb[ \t]+/, "", line)
		if (match(line, /^\[[^]]*\][ \t]*/)) {
			opts = substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1)
			if (match(opts, /signed-by=[^] \t]+/)) {
				key = substr(opts, RSTART + 10, RLENGTH - 10)
				gsub(/,/, " ", key)
			}
		}
		n = split(line, word, /[ \t]+/)
		main = 0
		for (i = 3; i <= n; i++) if (word[i] == "main") main = 1
		if (!main || !(word[2] in wanted) || word[1] ~ /^cdrom:/) next
		printf "Types: @TYPE@\nURIs: %s\nSuites: @SUITE@\nComponents: main\n", word[1]
		if (key != "") printf "Signed-By: %s\n", key
		print ""
	}' "$@"
}

# The same for deb822 style sources. Signed-By is carried over with all its
# lines, because it may hold a whole key.
apt_from_deb822() {
	awk -v own="$(apt_own_suites)" '
	function has(list, set,   w, i, n) {
		n = split(list, w, /[ \t\n]+/)
		for (i = 1; i <= n; i++) if (w[i] in set) return 1
		return 0
	}
	function flush() {
		if (has(f["types"], deb) && has(f["suites"], wanted) &&
		    has(f["components"], main) && tolower(f["enabled"]) !~ /no|false/) {
			printf "Types: @TYPE@\nURIs:%s\nSuites: @SUITE@\nComponents: main\n", f["uris"]
			if ("signed-by" in f) printf "Signed-By:%s\n", f["signed-by"]
			print ""
		}
		delete f; name = ""
	}
	BEGIN {
		n = split(own, s, " "); for (i = 1; i <= n; i++) wanted[s[i]] = 1
		deb["deb"]; main["main"]
	}
	FNR == 1 { flush() }
	/^#/ { next }
	/^[ \t]*$/ { flush(); next }
	/^[ \t]/ { if (name != "") f[name] = f[name] "\n" $0; next }
	{ i = index($0, ":"); name = tolower(substr($0, 1, i - 1)); f[name] = substr($0, i + 1) }
	END { flush() }' "$@"
}

# apt_archives TYPE: prints a stanza of that type (deb or deb-src) for each archive of this
# machine, with "Suites: @SUITE@".
apt_archives() { apt_all_stanzas | sed "s/^Types: @TYPE@\$/Types: $1/"; }

apt_all_stanzas() {
	local LIST='' PARTS='' files
	eval "$(apt-config shell LIST Dir::Etc::sourcelist/f PARTS Dir::Etc::sourceparts/d)"
	shopt -s nullglob
	[[ ! -r $LIST ]] || apt_from_list "$LIST"
	files=("$PARTS"/*.list)
	[[ ${#files[@]} -eq 0 ]] || apt_from_list "${files[@]}"
	files=("$PARTS"/*.sources)
	[[ ${#files[@]} -eq 0 ]] || apt_from_deb822 "${files[@]}"
	shopt -u nullglob
}
