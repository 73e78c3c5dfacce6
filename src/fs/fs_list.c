/* SPDX-License-Identifier: MIT */
/* fs_list.c - DMABUFFS_IOC_LIST */

#include <string.h>

#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "locked.h"

/* Names in one hold of the lock that every look-up needs. */
#define NAMES_A_HOLD 32

/* False: the page ends here. */
static bool list_add_names(struct table *table, uid_t uid, struct dmabuffs_list *arg,
			   bool *ret_more)
{
	SCOPED_LOCK(&table->lock);

	for (int i = 0; i < NAMES_A_HOLD && arg->count < DMABUFFS_LIST_MAX; i++) {
		uint64_t cursor = arg->cursor;
		const struct export *export =
			table_next_locked(table, uid, &cursor, ret_more);

		arg->cursor = cursor;
		if (!export)
			return false;
		memcpy(arg->uuids[arg->count++], export->uuid, DMABUFFS_UUID_SIZE);
	}
	return arg->count < DMABUFFS_LIST_MAX;
}

/* A page ends early where many names have ended, so that its time is bounded. */
int fs_list(struct command_call *call)
{
	struct dmabuffs_list *arg = &call->arg.list;
	bool more = true;
	struct ids owner;
	int r = wire_check_list(arg);

	if (r == 0)
		r = user_owner(call, &owner);
	if (r < 0)
		return r;
	arg->count = 0;
	while (list_add_names(&call->service->table, owner.uid, arg, &more))
		;
	arg->more = arg->count == DMABUFFS_LIST_MAX || more;
	return 0;
}
