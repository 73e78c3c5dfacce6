/* SPDX-License-Identifier: MIT */
/* buffer_identify.h - what a descriptor is; the part of buffer.c that asks the kernel */
#ifndef DMABUFFS_BUFFER_IDENTIFY_H
#define DMABUFFS_BUFFER_IDENTIFY_H

#include <stdint.h>

/* Learns which device number memfds have here. */
int buffer_identify_setup(void);

/* As buffer_kind(), with device and inode number of the file. */
int buffer_identify(int fd, uint64_t *ret_dev, uint64_t *ret_ino);

#endif
