#!/bin/sh
# SPDX-License-Identifier: MIT
# The symbols of the library are those of its map and of its header, with their version.
set -eu

library=${LIBRARY:-lib/dmabuffs/.libs/libdmabuffs.so}
source=$(dirname "$0")/../..
map=$source/lib/dmabuffs/libdmabuffs.map
header=$source/include/dmabuffs.h
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name@@NODE for each symbol of the map
awk '/^[A-Z_0-9.]+ \{/ { node = $1 }
     /^\t[a-z_]+;$/    { sub(/;/, "", $1); print $1 "@@" node }' "$map" |
	sort >"$work/map"
nm -D --defined-only "$library" |
	awk '$2 != "A" { print $3 }' | sort >"$work/library"
# the functions the header declares start their line with a type
grep -oE '^(int|void) \*?dmabuffs_[a-z_]+' "$header" |
	grep -oE 'dmabuffs_[a-z_]+' | sort >"$work/header"
sed 's/@@.*//' "$work/map" | sort >"$work/names"

status=0
compare() {
	diff -u "$2" "$3" >"$work/diff" || {
		echo "check-symbols: $1 differ (-: first only, +: second only)"
		sed '1,3d' "$work/diff"
		status=1
	}
}
compare "map and library" "$work/map" "$work/library"
compare "header and map" "$work/header" "$work/names"
[ -s "$work/map" ] || { echo "check-symbols: $map lists nothing"; status=1; }

mkdir -p results
if [ $status -eq 0 ]; then
	printf 'ok symbols\n1 passed, 0 failed\n' >results/symbols.txt
else
	printf 'FAIL: symbols: map, header and library differ\n0 passed, 1 failed\n' \
		>results/symbols.txt
fi
exit $status
