/* SPDX-License-Identifier: MIT */
/* remove.c - remove a name, with or without its memory; why one was removed */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "instance.h"

static int remove_entry(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	return (int)SYSCALL(unlinkat(instance->root_fd, name, 0));
}

/*
 * By a command, since unlink(2) waits for the directory's lock and needs write permission
 * on the directory. An older service does not know the flag.
 */
_public_ int dmabuffs_unlink(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	struct dmabuffs_withdraw request = {
		.size = sizeof(request),
		.flags = DMABUFFS_WITHDRAW_OWN,
	};
	int r;

	memcpy(request.uuid, uuid->bytes, sizeof(request.uuid));
	if (instance->refusal < 0 || instance->is_old)
		return remove_entry(instance, uuid);
	r = instance_change(instance, DMABUFFS_IOC_WITHDRAW, &request);
	return r == -EOPNOTSUPP ? remove_entry(instance, uuid) : r;
}

_public_ int dmabuffs_withdraw(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	struct dmabuffs_withdraw request = {.size = sizeof(request)};

	memcpy(request.uuid, uuid->bytes, sizeof(request.uuid));
	return instance_change(instance, DMABUFFS_IOC_WITHDRAW, &request);
}

_public_ int dmabuffs_revoke(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	struct dmabuffs_revoke request = {.size = sizeof(request)};

	memcpy(request.uuid, uuid->bytes, sizeof(request.uuid));
	return instance_change(instance, DMABUFFS_IOC_REVOKE, &request);
}

_public_ int dmabuffs_ended(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			    enum dmabuffs_ended_cause *ret_cause)
{
	struct dmabuffs_ended request = {.size = sizeof(request)};
	int r;

	if (instance->control_fd < 0)
		return -EACCES;
	memcpy(request.uuid, uuid->bytes, sizeof(request.uuid));
	r = (int)SYSCALL(ioctl(instance->control_fd, DMABUFFS_IOC_ENDED, &request));
	if (r < 0)
		return r;
	*ret_cause = (enum dmabuffs_ended_cause)request.cause;
	return 0;
}
