/* SPDX-License-Identifier: MIT */
#include "buffers/buffer_identify.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "buffers/buffer.h"
#include "dmabuf.h"
#include "fd_identity.h"
#include "util.h"

/* Both are internal mounts of the kernel, whose device numbers never change. */
static uint64_t buffer_identify_memfd_dev;
static _Atomic uint64_t buffer_identify_dmabuf_dev;       /* 0: none seen yet */
static const struct driver_list *buffer_identify_drivers; /* or NULL */

int buffer_identify_setup(void)
{
	_cleanup_close_ int fd = memfd_create("dmabuffsd", MFD_CLOEXEC);
	uint64_t ino;

	if (fd < 0)
		return -errno;
	return fd_identity(fd, &buffer_identify_memfd_dev, &ino);
}

void buffer_set_drivers(const struct driver_list *list)
{
	buffer_identify_drivers = list;
}

/*
 * No file system can forge this: the type of an inode never changes, and the kernel opens
 * a character device with the driver of its number, whatever file system the inode is on.
 * An O_PATH descriptor has not been opened by a driver.
 */
static int buffer_identify_device(int fd, const struct statx *stx)
{
	int r;

	if (!buffer_identify_drivers || buffer_identify_drivers->n == 0 ||
	    fcntl(fd, F_GETFL) & O_PATH)
		return -EBADFD;
	r = drivers_have_major(buffer_identify_drivers, stx->stx_rdev_major);
	if (r < 0)
		return r;
	return r ? DMABUFFS_KIND_DEVICE : -EBADFD;
}

int buffer_identify(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	uint64_t known = atomic_load(&buffer_identify_dmabuf_dev);
	struct statx stx;
	int r = fd_statx(fd, &stx);

	if (r < 0)
		return r;
	*ret_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	*ret_ino = stx.stx_ino;
	if (S_ISCHR(stx.stx_mode))
		return buffer_identify_device(fd, &stx);
	/* Other shmem files are there, too; those that support seals behave like a memfd.
	 */
	if (*ret_dev == buffer_identify_memfd_dev)
		return fcntl(fd, F_GET_SEALS) < 0 ? -EBADFD : DMABUFFS_KIND_MEMFD;
	if (known ? *ret_dev != known : !dmabuf_is(fd))
		return -EBADFD;
	atomic_store(&buffer_identify_dmabuf_dev, *ret_dev);
	return DMABUFFS_KIND_DMABUF;
}

int buffer_kind(int fd)
{
	uint64_t dev, ino;

	return buffer_identify(fd, &dev, &ino);
}
