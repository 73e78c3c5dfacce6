/* SPDX-License-Identifier: MIT */
/* map.c - import a buffer as memory */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <util.h>

#include "instance.h"

/* fstat(2) knows the size of a memfd and of a name, lseek(2) that of a dma-buf. */
static int map_get_size(int fd, size_t *ret_bytes)
{
	struct stat status;
	off_t bytes;

	if (fstat(fd, &status) < 0)
		return -errno;
	bytes = S_ISREG(status.st_mode) && status.st_size > 0 ? status.st_size
							      : lseek(fd, 0, SEEK_END);
	if (bytes < 0)
		return -errno;
	if (bytes == 0)
		return -ENODATA;
	if ((uintmax_t)bytes > SIZE_MAX)
		return -EOVERFLOW;

	*ret_bytes = (size_t)bytes;
	return 0;
}

static int map_descriptor(int fd, int access, void **ret_address, size_t *ret_bytes)
{
	int protection = access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t bytes = 0;
	void *address;
	int r = map_get_size(fd, &bytes);

	if (r < 0)
		return r;
	address = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (address == MAP_FAILED)
		return -errno;

	*ret_address = address;
	*ret_bytes = bytes;
	return 0;
}

_public_ int dmabuffs_import_map(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
				 int access, void **ret_address, size_t *ret_bytes,
				 int *ret_fd)
{
	_cleanup_close_ int opened = -1;
	_cleanup_close_ int real = -1;
	int r;

	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;
	r = dmabuffs_import(instance, uuid, access, &opened);
	if (r < 0)
		return r;
	r = map_descriptor(opened, access, ret_address, ret_bytes);
	if (r == -ENODEV) { /* no passthrough: what FUSE could map would be a copy */
		r = dmabuffs_exchange(instance, opened, &real);
		if (r >= 0)
			r = map_descriptor(real, access, ret_address, ret_bytes);
	}
	if (r < 0)
		return r;

	if (ret_fd)
		*ret_fd = real >= 0 ? TAKE_FD(real) : TAKE_FD(opened);
	return 0;
}
