/* SPDX-License-Identifier: MIT */
/*
 * A buffer's descriptor with a mapping of all its PATTERN_SIZE bytes. Each access to a
 * page of a dma-buf is bracketed with DMA_BUF_IOCTL_SYNC, as its documentation requires.
 */
#ifndef DMABUFFS_TESTS_VM_BUFFER_H
#define DMABUFFS_TESTS_VM_BUFFER_H

#include <stdbool.h>

#include "pattern.h"

struct buffer {
	int fd;
	bool is_dmabuf;
	unsigned char *data;
};

/* Takes ownership of fd, also on failure. prot as in mmap(2). Returns 0 or -errno. */
int buffer_init(struct buffer *b, int fd, int prot);
void buffer_finish(struct buffer *b);

/* Return 0 or -errno of the sync; buffer_has returns 1 if the page holds its pattern. */
int buffer_fill(struct buffer *b, enum pattern_page page);
int buffer_has(struct buffer *b, enum pattern_page page);

/* Returns 0 if the descriptor can be mapped with prot, or -errno; unmaps it again. */
int try_map(int fd, int prot);

/* Whether the kernel identifies the descriptor as a dma-buf. */
bool fd_is_dmabuf(int fd);

#endif
