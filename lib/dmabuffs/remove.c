/* SPDX-License-Identifier: MIT */
/* remove.c - remove a name, with or without its memory */
#include <string.h>
#include <unistd.h>

#include "instance.h"

_public_ int dmabuffs_unlink(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	return (int)SYSCALL(unlinkat(instance->root_fd, name, 0));
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
