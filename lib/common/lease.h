/* SPDX-License-Identifier: MIT */
/*
 * lease.h - who still has a memfd, asked of the kernel
 *
 * A write lease is granted only while no other open file description of the inode exists,
 * mapped ones included. While a lease of ours lasts, opens would fail or wait: ours take
 * the lock below shared. It is a leaf and one for the process.
 */
#ifndef DMABUFFS_LEASE_H
#define DMABUFFS_LEASE_H

#include <stdbool.h>

/*
 * Opens the file @path, relative to the directory @dir, anew: a description of its own.
 * O_NONBLOCK: if somebody else holds a lease on it, -EAGAIN, no waiting. -errno.
 */
int lease_open(int dir, const char *path, int flags);

/*
 * Whether anybody else has the memfd behind @fd, an O_RDWR description of our own, open
 * or mapped: 1, 0, or -EOPNOTSUPP without CAP_LEASE over it. Sets the signal of the
 * descriptor (F_SETSIG) to SIGURG.
 */
int lease_held(int fd);

#endif
