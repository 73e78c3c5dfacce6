/* SPDX-License-Identifier: MIT */
/* procfs.h - is a file one of a procfs; found out without a request to its server */
#ifndef DMABUFFS_PROCFS_H
#define DMABUFFS_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* True for a file of our own procfs, or of one mounted in the namespace of thread @tid
 * (0: none). */
bool procfs_has(int fd, pid_t tid);

/* Is a procfs with this device number mounted in the namespace of thread @tid? */
bool procfs_is_mounted(uint64_t dev, pid_t tid);

#endif
