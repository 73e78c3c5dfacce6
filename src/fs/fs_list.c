/* SPDX-License-Identifier: MIT */
/* fs_list.c - DMABUFFS_IOC_LIST */

#include <string.h>

#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"

#define LOOKS_MAX 4 /* calls of table_next() that find nothing */

/*
 * A page ends early where the table has looked through many names of others, so that the
 * time of a request is bounded.
 */
int fs_list(struct command_call *call)
{
	struct dmabuffs_list *arg = &call->arg.list;
	struct table *table = &call->service->table;
	struct export *export;
	uint64_t cursor = arg->cursor;
	int looks = 0;
	bool more = true;
	struct ids owner;
	int r = wire_check_list(arg);

	if (r == 0)
		r = user_owner(call, &owner);
	if (r < 0)
		return r;
	arg->count = 0;
	while (more && arg->count < DMABUFFS_LIST_MAX && looks < LOOKS_MAX) {
		export = table_next(table, owner.uid, &cursor, &more);
		if (export) {
			memcpy(arg->uuids[arg->count++], export->uuid,
			       DMABUFFS_UUID_SIZE);
			table_put(table, export);
			more = true;
		} else {
			looks++;
		}
	}
	arg->cursor = cursor;
	arg->more = arg->count == DMABUFFS_LIST_MAX || more;
	return 0;
}
