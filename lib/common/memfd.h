/* SPDX-License-Identifier: MIT */
/* memfd.h - memory to share, sealed */
#ifndef DMABUFFS_MEMFD_H
#define DMABUFFS_MEMFD_H

#include <stdint.h>

/*
 * Makes a memfd of @bytes zeroes, O_RDWR and close-on-exec, sealed with @seals, that only
 * its owner can reopen. Returns a descriptor or -errno.
 */
int memfd_new(const char *name, uint64_t bytes, int seals);

#endif
