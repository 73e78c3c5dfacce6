/* SPDX-License-Identifier: MIT */
/* buffer_identify.h - the kind of a descriptor; private to src/buffers */
#ifndef DMABUFFS_BUFFER_IDENTIFY_H
#define DMABUFFS_BUFFER_IDENTIFY_H

#include <stdint.h>

/* Finds out the device number of memfds. 0 or -errno. */
int buffer_identify_setup(void);

/* As buffer_kind(); also returns the device and inode number of the file. */
int buffer_identify(int fd, uint64_t *ret_dev, uint64_t *ret_ino);

#endif
