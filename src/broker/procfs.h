/* SPDX-License-Identifier: MIT */
/* procfs.h - whether a file is one of a procfs, which is asked of no file system */
#ifndef DMABUFFS_PROCFS_H
#define DMABUFFS_PROCFS_H

#include <stdbool.h>
#include <sys/types.h>

/* Of our own procfs, or, with @tid, of one that the thread has mounted. */
bool procfs_has(int fd, pid_t tid);

#endif
