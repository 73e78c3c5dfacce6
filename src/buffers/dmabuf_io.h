/* SPDX-License-Identifier: MIT */
/*
 * dmabuf_io.h - read(2) and write(2) of a dma-buf through its name
 *
 * A dma-buf has no read or write of its own: it is mapped, and the access bracketed with
 * DMA_BUF_IOCTL_SYNC, which waits for the devices that use the buffer. They may never
 * finish, so this happens in dedicated threads, after a bounded wait for the buffer to be
 * ready; each exporter can occupy only some of the threads.
 *
 * What is mapped may raise SIGBUS when its driver takes it away. So it is copied by the
 * kernel, through a scratch memfd: a write(2) from, or read(2) into, such memory fails
 * with EFAULT instead.
 */
#ifndef DMABUFFS_DMABUF_IO_H
#define DMABUFFS_DMABUF_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/limits.h"
#include "buffers/buffer.h"
#include "worker.h"

struct dmabuf_io {
	struct limits *limits; /* borrowed */
	struct worker worker;
	struct list running; /* protected by the worker's lock: its requests */
};

/*
 * Called from one of the threads when the request is done: @result is the number of
 * bytes, or -errno: -ETIMEDOUT the devices did not finish, -EFAULT the memory is gone.
 * @bytes are what was read; NULL: it was a write.
 */
typedef void dmabuf_io_done(void *context, ssize_t result, const void *bytes);

/* Threads are started when there is something to do. */
void dmabuf_io_init(struct dmabuf_io *io, struct limits *limits);

/* Stops the threads; false if one is blocked in the kernel: then nothing is freed. */
bool dmabuf_io_stop(struct dmabuf_io *io);

/*
 * Queues an access to @size bytes at @offset of a dma-buf, which must stay as it is
 * until @done. @data, copied, is what to write; NULL: read. @uid is who exported it.
 * Below, @done is not called: -EAGAIN the exporter's buffers keep too many waiting, or
 * there is no thread; -ENOMEM.
 */
int dmabuf_io_submit(struct dmabuf_io *io, uid_t uid, const struct buffer *buffer,
		     off_t offset, size_t size, const void *data, dmabuf_io_done *done,
		     void *context);

#endif
