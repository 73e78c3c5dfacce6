/* SPDX-License-Identifier: MIT */
#include "fs/listing.h"

bool listing_add(struct listing *listing, const char *name, uint64_t ino, mode_t type,
		 uint64_t next)
{
	const struct stat st = {.st_ino = ino, .st_mode = type};
	size_t rest = listing->size - listing->used;
	size_t needed = fuse_add_direntry(listing->req, listing->buf + listing->used,
					  rest, name, &st, (off_t)next);

	if (needed > rest)
		return false;
	listing->used += needed;
	return true;
}
