/* SPDX-License-Identifier: MIT */
/* dmabuf.h - whether a descriptor is a dma-buf */
#ifndef DMABUFFS_DMABUF_H
#define DMABUFFS_DMABUF_H

#include <stdbool.h>

/* Makes no request to the file system of the file. */
bool dmabuf_is(int fd);

#endif
