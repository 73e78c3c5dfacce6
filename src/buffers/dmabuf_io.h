/* SPDX-License-Identifier: MIT */
/*
 * dmabuf_io.h - read(2), write(2) and lseek(2) of a buffer through its name
 *
 * Those of a memfd wait for its inode's lock, which its holders can keep for long.
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

enum dmabuf_io_op {
	DMABUF_IO_READ,
	DMABUF_IO_WRITE,
	DMABUF_IO_APPEND,    /* a write at the end of a memfd, wherever that is by then */
	DMABUF_IO_SEEK_DATA, /* of a memfd; the result is the offset found */
	DMABUF_IO_SEEK_HOLE,
};

struct dmabuf_io_access {
	enum dmabuf_io_op op;
	off_t offset;
	size_t size;
	const void *data; /* borrowed: what to write */
};

/*
 * Queues an access, which is copied, to a buffer, which must stay as it is until @done.
 * @uid is who exported it. Below, @done is not called: -EAGAIN the exporter's buffers
 * keep too many waiting, or there is no thread; -ENOMEM.
 */
int dmabuf_io_submit(struct dmabuf_io *io, uid_t uid, const struct buffer *buffer,
		     const struct dmabuf_io_access *access, dmabuf_io_done *done,
		     void *context);

#endif
