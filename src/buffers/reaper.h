/* SPDX-License-Identifier: MIT */
/*
 * reaper.h - closes buffers off the request path
 *
 * The last close of a buffer frees its pages, which takes time in proportion to its size.
 * It happens in a dedicated thread, with no lock held. One for the process; thread safe.
 * Where it is not started, buffers are closed at once.
 */
#ifndef DMABUFFS_REAPER_H
#define DMABUFFS_REAPER_H

#include <stdbool.h>

#include "buffers/buffer.h"

/* 0 or -errno. */
int reaper_start(void);

/* Closes what is queued and ends the thread; false: a close does not return. */
bool reaper_stop(void);

/* Takes the buffer over and empties *@buffer. */
void reaper_take(struct buffer *buffer);

/* The same for a memfd or dma-buf that is just a descriptor of ours. */
void reaper_take_fd(int fd);

/* A reference to an address space; NULL is allowed. It may have many mappings. */
struct accel_asid;
void reaper_take_asid(struct accel_asid *asid);

#endif
