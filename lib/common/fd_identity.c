/* SPDX-License-Identifier: MIT */
#include "fd_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

int fd_statx(int fd, struct statx *ret_stx)
{
	/* An empty mask: nothing is requested that only the server knows. */
	int r = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, ret_stx);

	return r < 0 ? -errno : 0;
}

int fd_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	struct statx stx;
	int r = fd_statx(fd, &stx);

	if (r < 0)
		return r;
	*ret_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	*ret_ino = stx.stx_ino;
	return 0;
}
