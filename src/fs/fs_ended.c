/* SPDX-License-Identifier: MIT */
/* fs_ended.c - DMABUFFS_IOC_ENDED */
#include "base/wire.h"
#include "fs/fs_ioctl.h"

int fs_ended(struct command_call *call)
{
	struct dmabuffs_ended *arg = &call->arg.ended;
	int r = wire_check_ended(arg);

	if (r < 0)
		return r;
	r = past_find(&call->service->table.past, arg->uuid);
	if (r < 0)
		return r;
	arg->cause = (uint32_t)r;
	return 0;
}
