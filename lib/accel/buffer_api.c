/* SPDX-License-Identifier: MIT */
/* buffer_api.c - device memory, and the calls on buffers of a context */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "device.h"
#include "info.h"
#include "lease.h"
#include "ownership.h"
#include "util.h"

/* ---- device memory ----------------------------------------------------------------- */

/*
 * Each holder has an open file description of its own, so that the kernel can report when
 * they are gone (lease.h); so has the core, since the one of memfd_create(2) is never
 * counted. In a container without /proc there is only that one, and holders are not
 * noticed.
 */
static int buffer_api_open_anew(int memfd, int access)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = lease_open(AT_FDCWD, path, access);
	if (fd == -ENOENT && access == O_RDWR) {
		fd = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (fd >= 0)
		fcntl(fd, F_SETFL, 0); /* clears O_NONBLOCK of lease_open() */
	return fd;
}

static int buffer_api_get_memory(struct accel_buffer *buffer)
{
	struct accel_device *device = buffer->device;
	_cleanup_close_ int memfd = device->backend->memory_alloc(
		device->private, buffer->bytes, buffer->flags & ACCEL_BUFFER_PINNED);
	int r;

	if (memfd < 0)
		return TAKE_FD(memfd);
	buffer->fd = buffer_api_open_anew(memfd, O_RDWR);
	if (buffer->fd < 0)
		return buffer->fd;
	r = accel_buffer_map(buffer);
	if (r == 0) {
		r = accel_buffer_make_record(buffer);
		if (r < 0)
			accel_buffer_unmap(buffer);
	}
	if (r < 0)
		close(buffer->fd);
	return r;
}

static int buffer_api_check_alloc(const struct accel_context *context,
				  const struct accel_buffer_alloc *arg)
{
	int r = accel_check_flags(arg->flags, ACCEL_BUFFER_PINNED);

	if (r < 0)
		return r;
	if (arg->reserved || !arg->bytes ||
	    arg->bytes % context->device->properties.page_size)
		return -EINVAL;
	return 0;
}

int accel_buffer_alloc(struct accel_context *context, struct accel_buffer_alloc *arg)
{
	const struct accel_buffer like = {
		.fd = -1,
		.access = O_RDWR,
		.flags = arg->flags,
		.bytes = arg->bytes,
	};
	struct accel_buffer *buffer;
	int r = buffer_api_check_alloc(context, arg);

	if (r == 0)
		r = accel_buffer_make(context->device, context->payer, &like, &buffer);
	if (r < 0)
		return r;
	r = buffer_api_get_memory(buffer);
	if (r < 0) {
		accel_buffer_unmake(buffer);
		return r;
	}
	accel_ownership_add(context->device, buffer);
	r = accel_context_add(context, &buffer->base, 0, &arg->id);
	if (r < 0) {
		accel_ownership_drop(context->device, buffer);
		accel_base_unref(&buffer->base);
	}
	return r;
}

/* ---- calls ------------------------------------------------------------------------- */

static int buffer_api_open(const struct accel_buffer *buffer, int access)
{
	int fd;

	if (buffer->revoked)
		return -ESTALE;
	if (access == O_RDWR && buffer->access != O_RDWR)
		return -EACCES;
	if (!(buffer->flags & (ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_FILE)))
		return buffer_api_open_anew(buffer->fd, access);
	if (access != buffer->access) /* such a buffer has one description only */
		return -EACCES;
	fd = fcntl(buffer->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static bool buffer_api_exists(struct accel_context *context, uint32_t id)
{
	_cleanup_unref_ struct accel_base *base =
		accel_context_get(context, ACCEL_TYPE_BUFFER, id);

	return base;
}

int accel_buffer_open(struct accel_context *context, uint32_t id, int access, int *ret_fd)
{
	_cleanup_unref_ struct accel_base *base =
		accel_context_get(context, ACCEL_TYPE_BUFFER, id);
	_cleanup_close_ int fd = -1;

	if (!base)
		return -ENOENT;
	if (access != O_RDWR && access != O_RDONLY)
		return -EINVAL;
	fd = buffer_api_open(accel_buffer_of(base), access);
	if (fd < 0)
		return fd;
	/* Freed meanwhile: accel_ownership_drop() did not see this descriptor. */
	if (!buffer_api_exists(context, id))
		return -ENOENT;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int accel_buffer_free(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	base = accel_context_take(context, ACCEL_TYPE_BUFFER, arg->id);
	if (!base)
		return -ENOENT;
	accel_ownership_drop(context->device, accel_buffer_of(base));
	return 0;
}

static int buffer_api_revoke(struct accel_context *context, struct accel_buffer *buffer,
			     uint32_t id)
{
	const struct accel_event event = {.type = ACCEL_EVENT_REVOKED, .object = id};
	int r;

	if (buffer->flags & ACCEL_BUFFER_IMPORTED)
		return -EPERM;
	r = accel_buffer_truncate(buffer);
	if (r == 0)
		accel_events_post(&context->events, &event);
	return r;
}

int accel_buffer_revoke(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	base = accel_context_get(context, ACCEL_TYPE_BUFFER, arg->id);
	return base ? buffer_api_revoke(context, accel_buffer_of(base), arg->id)
		    : -ENOENT;
}

/* Of the first version of struct accel_buffer_info. */
#define INFO_MIN_SIZE 24

static void buffer_api_fill_info(const struct accel_buffer *buffer,
				 struct accel_buffer_info *info)
{
	uint64_t bytes = accel_buffer_size(buffer);

	info->flags = buffer->flags;
	if (buffer->access == O_RDONLY)
		info->flags |= ACCEL_BUFFER_READONLY;
	if (!bytes)
		info->flags |= ACCEL_BUFFER_REVOKED;
	info->mappings = buffer->mappings;
	info->bytes = bytes;
}

int accel_buffer_get_info(struct accel_context *context, struct accel_buffer_info *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	struct accel_buffer_info info;
	int r = accel_info_take(arg, INFO_MIN_SIZE, &info, sizeof(info));

	if (r < 0)
		return r;
	base = accel_context_get(context, ACCEL_TYPE_BUFFER, info.id);
	if (!base)
		return -ENOENT;
	buffer_api_fill_info(accel_buffer_of(base), &info);
	accel_info_give(&info, sizeof(info), arg);
	return 0;
}
