# SPDX-License-Identifier: MIT
#
# Reads C files, named relative to the source directory, and prints a line for each include
# against the layers: "CHECK: FILE includes ...". scripts/check-layers has the meaning.

function add(part, to,    n, i, words) {
	parts[++n_parts] = part
	n = split(to, words, " ")
	for (i = 1; i <= n; i++)
		allowed[part, ++n_allowed[part]] = words[i]
}

# A library with its public headers: what it may include besides its own files.
BEGIN {
	add("lib/common/", "include/accel-abi.h include/dmabuffs-ioctl.h")
	add("lib/accel/", "lib/common/ include/accel")
	add("lib/dmabuffs/", "lib/common/ include/dmabuffs include/accel-abi.h")
	add("lib/hipsoft/", "lib/common/ include/hip include/accel.h include/accel-abi.h")
	add("lib/hipipc/", "lib/common/ include/hip include/dmabuffs.h")
	add("tools/", "lib/common/ include/dmabuffs include/accel-abi.h")
	add("include/accel", "")
	add("include/dmabuffs", "include/accel-abi.h")
	add("include/hip", "")
	add("src/mount-helper/", "lib/common/")
	# From the bottom up: a room may include those before it.
	n_rooms = split("base store buffers names broker devices fs process", rooms, " ")
	# accel-records.h: the ledger keeps what libaccel's objects are.
	below = "lib/common/ include/accel.h include/accel-abi.h include/accel-records.h " \
		"include/dmabuffs"
	for (i = 1; i <= n_rooms; i++) {
		add("src/" rooms[i] "/", below)
		below = below " src/" rooms[i] "/"
	}
	for (i = 1; i < ARGC; i++)
		exists[ARGV[i]] = 1
}

function starts_with(text, prefix) {
	return substr(text, 1, length(prefix)) == prefix
}

function directory(path) {
	sub(/\/[^\/]*$/, "", path)
	return path
}

function fold(path) {
	while (path ~ /[^\/.]+\/\.\.\//)
		sub(/[^\/.]+\/\.\.\//, "", path)
	return path
}

# The file of this tree that is meant, or "".
function find(name, quoted,    i, n, dirs, path) {
	n = split((quoted ? directory(FILENAME) : "include") " include lib/common" \
		  (FILENAME ~ /^src\// ? " src" : "") \
		  (FILENAME ~ /^lib\/accel\// ? " lib/accel" : ""), dirs, " ")
	for (i = 1; i <= n; i++) {
		path = fold(dirs[i] "/" name)
		if (path in exists)
			return path
	}
	return ""
}

function part_of(path,    i) {
	for (i = 1; i <= n_parts; i++)
		if (starts_with(path, parts[i]))
			return parts[i]
	return ""
}

function check_of(part) {
	if (part ~ /^src\//)
		return "src"
	return part == "lib/accel/" ? "libaccel" : \
	       part == "lib/common/" ? "common" : "libraries"
}

function is_allowed(part, target,    i) {
	if (starts_with(target, part))
		return 1
	for (i = 1; i <= n_allowed[part]; i++)
		if (starts_with(target, allowed[part, i]))
			return 1
	return 0
}

function complain(check, text) {
	print check ": " FILENAME " includes " text
}

function check_system(name) {
	if (part == "lib/accel/" && name ~ /^(fuse|sys\/socket|sys\/un\.|netinet)/)
		complain("libaccel", "<" name ">: the core knows no file system, no socket")
}

function check_own(name, target) {
	if (part == "")
		return
	if (!is_allowed(part, target))
		complain(check_of(part), target ", which is above it or beside it")
	if (part ~ /^src\// && target ~ /^src\// && name !~ /^[a-z-]+\/[^\/]*$/)
		complain("src", "\"" name "\" without its room: \"" substr(target, 5) "\"")
}

# A module is a source with its header.
function add_arrow(from, to) {
	sub(/\.[ch]$/, "", from)
	sub(/\.[ch]$/, "", to)
	modules[from] = modules[to] = 1
	reach[from, to] = 1
}

FNR == 1 { part = part_of(FILENAME) }

/^[ \t]*#[ \t]*include[ \t<"]/ {
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
	quoted = name ~ /^"/
	if (name !~ /^["<]/) {
		complain(check_of(part), "by a macro: " name)
		next
	}
	name = substr(name, 2)
	sub(/[">].*/, "", name)
	target = find(name, quoted)
	if (target != "")
		check_own(name, target)
	else if (!quoted || name == "config.h")
		check_system(name)
	else
		complain(check_of(part), "\"" name "\", which is not found")
	if (part == "lib/accel/" && starts_with(target, part))
		add_arrow(FILENAME, target)
}

# Modules that reach each other form a circle, or several that share modules.
END {
	for (via in modules)
		for (from in modules)
			if ((from, via) in reach)
				for (to in modules)
					if ((via, to) in reach)
						reach[from, to] = 1
	for (from in modules) {
		members = from
		n = 1
		for (to in modules)
			if (to != from && ((from, to) in reach) && ((to, from) in reach)) {
				members = members " " to
				n++
			}
		if (n > 3 && !(from in printed)) {
			print "circles: of " n " modules: " members
			split(members, list, " ")
			for (i in list)
				printed[list[i]] = 1
		}
	}
}
