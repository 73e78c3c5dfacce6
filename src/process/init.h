/* SPDX-License-Identifier: MIT */
/*
 * init.h - FUSE_INIT with a flag that libfuse does not know: FUSE_ALLOW_IDMAP
 *
 * After the mount and before the loop. libfuse gets the kernel's request as it is, and
 * writes its reply to a socket that takes the place of its descriptor meanwhile; the
 * reply goes to the kernel with the flag. Public functions of libfuse only.
 */
#ifndef DMABUFFS_INIT_H
#define DMABUFFS_INIT_H

#include <fuse_lowlevel.h>

/* @fd: that of the session. 0; -EOPNOTSUPP: this kernel cannot (before Linux 6.12);
 * -errno. */
int init_allow_idmap(struct fuse_session *session, int fd);

#endif
