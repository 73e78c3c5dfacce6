/* SPDX-License-Identifier: MIT */
/* query.c - describe the buffer behind a name, and the limits of its user */
#include <fcntl.h>
#include <sys/ioctl.h>

#include <sized.h>
#include <util.h>

#include "instance.h"

#define SIZE_MIN sizeof(uint32_t) /* of the field size */

static int query_opened(int opened, struct dmabuffs_info *ret_info)
{
	struct dmabuffs_info info = {.size = sizeof(info)};
	int r = (int)SYSCALL(ioctl(opened, DMABUFFS_IOC_INFO, &info));

	if (r < 0)
		return r;
	/* Callers print these; the service is not trusted to terminate them. */
	info.comm[sizeof(info.comm) - 1] = '\0';
	info.label[sizeof(info.label) - 1] = '\0';

	*ret_info = info;
	return 0;
}

_public_ int dmabuffs_query_fd(int opened, struct dmabuffs_info *ret_info, size_t size)
{
	struct dmabuffs_info info;
	int r = size < SIZE_MIN ? -EINVAL : query_opened(opened, &info);

	if (r < 0)
		return r;

	sized_give(&info, sizeof(info), ret_info, size);
	return 0;
}

_public_ int dmabuffs_query(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			    struct dmabuffs_info *ret_info, size_t size)
{
	_cleanup_close_ int opened = -1;
	struct dmabuffs_info info;
	int r;

	if (size < SIZE_MIN)
		return -EINVAL;
	opened = instance_open_name(instance, uuid, O_RDONLY);
	if (opened < 0)
		return opened;
	r = query_opened(opened, &info);
	if (r < 0)
		return r;
	if (info.importers > 0)
		info.importers--; /* this file */

	sized_give(&info, sizeof(info), ret_info, size);
	return 0;
}

_public_ int dmabuffs_limits(struct dmabuffs *instance,
			     struct dmabuffs_limits *ret_limits, size_t size)
{
	struct dmabuffs_limits limits = {.size = sizeof(limits)};
	int r;

	if (size < SIZE_MIN)
		return -EINVAL;
	if (instance->control_fd < 0)
		return -EACCES;
	r = instance_command(instance, DMABUFFS_IOC_LIMITS, &limits);
	if (r < 0)
		return r;

	sized_give(&limits, sizeof(limits), ret_limits, size);
	return 0;
}
