/* SPDX-License-Identifier: MIT */
/* stats.h - what dmabuffs stats shows */
#ifndef DMABUFFS_STATS_H
#define DMABUFFS_STATS_H

#include "cli.h"

struct stats {
	const char *path;
	struct dmabuffs_limit_use names, bytes; /* of the mount */
	struct dmabuffs_limits own;             /* of the caller's user */
	int own_error;                          /* 0, or why @own is not known */
};

/* To standard output. */
void stats_print(const struct stats *stats, bool json);

#endif
