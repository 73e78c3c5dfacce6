/* SPDX-License-Identifier: MIT */
/* mountinfo.h - the kernel's list of the mounts in a mount namespace */
#ifndef DMABUFFS_MOUNTINFO_H
#define DMABUFFS_MOUNTINFO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Is a mount with device number @dev, and of the file system type @type unless that is
 * NULL, among the first @max_lines of @path, /proc/PID/mountinfo? 1, 0 or -errno.
 */
int mountinfo_has(const char *path, uint64_t dev, const char *type, size_t max_lines);

/* The same of all types and lines now of an open list, by one thread at a time. */
int mountinfo_has_now(int fd, uint64_t dev);

#endif
