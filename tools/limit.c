/* SPDX-License-Identifier: MIT */
/* limit.c - compare a size with the limits of the user and the mount */
#include <stdio.h>
#include <sys/statvfs.h>

#include "limit.h"
#include "report.h"
#include "text.h"

static int limit_refuse(const struct cli *cli, const char *what, const char *whose,
			uint64_t max, const char *option)
{
	char limit[TEXT_BYTES_SIZE];

	text_bytes(max, limit);
	report_line(cli, "%s: this file is larger than %s limit of %s", what, whose,
		    limit);
	fprintf(stderr, "hint: the limit is the option %s of the mount\n", option);
	return CODE_FAILED;
}

int limit_check(const struct cli *cli, struct dmabuffs *instance, const char *what,
		uint64_t bytes)
{
	const struct dmabuffs_limit_use *own;
	struct dmabuffs_limits limits;
	struct statvfs mount;

	own = &limits.user[DMABUFFS_LIMIT_BYTES];
	if (dmabuffs_limits(instance, &limits, sizeof(limits)) == 0 && bytes > own->max)
		return limit_refuse(cli, what, "your", own->max, "max-bytes-per-uid");
	/* In blocks: the last one may be cut off. */
	if (fstatvfs(dmabuffs_root_fd(instance), &mount) == 0 && mount.f_frsize &&
	    bytes / mount.f_frsize > mount.f_blocks)
		return limit_refuse(cli, what, "the mount's",
				    mount.f_blocks * mount.f_frsize, "max-bytes");
	return CODE_OK;
}
