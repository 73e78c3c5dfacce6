/* SPDX-License-Identifier: MIT */
/* fs_list.c - DMABUFFS_IOC_LIST */

#include <string.h>

#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"

/* A page ends early where many names have ended, so that its time is bounded. */
int fs_list(struct command_call *call)
{
	struct dmabuffs_list *arg = &call->arg.list;
	struct table *table = &call->service->table;
	struct export *export;
	uint64_t cursor = arg->cursor;
	bool more = true;
	struct ids owner;
	int r = wire_check_list(arg);

	if (r == 0)
		r = user_owner(call, &owner);
	if (r < 0)
		return r;
	for (arg->count = 0; arg->count < DMABUFFS_LIST_MAX; arg->count++) {
		export = table_next(table, owner.uid, &cursor, &more);
		if (!export)
			break;
		memcpy(arg->uuids[arg->count], export->uuid, DMABUFFS_UUID_SIZE);
		table_put(table, export);
	}
	arg->cursor = cursor;
	arg->more = arg->count == DMABUFFS_LIST_MAX || more;
	return 0;
}
