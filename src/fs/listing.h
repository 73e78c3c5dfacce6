/* SPDX-License-Identifier: MIT */
/* listing.h - the reply to a readdir, while it is filled */
#ifndef DMABUFFS_LISTING_H
#define DMABUFFS_LISTING_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
};

/* @next is the offset that continues after this entry. False: it did not fit. */
bool listing_add(struct listing *listing, const char *name, uint64_t ino, mode_t type,
		 uint64_t next);

#endif
