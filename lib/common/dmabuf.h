/* SPDX-License-Identifier: MIT */
/* dmabuf.h - telling a dma-buf from any other descriptor */
#ifndef DMABUFFS_DMABUF_H
#define DMABUFFS_DMABUF_H

#include <stdbool.h>

/* Asks the kernel only, never the file's own file system. */
bool dmabuf_is(int fd);

#endif
