/* SPDX-License-Identifier: MIT */
/*
 * fake-dmabuf.h - a memfd that passes for a dma-buf
 *
 * The linker routes ioctl(2) and poll(2) of the tested modules here (--wrap).
 */
#ifndef DMABUFFS_TESTS_FAKE_DMABUF_H
#define DMABUFFS_TESTS_FAKE_DMABUF_H

#include <stdbool.h>
#include <stdint.h>

/* Implements DMA_BUF_IOCTL_SYNC: 0, or -1 with errno. NULL: ENOTTY, as the kernel. */
extern int (*fake_dmabuf_sync)(int fd, uint64_t flags);

/* True: the devices that use a buffer never finish, and poll(2) times out at once. */
extern _Atomic bool fake_dmabuf_busy;

#endif
