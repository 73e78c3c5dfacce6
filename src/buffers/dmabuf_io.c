/* SPDX-License-Identifier: MIT */
#include "buffers/dmabuf_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "dmabuf.h"
#include "locked.h"
#include "util.h"

#define READY_TIMEOUT_MS 2000
#define THREADS_PER_UID  2
#define STOP_MS          5000

struct dmabuf_io_request {
	struct list job;
	uid_t uid;
	const struct buffer *buffer; /* borrowed */
	int fd;                      /* of the buffer, while it is performed */
	off_t offset;
	size_t size;
	enum dmabuf_io_op op;
	dmabuf_io_done *done;
	void *context;
	bool cancelled; /* the worker stops */
	char bytes[];
};

/* ---- one access -------------------------------------------------------------------- */

static bool dmabuf_io_writes(const struct dmabuf_io_request *request)
{
	return request->op == DMABUF_IO_WRITE || request->op == DMABUF_IO_APPEND;
}

static int dmabuf_io_wait_ready(const struct dmabuf_io_request *request)
{
	/* POLLIN waits for devices that write, POLLOUT for all. */
	struct pollfd fd = {request->fd, dmabuf_io_writes(request) ? POLLOUT : POLLIN, 0};
	int n = poll(&fd, 1, READY_TIMEOUT_MS);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* Lets the kernel copy, which survives a mapping without memory behind it. */
static int dmabuf_io_copy_by_kernel(void *to, const void *from, size_t size)
{
	_cleanup_close_ int scratch = memfd_create("dmabuffsd-io", MFD_CLOEXEC);

	if (scratch < 0)
		return -errno;
	if (pwrite(scratch, from, size, 0) != (ssize_t)size)
		return -EFAULT;
	return pread(scratch, to, size, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static int dmabuf_io_copy_synced(const struct dmabuf_io_request *request, char *mapped)
{
	bool writes = dmabuf_io_writes(request);
	uint64_t direction = writes ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
	char *bytes = (char *)request->bytes;
	int r = dmabuf_sync(request->fd, DMA_BUF_SYNC_START | direction);

	if (r < 0)
		return r;
	r = dmabuf_io_copy_by_kernel(writes ? mapped : bytes, writes ? bytes : mapped,
				     request->size);
	dmabuf_sync(request->fd, DMA_BUF_SYNC_END | direction);
	return r;
}

/* Cuts the request at the end of the buffer; false: nothing is left. */
static bool dmabuf_io_clamp(struct dmabuf_io_request *request)
{
	struct stat st;

	if (fstat(request->fd, &st) < 0 || request->offset >= st.st_size)
		return false;
	request->size = MIN(request->size, (size_t)(st.st_size - request->offset));
	return true;
}

static ssize_t dmabuf_io_append(struct dmabuf_io_request *request)
{
	const struct iovec bytes = {request->bytes, request->size};

	return pwritev2(request->fd, &bytes, 1, 0, RWF_APPEND);
}

/*
 * A write(2) or lseek(2) of a memfd waits for its inode, which its holders can keep
 * locked. Nobody uses the position of the service's description, which lseek(2) moves.
 */
static ssize_t dmabuf_io_perform_memfd(struct dmabuf_io_request *request)
{
	ssize_t n = -1;

	switch (request->op) {
	case DMABUF_IO_READ:
		n = pread(request->fd, request->bytes, request->size, request->offset);
		break;
	case DMABUF_IO_WRITE:
		n = pwrite(request->fd, request->bytes, request->size, request->offset);
		break;
	case DMABUF_IO_APPEND:
		n = dmabuf_io_append(request);
		break;
	case DMABUF_IO_SEEK_DATA:
		n = lseek(request->fd, request->offset, SEEK_DATA);
		break;
	case DMABUF_IO_SEEK_HOLE:
		n = lseek(request->fd, request->offset, SEEK_HOLE);
		break;
	}
	return n < 0 ? -errno : n;
}

static ssize_t dmabuf_io_perform_dmabuf(struct dmabuf_io_request *request)
{
	int prot = dmabuf_io_writes(request) ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t offset = (size_t)request->offset, end;
	char *mapped;
	int r;

	if (!dmabuf_io_clamp(request))
		return dmabuf_io_writes(request) ? -ENOSPC : 0;
	r = dmabuf_io_wait_ready(request);
	if (r < 0)
		return r;
	/* From the beginning: some drivers ignore the offset of a mapping (vgem does). */
	end = offset + request->size;
	mapped = mmap(NULL, end, prot, MAP_SHARED, request->fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	r = dmabuf_io_copy_synced(request, mapped + offset);
	munmap(mapped, end);
	return r < 0 ? r : (ssize_t)request->size;
}

static ssize_t dmabuf_io_perform(struct dmabuf_io_request *request)
{
	struct closing *closing;
	ssize_t result;

	request->fd = buffer_borrow(request->buffer, &closing);
	if (request->fd < 0)
		return request->fd;
	if (request->buffer->kind == DMABUFFS_KIND_MEMFD)
		result = dmabuf_io_perform_memfd(request);
	else
		result = dmabuf_io_perform_dmabuf(request);
	buffer_return(request->buffer, request->fd, closing);
	return result;
}

/* ---- the queue --------------------------------------------------------------------- */

static void dmabuf_io_run(struct worker *worker, struct list *job)
{
	struct dmabuf_io_request *request =
		container_of(job, struct dmabuf_io_request, job);
	ssize_t result = request->cancelled ? -ENOTCONN : dmabuf_io_perform(request);

	request->done(request->context, result,
		      dmabuf_io_writes(request) ? NULL : request->bytes);
}

static void dmabuf_io_done_locked(struct worker *worker, struct list *job)
{
	struct dmabuf_io *io = container_of(worker, struct dmabuf_io, worker);
	struct dmabuf_io_request *request =
		container_of(job, struct dmabuf_io_request, job);

	ASSERT_LOCKED(&worker->lock);
	list_remove(job);
	limits_uncharge(io->limits, request->uid, RES_IO, 1);
	free(request);
}

static bool dmabuf_io_may_run_locked(struct dmabuf_io *io, uid_t uid)
{
	const struct dmabuf_io_request *request;
	unsigned n = 0;

	ASSERT_LOCKED(&io->worker.lock);
	list_for_each(request, &io->running, job)
		n += request->uid == uid;
	return n < THREADS_PER_UID;
}

/* The first request whose exporter does not occupy its share of threads already. */
static struct list *dmabuf_io_pick_locked(struct worker *worker)
{
	struct dmabuf_io *io = container_of(worker, struct dmabuf_io, worker);
	struct dmabuf_io_request *request;

	ASSERT_LOCKED(&worker->lock);
	list_for_each(request, &worker->queue, job)
		if (dmabuf_io_may_run_locked(io, request->uid))
			break;
	if (!request)
		return NULL;
	request->cancelled = worker->stop;
	list_remove(&request->job);
	list_add_tail(&io->running, &request->job);
	return &request->job;
}

static const struct worker_type dmabuf_io_type = {
	.run = dmabuf_io_run,
	.pick_locked = dmabuf_io_pick_locked,
	.done_locked = dmabuf_io_done_locked,
	.max_threads = WORKER_MAX_THREADS,
};

void dmabuf_io_init(struct dmabuf_io *io, struct limits *limits)
{
	io->limits = limits;
	list_init(&io->running);
	worker_init(&io->worker, &dmabuf_io_type);
}

bool dmabuf_io_stop(struct dmabuf_io *io)
{
	return worker_stop(&io->worker, STOP_MS);
}

int dmabuf_io_submit(struct dmabuf_io *io, uid_t uid, const struct buffer *buffer,
		     const struct dmabuf_io_access *access, dmabuf_io_done *done,
		     void *context)
{
	struct dmabuf_io_request *request;
	int r = limits_charge(io->limits, uid, RES_IO, 1);

	if (r < 0)
		return r == -ENOMEM ? r : -EAGAIN;
	request = malloc(sizeof(*request) + access->size);
	if (!request) {
		limits_uncharge(io->limits, uid, RES_IO, 1);
		return -ENOMEM;
	}
	*request = (struct dmabuf_io_request){
		.uid = uid,
		.buffer = buffer,
		.offset = access->offset,
		.size = access->size,
		.op = access->op,
		.done = done,
		.context = context,
	};
	if (access->data)
		memcpy(request->bytes, access->data, access->size);
	r = worker_add(&io->worker, &request->job);
	if (r < 0) {
		free(request);
		limits_uncharge(io->limits, uid, RES_IO, 1);
	}
	return r;
}
