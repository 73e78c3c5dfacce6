/* SPDX-License-Identifier: MIT */
/*
 * reaper.h - giving buffers back
 *
 * The last close of a buffer frees its pages, and that takes the longer the larger it is.
 * It is done in a thread of its own, with no lock held, and in no one's way. One for the
 * process; thread safe. Where it is not started, buffers are closed at once.
 */
#ifndef DMABUFFS_REAPER_H
#define DMABUFFS_REAPER_H

#include <stdbool.h>

#include "buffers/buffer.h"

/* 0 or -errno. */
int reaper_start(void);

/* Closes what is queued and ends the thread; false if a close does not come back. */
bool reaper_stop(void);

/* Takes the buffer over and empties *@buffer. */
void reaper_take(struct buffer *buffer);

/* The same for a memfd or dma-buf that is just a descriptor of ours. */
void reaper_take_fd(int fd);

/* A reference to an address space; NULL is allowed. It may have many mappings. */
struct accel_asid;
void reaper_take_asid(struct accel_asid *asid);

#endif
