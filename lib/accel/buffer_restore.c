/* SPDX-License-Identifier: MIT */
/* buffer_restore.c - a buffer of a predecessor */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "buffer.h"
#include "device.h"
#include "dmabuf.h"
#include "ownership.h"
#include "records.h"

#define BUFFER_MAX_BYTES (UINT64_C(1) << 47)

static int buffer_restore_check_fields(const struct accel_record *record)
{
	uint32_t known = ACCEL_BUFFER_PINNED | ACCEL_BUFFER_IMPORTED |
			 ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_FILE;
	uint32_t access = record->buffer.access;
	uint64_t bytes = record->buffer.bytes;

	if (record->buffer.flags & ~known || (access != O_RDONLY && access != O_RDWR) ||
	    !bytes || bytes % ACCEL_PAGE || bytes > BUFFER_MAX_BYTES)
		return -EINVAL;
	return 0;
}

/* Memory of the device is what it was made as, or was revoked. */
static int buffer_restore_check_memory(const struct accel_record *record, int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_GROW) || fstat(fd, &st) < 0)
		return -EBADFD;
	if ((uint64_t)st.st_size == record->buffer.bytes)
		return 0;
	return st.st_size || record->buffer.flags & ACCEL_BUFFER_PINNED ? -EBADFD : 0;
}

static int buffer_restore_check_file(const struct accel_record *record, int fd)
{
	uint32_t flags = record->buffer.flags;
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0 || mode & O_PATH || (mode & O_ACCMODE) == O_WRONLY)
		return -EBADFD;
	if (record->buffer.access == O_RDWR && (mode & O_ACCMODE) != O_RDWR)
		return -EBADFD;
	if (!(flags & ACCEL_BUFFER_IMPORTED))
		return buffer_restore_check_memory(record, fd);
	if (flags & ACCEL_BUFFER_DMABUF)
		return dmabuf_is(fd) ? 0 : -EBADFD;
	return flags & ACCEL_BUFFER_FILE || fcntl(fd, F_GET_SEALS) >= 0 ? 0 : -EBADFD;
}

static bool buffer_restore_was_revoked(const struct accel_buffer *buffer)
{
	struct stat st;

	return !(buffer->flags & ACCEL_BUFFER_IMPORTED) && fstat(buffer->fd, &st) == 0 &&
	       !st.st_size;
}

static int buffer_restore_make(struct accel_payer *payer,
			       const struct accel_record *record, int fd,
			       struct accel_buffer **ret_buffer)
{
	const struct accel_buffer like = {
		.fd = fd,
		.access = (int)record->buffer.access,
		.flags = record->buffer.flags,
		.bytes = record->buffer.bytes,
	};
	struct accel_buffer *buffer;
	int r = accel_buffer_make(payer->device, payer, &like, &buffer);

	if (r < 0)
		return r;
	r = accel_buffer_map(buffer);
	if (r < 0)
		accel_buffer_unmake(buffer);
	else
		*ret_buffer = buffer;
	return r;
}

int accel_buffer_restore(struct accel_payer *payer, struct accel_record *record, int fd,
			 struct accel_base **ret_buffer)
{
	struct accel_buffer *buffer;
	int r = buffer_restore_check_fields(record);

	if (r == 0)
		r = buffer_restore_check_file(record, fd);
	if (r == 0)
		r = buffer_restore_make(payer, record, fd, &buffer);
	if (r < 0)
		return r;
	buffer->revoked = buffer_restore_was_revoked(buffer);
	buffer->base.record = record;
	if (!(buffer->flags & ACCEL_BUFFER_IMPORTED))
		accel_ownership_add(payer->device, buffer);
	buffer->freed = !record->id;
	*ret_buffer = &buffer->base;
	return 0;
}
