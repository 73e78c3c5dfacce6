/* SPDX-License-Identifier: MIT */
/* ids.h - a user and a group, and the two views of them that an idmapped mount makes */
#ifndef DMABUFFS_IDS_H
#define DMABUFFS_IDS_H

#include <stdbool.h>
#include <sys/types.h>

struct ids {
	uid_t uid;
	gid_t gid;
};

/*
 * Who acts, and whom a mount maps that to. The kernel tells the second with one kind of
 * request only, see identities.h.
 */
struct identity {
	struct ids process; /* fsuid and fsgid, as this service sees them */
	struct ids owner;   /* those in the file system */
};

static inline bool ids_are_valid(struct ids ids)
{
	return ids.uid != (uid_t)-1 && ids.gid != (gid_t)-1;
}

static inline bool ids_are_same(struct ids a, struct ids b)
{
	return a.uid == b.uid && a.gid == b.gid;
}

#endif
