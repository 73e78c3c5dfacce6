/* SPDX-License-Identifier: MIT */
/* fd_identity.h - which file a descriptor refers to, without a request to its file system
 */
#ifndef DMABUFFS_FD_IDENTITY_H
#define DMABUFFS_FD_IDENTITY_H

#include <stdint.h>
#include <sys/stat.h>

/*
 * The kernel's own attributes of the inode of any descriptor: FUSE, NFS and the like
 * fill this in without a request to their server, which may never reply. 0 or -errno.
 */
int fd_statx(int fd, struct statx *ret_stx);

/* Device and inode number of any descriptor. 0 or -errno. */
int fd_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino);

#endif
