/* SPDX-License-Identifier: MIT */
/*
 * lease.h - whether a memfd is open or mapped elsewhere
 *
 * The kernel grants a write lease only while no other open file description of the inode
 * exists, mapped ones included. While a process has one, an open(2) of the file with
 * O_NONBLOCK fails. So an open that fails in this way is repeated while this process has
 * none, and only then waits for a lock: clients cannot keep others' opens waiting, whose
 * files have no lease. There is one lock for the process; it is taken last. Thread safe.
 */
#ifndef DMABUFFS_LEASE_H
#define DMABUFFS_LEASE_H

#include <stdbool.h>

/*
 * Opens the file @path, relative to the directory @dir, with a new description and with
 * O_NONBLOCK added to @flags. Returns a descriptor or -errno; -EAGAIN: another process
 * has a lease on the file.
 */
int lease_open(int dir, const char *path, int flags);

/*
 * The same for an open that @open_it has another process do, with O_NONBLOCK and for no
 * longer than it takes to ask that process. It is called a second time if it returns
 * -EAGAIN.
 */
int lease_keep_off(int (*open_it)(void *data), void *data);

/*
 * Returns 1 if the memfd @fd, an O_RDWR description that is not shared, is open through
 * another description or mapped; else 0; -EOPNOTSUPP without CAP_LEASE over it. Sets the
 * signal of the descriptor (F_SETSIG) to SIGURG.
 */
int lease_held(int fd);

#endif
