/* SPDX-License-Identifier: MIT */
/*
 * init.h - FUSE_INIT, before the loop runs, and a flag that libfuse does not know
 *
 * The kernel's first request after a mount. libfuse gets it as it is, and writes its
 * reply to a socket that takes the place of its descriptor meanwhile; from there it goes
 * to the kernel, with FUSE_ALLOW_IDMAP if that was asked for. Public functions of libfuse
 * only.
 */
#ifndef DMABUFFS_INIT_H
#define DMABUFFS_INIT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * @fd: that of the session. *ret_max_write: the largest write in bytes. 0; -EOPNOTSUPP:
 * @idmap, and this kernel cannot (before Linux 6.12); -ENODEV: unmounted; -errno.
 */
int init_negotiate(struct fuse_session *session, int fd, bool idmap,
		   uint32_t *ret_max_write);

#endif
