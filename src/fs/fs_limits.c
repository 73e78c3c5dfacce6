/* SPDX-License-Identifier: MIT */
/* fs_limits.c - DMABUFFS_IOC_LIMITS */
#include "base/wire.h"
#include "fs/fs_ioctl.h"

int fs_limits(struct command_call *call)
{
	static const enum resource resources[DMABUFFS_LIMIT_COUNT] = {
		[DMABUFFS_LIMIT_EXPORTS] = RES_EXPORTS,
		[DMABUFFS_LIMIT_BYTES] = RES_BYTES,
		[DMABUFFS_LIMIT_ROOTS] = RES_ROOTS,
		[DMABUFFS_LIMIT_CONNECTIONS] = RES_CONNECTIONS,
	};
	struct dmabuffs_limits *arg = &call->arg.limits;
	struct limits *limits = &call->service->limits;
	int r = wire_check_no_flags(arg->flags);

	if (r < 0)
		return r;
	for (size_t i = 0; i < DMABUFFS_LIMIT_COUNT; i++) {
		arg->user[i].used = limits_used_by(limits, call->ctx->uid, resources[i]);
		arg->user[i].max = limits->config.per_uid[resources[i]];
	}
	return 0;
}
