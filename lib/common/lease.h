/* SPDX-License-Identifier: MIT */
/*
 * lease.h - whether a memfd is open or mapped elsewhere
 *
 * The kernel grants a write lease only while no other open file description of the inode
 * exists, mapped ones included. While the process has a lease, an open(2) of the file
 * fails or waits, so lease_open() and lease_held() exclude each other with a lock. There
 * is one for the process; it is taken last. Thread safe.
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
 * The calling thread keeps lease_held() waiting, while another process opens memfds on
 * its behalf; not for longer than an open(2) takes.
 */
void lease_keep_off(void);
void lease_permit(void);

/*
 * Returns 1 if the memfd @fd, an O_RDWR description that is not shared, is open through
 * another description or mapped; else 0; -EOPNOTSUPP without CAP_LEASE over it. Sets the
 * signal of the descriptor (F_SETSIG) to SIGURG.
 */
int lease_held(int fd);

#endif
