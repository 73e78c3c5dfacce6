/* SPDX-License-Identifier: MIT */
/* ids.h - a user and a group */
#ifndef DMABUFFS_IDS_H
#define DMABUFFS_IDS_H

#include <sys/types.h>

struct ids {
	uid_t uid;
	gid_t gid;
};

#endif
