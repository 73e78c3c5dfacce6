/* SPDX-License-Identifier: MIT */
/* import.c - open a name, get the real descriptor behind it */
#include <fcntl.h>

#include <util.h>

#include "broker.h"

_public_ int dmabuffs_import(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			     int access, int *ret_fd)
{
	int fd;

	if (access != O_RDONLY && access != O_WRONLY && access != O_RDWR)
		return -EINVAL;
	fd = instance_open_name(instance, uuid, access);
	if (fd < 0)
		return fd;

	*ret_fd = fd;
	return 0;
}

_public_ int dmabuffs_exchange(struct dmabuffs *instance, int opened, int *ret_fd)
{
	const struct broker_question question = {
		.op = DMABUFFS_BROKER_EXCHANGE,
		.fd = opened,
	};

	return broker_ask(instance, &question, ret_fd);
}

_public_ int dmabuffs_import_buffer(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
				    int access, int *ret_fd)
{
	_cleanup_close_ int opened = -1;
	int r = dmabuffs_import(instance, uuid, access, &opened);

	if (r < 0)
		return r;
	return dmabuffs_exchange(instance, opened, ret_fd);
}
