/* SPDX-License-Identifier: MIT */
/* buffer_import.c - buffers of imported memory: a memfd, a dma-buf or a file */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "dmabuf.h"

static int buffer_import_memfd(int fd, int seals, struct accel_buffer *buffer)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	buffer->bytes = accel_buffer_round_up((uint64_t)st.st_size);
	if (seals & F_SEAL_SHRINK)
		buffer->flags |= ACCEL_BUFFER_PINNED;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		buffer->access = O_RDONLY;
	return 0;
}

static int buffer_import_dmabuf(int fd, struct accel_buffer *buffer)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return -errno;
	buffer->bytes = accel_buffer_round_up((uint64_t)size);
	buffer->flags |= ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_PINNED;
	return 0;
}

/* The caller trusts what the file system says. */
static int buffer_import_file(int fd, struct accel_buffer *buffer)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADFD;
	buffer->bytes = accel_buffer_round_up((uint64_t)st.st_size);
	buffer->flags |= ACCEL_BUFFER_FILE;
	return 0;
}

static int buffer_import_other(int fd, bool any_file, struct accel_buffer *buffer)
{
	if (dmabuf_is(fd))
		return buffer_import_dmabuf(fd, buffer);
	return any_file ? buffer_import_file(fd, buffer) : -EBADFD;
}

static int buffer_import_fd(int fd, bool any_file, struct accel_buffer *buffer)
{
	int flags = fcntl(fd, F_GETFL);
	int seals, r;

	if (flags < 0)
		return -errno;
	if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	*buffer = (struct accel_buffer){
		.fd = fd,
		.access = flags & O_ACCMODE,
		.flags = ACCEL_BUFFER_IMPORTED,
	};
	seals = fcntl(fd, F_GET_SEALS);
	r = seals >= 0 ? buffer_import_memfd(fd, seals, buffer)
		       : buffer_import_other(fd, any_file, buffer);
	if (r == 0 && !buffer->bytes)
		r = -EINVAL;
	return r;
}

static int buffer_import_any(struct accel_context *context, int fd, bool any_file,
			     uint32_t *ret_id)
{
	struct accel_buffer like, *buffer;
	int r = buffer_import_fd(fd, any_file, &like);

	if (r == 0)
		r = accel_buffer_make(context->device, context->payer, &like, &buffer);
	if (r < 0)
		return r;
	r = accel_buffer_map(buffer);
	if (r < 0) {
		accel_buffer_unmake(buffer);
		return r;
	}
	r = accel_buffer_make_record(buffer);
	if (r == 0)
		r = accel_context_add(context, &buffer->base, 0, ret_id);
	if (r < 0) {
		/* The descriptor stays the caller's. */
		accel_buffer_unmap(buffer);
		accel_buffer_unmake(buffer);
	}
	return r;
}

int accel_buffer_import(struct accel_context *context, int fd, uint32_t *ret_id)
{
	return buffer_import_any(context, fd, false, ret_id);
}

int accel_buffer_import_file(struct accel_context *context, int fd, uint32_t *ret_id)
{
	return buffer_import_any(context, fd, true, ret_id);
}
