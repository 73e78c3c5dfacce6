/* SPDX-License-Identifier: MIT */
/* dmabuf.h - recognises dma-bufs, and brackets the access of a CPU to one */
#ifndef DMABUFFS_DMABUF_H
#define DMABUFFS_DMABUF_H

#include <stdbool.h>
#include <stdint.h>

/* Makes no request to the file system of the file. */
bool dmabuf_is(int fd);

/*
 * DMA_BUF_IOCTL_SYNC with these DMA_BUF_SYNC_* flags; waits for the devices that use the
 * buffer. 0 or -errno.
 */
int dmabuf_sync(int fd, uint64_t flags);

#endif
