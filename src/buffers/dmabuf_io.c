/* SPDX-License-Identifier: MIT */
#include "buffers/dmabuf_io.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util.h"

#define READY_TIMEOUT_MS 2000
#define THREADS_PER_UID  2
#define STOP_TIMEOUT_S   5

struct dmabuf_io_request {
	struct dmabuf_io_request *next;
	uid_t uid;
	const struct buffer *buffer; /* borrowed */
	int fd;                      /* of the buffer, while it is performed */
	off_t offset;
	size_t size;
	bool write;
	dmabuf_io_done *done;
	void *context;
	bool running; /* protected by io->lock */
	char bytes[];
};

/* ---- one access -------------------------------------------------------------------- */

static int dmabuf_io_wait_ready(const struct dmabuf_io_request *request)
{
	/* POLLIN waits for devices that write, POLLOUT for all. */
	struct pollfd fd = {request->fd, request->write ? POLLOUT : POLLIN, 0};
	int n = poll(&fd, 1, READY_TIMEOUT_MS);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int dmabuf_io_sync_access(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags};
	int r;

	do {
		r = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

/* Lets the kernel copy, which survives a mapping without memory behind it. */
static int dmabuf_io_copy_by_kernel(int scratch, void *to, const void *from, size_t size)
{
	if (pwrite(scratch, from, size, 0) != (ssize_t)size)
		return -EFAULT;
	return pread(scratch, to, size, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static int dmabuf_io_copy_synced(const struct dmabuf_io_request *request, int scratch,
				 char *mapped)
{
	uint64_t direction = request->write ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
	char *bytes = (char *)request->bytes;
	int r = dmabuf_io_sync_access(request->fd, DMA_BUF_SYNC_START | direction);

	if (r < 0)
		return r;
	r = dmabuf_io_copy_by_kernel(scratch, request->write ? mapped : bytes,
				     request->write ? bytes : mapped, request->size);
	dmabuf_io_sync_access(request->fd, DMA_BUF_SYNC_END | direction);
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

/* A write(2) of a memfd waits for its inode, which its holders can keep locked. */
static ssize_t dmabuf_io_perform_memfd(struct dmabuf_io_request *request)
{
	ssize_t n;

	if (request->write)
		n = pwrite(request->fd, request->bytes, request->size, request->offset);
	else
		n = pread(request->fd, request->bytes, request->size, request->offset);
	return n < 0 ? -errno : n;
}

static ssize_t dmabuf_io_perform_dmabuf(struct dmabuf_io_request *request, int scratch)
{
	int prot = request->write ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t offset = (size_t)request->offset, end;
	char *mapped;
	int r;

	if (!dmabuf_io_clamp(request))
		return request->write ? -ENOSPC : 0;
	r = dmabuf_io_wait_ready(request);
	if (r < 0)
		return r;
	/* From the beginning: some drivers ignore the offset of a mapping (vgem does). */
	end = offset + request->size;
	mapped = mmap(NULL, end, prot, MAP_SHARED, request->fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	r = dmabuf_io_copy_synced(request, scratch, mapped + offset);
	munmap(mapped, end);
	return r < 0 ? r : (ssize_t)request->size;
}

static ssize_t dmabuf_io_perform(struct dmabuf_io_request *request, int scratch)
{
	ssize_t result;

	request->fd = buffer_borrow(request->buffer);
	if (request->fd < 0)
		return request->fd;
	if (request->buffer->kind == DMABUFFS_KIND_MEMFD)
		result = dmabuf_io_perform_memfd(request);
	else
		result = dmabuf_io_perform_dmabuf(request, scratch);
	buffer_return(request->buffer, request->fd);
	return result;
}

/* ---- the queue --------------------------------------------------------------------- */

static unsigned dmabuf_io_n_running(const struct dmabuf_io *io, uid_t uid)
{
	const struct dmabuf_io_request *request;
	unsigned n = 0;

	for (request = io->first; request; request = request->next)
		n += request->running && request->uid == uid;
	return n;
}

/* The first request that waits and whose exporter does not have his threads already. */
static struct dmabuf_io_request *dmabuf_io_next_request(const struct dmabuf_io *io)
{
	struct dmabuf_io_request *request;

	for (request = io->first; request; request = request->next)
		if (!request->running &&
		    dmabuf_io_n_running(io, request->uid) < THREADS_PER_UID)
			return request;
	return NULL;
}

static void dmabuf_io_unlink_request(struct dmabuf_io *io,
				     struct dmabuf_io_request *request)
{
	struct dmabuf_io_request **link = &io->first;

	while (*link != request)
		link = &(*link)->next;
	*link = request->next;
	if (io->last == &request->next)
		io->last = link;
}

static void dmabuf_io_run_request(struct dmabuf_io *io, struct dmabuf_io_request *request,
				  int scratch)
{
	ssize_t result = -ENOTCONN;
	bool stop = io->stop;

	request->running = true;
	pthread_mutex_unlock(&io->lock);
	if (!stop)
		result = dmabuf_io_perform(request, scratch);
	request->done(request->context, result, request->bytes);
	pthread_mutex_lock(&io->lock);
	dmabuf_io_unlink_request(io, request);
	/* Another of the same exporter may have waited for this one. */
	pthread_cond_signal(&io->wake);
	limits_uncharge(io->limits, request->uid, RES_IO, 1);
	free(request);
}

static void *dmabuf_io_run(void *arg)
{
	struct dmabuf_io *io = arg;
	_cleanup_close_ int scratch = memfd_create("dmabuffsd-io", MFD_CLOEXEC);

	pthread_mutex_lock(&io->lock);
	for (;;) {
		struct dmabuf_io_request *request = dmabuf_io_next_request(io);

		if (request)
			dmabuf_io_run_request(io, request, scratch);
		else if (io->stop)
			break;
		else
			pthread_cond_wait(&io->wake, &io->lock);
	}
	pthread_mutex_unlock(&io->lock);
	return NULL;
}

int dmabuf_io_start(struct dmabuf_io *io, struct limits *limits)
{
	*io = (struct dmabuf_io){.limits = limits};
	io->last = &io->first;
	pthread_mutex_init(&io->lock, NULL);
	pthread_cond_init(&io->wake, NULL);
	for (unsigned i = 0; i < DMABUF_IO_THREADS; i++) {
		int r = pthread_create(&io->threads[i], NULL, dmabuf_io_run, io);

		if (r) {
			dmabuf_io_stop(io);
			return -r;
		}
		io->n_threads++;
	}
	return 0;
}

bool dmabuf_io_stop(struct dmabuf_io *io)
{
	struct timespec deadline;

	pthread_mutex_lock(&io->lock);
	io->stop = true;
	pthread_cond_broadcast(&io->wake);
	pthread_mutex_unlock(&io->lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	for (unsigned i = 0; i < io->n_threads; i++)
		if (pthread_timedjoin_np(io->threads[i], NULL, &deadline))
			return false;
	pthread_cond_destroy(&io->wake);
	pthread_mutex_destroy(&io->lock);
	return true;
}

int dmabuf_io_submit(struct dmabuf_io *io, uid_t uid, const struct buffer *buffer,
		     off_t offset, size_t size, const void *data, dmabuf_io_done *done,
		     void *context)
{
	struct dmabuf_io_request *request;
	int r = limits_charge(io->limits, uid, RES_IO, 1);

	if (r < 0)
		return r == -ENOMEM ? r : -EAGAIN;
	request = malloc(sizeof(*request) + size);
	if (!request) {
		limits_uncharge(io->limits, uid, RES_IO, 1);
		return -ENOMEM;
	}
	*request = (struct dmabuf_io_request){
		.uid = uid,
		.buffer = buffer,
		.offset = offset,
		.size = size,
		.write = data != NULL,
		.done = done,
		.context = context,
	};
	if (data)
		memcpy(request->bytes, data, size);
	pthread_mutex_lock(&io->lock);
	*io->last = request;
	io->last = &request->next;
	pthread_cond_signal(&io->wake);
	pthread_mutex_unlock(&io->lock);
	return 0;
}
