/* SPDX-License-Identifier: MIT */
/*
 * A buffer's descriptor with a mapping of all its PATTERN_SIZE bytes. For a dma-buf each
 * access to a page is bracketed with DMA_BUF_IOCTL_SYNC, as its documentation demands.
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

/* Takes fd, on failure too. prot as in mmap(2). Answers 0 or -errno. */
int buffer_init(struct buffer *b, int fd, int prot);
void buffer_finish(struct buffer *b);

/* Answer 0 or -errno of the sync; buffer_has: 1 if the page holds its pattern. */
int buffer_fill(struct buffer *b, enum pattern_page page);
int buffer_has(struct buffer *b, enum pattern_page page);

/* 0 if the descriptor can be mapped so, else -errno; nothing stays mapped. */
int try_map(int fd, int prot);

/* Is this descriptor a dma-buf, in the kernel's own words? */
bool fd_is_dmabuf(int fd);

#endif
