/* SPDX-License-Identifier: MIT */
/* allocate.c - new memory with a name */
#include <fcntl.h>
#include <string.h>

#include <memfd.h>
#include <util.h>

#include "instance.h"

#define ALLOCATE_FLAGS DMABUFFS_ALLOCATE_PINNED

/*
 * Growing is sealed, so that the owner is charged for the final size. Revocation shrinks
 * a memfd, so only one that may shrink can be revoked. The export adds F_SEAL_SEAL.
 */
static int allocate_seals(uint32_t flags)
{
	return flags & DMABUFFS_ALLOCATE_PINNED ? F_SEAL_GROW | F_SEAL_SHRINK
						: F_SEAL_GROW;
}

_public_ int dmabuffs_allocate(struct dmabuffs *instance, uint64_t bytes, uint32_t flags,
			       const struct dmabuffs_export_options *options, int *ret_fd,
			       dmabuffs_uuid *ret_uuid)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (flags & ~ALLOCATE_FLAGS)
		return -EOPNOTSUPP;
	if (bytes == 0 || bytes > INT64_MAX)
		return -EINVAL;
	fd = memfd_new("dmabuffs", bytes, allocate_seals(flags));
	if (fd < 0)
		return fd;
	r = dmabuffs_export(instance, fd, options, ret_uuid);
	if (r < 0)
		return r;

	*ret_fd = TAKE_FD(fd);
	return 0;
}
