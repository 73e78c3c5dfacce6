/* SPDX-License-Identifier: MIT */
/* mapping.c - import a buffer as memory */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <util.h>

#include "instance.h"

/**
 * struct dmabuffs_mapping - the memory of an imported buffer
 * @address: of the first byte
 * @bytes: size of the mapping
 * @access: O_RDONLY or O_RDWR
 * @fd: the descriptor that was mapped, owned
 * @kind: what @fd is
 *
 * Constant after creation.
 */
struct dmabuffs_mapping {
	void *address;
	size_t bytes;
	int access;
	int fd;
	enum dmabuffs_fd_kind kind;
};

/* fstat(2) knows the size of a memfd and of a name, lseek(2) that of a dma-buf. */
static int mapping_get_size(int fd, size_t *ret_bytes)
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

static int mapping_map(struct dmabuffs_mapping *mapping, int fd)
{
	int protection = mapping->access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t bytes = 0;
	void *address;
	int r = mapping_get_size(fd, &bytes);

	if (r < 0)
		return r;
	address = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (address == MAP_FAILED)
		return -errno;

	mapping->address = address;
	mapping->bytes = bytes;
	return 0;
}

/* Without passthrough FUSE would map copies, so the buffer itself is fetched (ENODEV). */
static int mapping_fill(struct dmabuffs_mapping *mapping, struct dmabuffs *instance,
			const dmabuffs_uuid *uuid)
{
	_cleanup_close_ int opened = -1;
	_cleanup_close_ int buffer = -1;
	int r = dmabuffs_import(instance, uuid, mapping->access, &opened);

	if (r < 0)
		return r;
	r = mapping_map(mapping, opened);
	if (r == -ENODEV) {
		r = dmabuffs_exchange(instance, opened, &buffer);
		if (r >= 0)
			r = mapping_map(mapping, buffer);
	}
	if (r < 0)
		return r;

	mapping->kind = buffer >= 0 ? DMABUFFS_FD_BUFFER : DMABUFFS_FD_NAME;
	mapping->fd = buffer >= 0 ? TAKE_FD(buffer) : TAKE_FD(opened);
	return 0;
}

_public_ int dmabuffs_import_map(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
				 int access, struct dmabuffs_mapping **ret_mapping)
{
	_cleanup_free_ struct dmabuffs_mapping *mapping = NULL;
	int r;

	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;
	mapping = malloc(sizeof(*mapping));
	if (!mapping)
		return -ENOMEM;
	*mapping = (struct dmabuffs_mapping){.access = access, .fd = -1};
	r = mapping_fill(mapping, instance, uuid);
	if (r < 0)
		return r;

	*ret_mapping = TAKE_PTR(mapping);
	return 0;
}

_public_ void dmabuffs_mapping_destroy(struct dmabuffs_mapping *mapping)
{
	if (!mapping)
		return;
	(void)munmap(mapping->address, mapping->bytes);
	close_keep_errno(mapping->fd);
	free(mapping);
}

_public_ void *dmabuffs_mapping_address(const struct dmabuffs_mapping *mapping)
{
	return mapping->address;
}

_public_ size_t dmabuffs_mapping_bytes(const struct dmabuffs_mapping *mapping)
{
	return mapping->bytes;
}

_public_ int dmabuffs_mapping_access(const struct dmabuffs_mapping *mapping)
{
	return mapping->access;
}

_public_ int dmabuffs_mapping_fd(const struct dmabuffs_mapping *mapping,
				 enum dmabuffs_fd_kind *ret_kind)
{
	if (ret_kind)
		*ret_kind = mapping->kind;
	return mapping->fd;
}
