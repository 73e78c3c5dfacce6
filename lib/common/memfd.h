/* SPDX-License-Identifier: MIT */
/* memfd.h - memory to share, of a size that is sealed */
#ifndef DMABUFFS_MEMFD_H
#define DMABUFFS_MEMFD_H

#include <stdint.h>

/*
 * @bytes zeroes, O_RDWR and close-on-exec, sealed with @seals; nobody but its owner can
 * open it anew. -errno.
 */
int memfd_new(const char *name, uint64_t bytes, int seals);

#endif
