/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "context.h"
#include "device.h"
#include "dmabuf.h"
#include "lease.h"
#include "lingering.h"
#include "registry.h"
#include "util.h"

#define PAGE UINT64_C(4096)
/* How long who finds no room waits for what is being freed. */
#define ROOM_MS 100

static struct accel_buffer *buffer_of(struct accel_base *base)
{
	return (struct accel_buffer *)base;
}

/* ---- life -------------------------------------------------------------------------- */

static bool buffer_is_imported(const struct accel_buffer *buffer)
{
	return buffer->flags & ACCEL_BUFFER_IMPORTED;
}

static int buffer_charge_bytes(struct accel_buffer *buffer)
{
	enum accel_resource resource =
		buffer_is_imported(buffer) ? ACCEL_RES_PINNED : ACCEL_RES_MEMORY;
	int r = accel_payer_charge(buffer->payer, resource, buffer->bytes);

	if (r < 0 || buffer_is_imported(buffer))
		return r;
	r = accel_device_take_memory(buffer->device, buffer->bytes);
	if (r < 0)
		accel_payer_uncharge(buffer->payer, ACCEL_RES_MEMORY, buffer->bytes);
	return r;
}

static int buffer_charge(struct accel_buffer *buffer)
{
	int r = accel_payer_charge(buffer->payer, ACCEL_RES_FILES, 1);

	if (r < 0)
		return r;
	r = buffer_charge_bytes(buffer);
	if (r < 0)
		accel_payer_uncharge(buffer->payer, ACCEL_RES_FILES, 1);
	return r;
}

static void buffer_uncharge(struct accel_buffer *buffer)
{
	if (buffer_is_imported(buffer)) {
		accel_payer_uncharge(buffer->payer, ACCEL_RES_PINNED, buffer->bytes);
	} else {
		accel_device_give_memory(buffer->device, buffer->bytes);
		accel_payer_uncharge(buffer->payer, ACCEL_RES_MEMORY, buffer->bytes);
	}
	accel_payer_uncharge(buffer->payer, ACCEL_RES_FILES, 1);
}

static void buffer_destroy(struct accel_buffer *buffer)
{
	close(buffer->fd);
	accel_payer_unref(buffer->payer);
	free(buffer);
}

void accel_buffer_unmap(struct accel_buffer *buffer)
{
	if (buffer->memory)
		munmap(buffer->memory, buffer->bytes);
	buffer->memory = NULL;
}

static void buffer_reap(struct accel_reap *reap)
{
	struct accel_buffer *buffer = container_of(reap, struct accel_buffer, reap);

	accel_buffer_unmap(buffer);
	/* Imports are charged for the addresses that they take here. */
	if (buffer_is_imported(buffer))
		buffer_uncharge(buffer);
	buffer_destroy(buffer);
}

static void buffer_reap_lingering(struct accel_reap *reap)
{
	struct accel_buffer *buffer = container_of(reap, struct accel_buffer, reap);

	accel_buffer_unmap(buffer);
	accel_lingering_add(buffer->device, buffer);
}

void accel_buffer_release(struct accel_buffer *buffer)
{
	buffer_uncharge(buffer);
	buffer->reap.free = buffer_reap;
	buffer->reap.bytes = buffer->bytes;
	accel_reaper_add(&buffer->device->registry->reaper, &buffer->reap);
}

/* Device memory that importers have. No id is left, so nobody can get it any more. */
static bool buffer_is_held(const struct accel_buffer *buffer)
{
	return !buffer_is_imported(buffer) && !buffer->revoked &&
	       lease_held(buffer->fd) != 0;
}

static void buffer_free(struct accel_base *base)
{
	struct accel_buffer *buffer = buffer_of(base);
	bool held = buffer_is_held(buffer);

	if (!held && !buffer_is_imported(buffer))
		buffer_uncharge(buffer);
	buffer->reap.free = held ? buffer_reap_lingering : buffer_reap;
	buffer->reap.bytes = buffer_is_imported(buffer) || held ? 0 : buffer->bytes;
	accel_reaper_add(&buffer->device->registry->reaper, &buffer->reap);
}

static const struct accel_base_ops buffer_ops = {
	.type = ACCEL_TYPE_BUFFER,
	.free = buffer_free,
};

static int buffer_map_memory(struct accel_buffer *buffer)
{
	int prot = buffer->access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;

	buffer->memory = mmap(NULL, buffer->bytes, prot, MAP_SHARED, buffer->fd, 0);
	return buffer->memory == MAP_FAILED ? -errno : 0;
}

/* Charged for what @like says, without memory yet. */
static int buffer_try_make(struct accel_context *context, const struct accel_buffer *like,
			   struct accel_buffer **ret_buffer)
{
	struct accel_buffer *buffer = calloc(1, sizeof(*buffer));
	int r;

	if (!buffer)
		return -ENOMEM;
	*buffer = *like;
	accel_base_init(&buffer->base, &buffer_ops);
	buffer->device = context->device;
	buffer->payer = context->payer;
	r = buffer_charge(buffer);
	if (r < 0) {
		free(buffer);
		return r;
	}
	accel_payer_ref(buffer->payer);
	*ret_buffer = buffer;
	return 0;
}

/* What is wanting may be had by others no longer. */
static int buffer_make(struct accel_context *context, const struct accel_buffer *like,
		       struct accel_buffer **ret_buffer)
{
	int r = buffer_try_make(context, like, ret_buffer);

	if (r != -ENOSPC && r != -EDQUOT)
		return r;
	accel_reaper_flush(&context->device->registry->reaper, ROOM_MS);
	return buffer_try_make(context, like, ret_buffer);
}

/* Undoes buffer_make(). */
static void buffer_unmake(struct accel_buffer *buffer)
{
	buffer_uncharge(buffer);
	accel_payer_unref(buffer->payer);
	free(buffer);
}

/* ---- device memory ----------------------------------------------------------------- */

/*
 * Everybody has an open file description of his own, so that the kernel can tell when it
 * is gone; we as well, since the one that memfd_create(2) makes is never counted. In a
 * container without /proc all have the one there is: what others hold is not seen then.
 */
static int buffer_open_anew(int memfd, int access)
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
		fcntl(fd, F_SETFL, 0); /* lease_open()'s O_NONBLOCK is not for them */
	return fd;
}

static int buffer_get_memory(struct accel_buffer *buffer)
{
	struct accel_device *device = buffer->device;
	_cleanup_close_ int memfd = device->backend->memory_alloc(
		device->private, buffer->bytes, buffer->flags & ACCEL_BUFFER_PINNED);
	int r;

	if (memfd < 0)
		return TAKE_FD(memfd);
	buffer->fd = buffer_open_anew(memfd, O_RDWR);
	if (buffer->fd < 0)
		return buffer->fd;
	r = buffer_map_memory(buffer);
	if (r < 0)
		close(buffer->fd);
	return r;
}

static int buffer_check_alloc(const struct accel_context *context,
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
	int r = buffer_check_alloc(context, arg);

	if (r == 0)
		r = buffer_make(context, &like, &buffer);
	if (r < 0)
		return r;
	r = buffer_get_memory(buffer);
	if (r < 0) {
		buffer_unmake(buffer);
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

/* ---- imported memory --------------------------------------------------------------- */

static int buffer_identify_memfd(int fd, int seals, struct accel_buffer *buffer)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	buffer->bytes = ((uint64_t)st.st_size + PAGE - 1) & ~(PAGE - 1);
	if (seals & F_SEAL_SHRINK)
		buffer->flags |= ACCEL_BUFFER_PINNED;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		buffer->access = O_RDONLY;
	return 0;
}

static int buffer_identify_dmabuf(int fd, struct accel_buffer *buffer)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return -errno;
	buffer->bytes = ((uint64_t)size + PAGE - 1) & ~(PAGE - 1);
	buffer->flags |= ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_PINNED;
	return 0;
}

/* What it answers is the file system's affair: the caller trusts that. */
static int buffer_identify_file(int fd, struct accel_buffer *buffer)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADFD;
	buffer->bytes = ((uint64_t)st.st_size + PAGE - 1) & ~(PAGE - 1);
	buffer->flags |= ACCEL_BUFFER_FILE;
	return 0;
}

static int buffer_identify_other(int fd, bool any_file, struct accel_buffer *buffer)
{
	if (dmabuf_is(fd))
		return buffer_identify_dmabuf(fd, buffer);
	return any_file ? buffer_identify_file(fd, buffer) : -EBADFD;
}

static int buffer_identify_fd(int fd, bool any_file, struct accel_buffer *buffer)
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
	r = seals >= 0 ? buffer_identify_memfd(fd, seals, buffer)
		       : buffer_identify_other(fd, any_file, buffer);
	if (r == 0 && !buffer->bytes)
		r = -EINVAL;
	return r;
}

static int buffer_import_fd(struct accel_context *context, int fd, bool any_file,
			    uint32_t *ret_id)
{
	struct accel_buffer like, *buffer;
	int r = buffer_identify_fd(fd, any_file, &like);

	if (r == 0)
		r = buffer_make(context, &like, &buffer);
	if (r < 0)
		return r;
	r = buffer_map_memory(buffer);
	if (r < 0) {
		buffer_unmake(buffer);
		return r;
	}
	r = accel_context_add(context, &buffer->base, 0, ret_id);
	if (r < 0) {
		/* The descriptor stays the caller's. */
		munmap(buffer->memory, buffer->bytes);
		buffer_unmake(buffer);
	}
	return r;
}

int accel_buffer_import(struct accel_context *context, int fd, uint32_t *ret_id)
{
	return buffer_import_fd(context, fd, false, ret_id);
}

int accel_buffer_import_file(struct accel_context *context, int fd, uint32_t *ret_id)
{
	return buffer_import_fd(context, fd, true, ret_id);
}

/* ---- use --------------------------------------------------------------------------- */

uint64_t accel_buffer_size(const struct accel_buffer *buffer)
{
	struct stat st;

	if (buffer->revoked)
		return 0;
	/* Whether a file was truncated is found out by touching it, without its server.
	 */
	if (buffer->flags & (ACCEL_BUFFER_PINNED | ACCEL_BUFFER_FILE))
		return buffer->bytes;
	if (fstat(buffer->fd, &st) < 0)
		return 0;
	/* What grew after the import is not mapped here. */
	return MIN(((uint64_t)st.st_size + PAGE - 1) & ~(PAGE - 1), buffer->bytes);
}

int accel_buffer_truncate(struct accel_buffer *buffer)
{
	if (buffer->flags & ACCEL_BUFFER_PINNED)
		return -EBUSY;
	/* Known before, so that whoever loses the memory can tell why. */
	buffer->revoked = true;
	if (ftruncate(buffer->fd, 0) == 0)
		return 0;
	buffer->revoked = false;
	return -errno;
}

static void buffer_sync_dmabuf(const struct accel_buffer *buffer, uint64_t flags,
			       bool write)
{
	struct dma_buf_sync sync = {
		.flags = flags | (write ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ),
	};

	if (!(buffer->flags & ACCEL_BUFFER_DMABUF))
		return;
	while (ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0 &&
	       (errno == EINTR || errno == EAGAIN))
		;
}

void accel_buffer_begin(struct accel_buffer *buffer, bool write)
{
	buffer_sync_dmabuf(buffer, DMA_BUF_SYNC_START, write);
}

void accel_buffer_end(struct accel_buffer *buffer, bool write)
{
	buffer_sync_dmabuf(buffer, DMA_BUF_SYNC_END, write);
}

/* ---- calls ------------------------------------------------------------------------- */

static int buffer_open_buffer(const struct accel_buffer *buffer, int access)
{
	int fd;

	if (buffer->revoked)
		return -ESTALE;
	if (access == O_RDWR && buffer->access != O_RDWR)
		return -EACCES;
	if (!(buffer->flags & (ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_FILE)))
		return buffer_open_anew(buffer->fd, access);
	if (access != buffer->access) /* such a buffer has one description only */
		return -EACCES;
	fd = fcntl(buffer->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static bool buffer_has_buffer(struct accel_context *context, uint32_t id)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_BUFFER, id);

	accel_base_unref(base);
	return base;
}

int accel_buffer_open(struct accel_context *context, uint32_t id, int access, int *ret_fd)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_BUFFER, id);
	int fd;

	if (!base)
		return -ENOENT;
	fd = access == O_RDWR || access == O_RDONLY
		     ? buffer_open_buffer(buffer_of(base), access)
		     : -EINVAL;
	/* Freed meanwhile: nobody may have it whom accel_ownership_drop() did not see. */
	if (fd >= 0 && !buffer_has_buffer(context, id)) {
		close(fd);
		fd = -ENOENT;
	}
	accel_base_unref(base);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int accel_buffer_free(struct accel_context *context, struct accel_object *arg)
{
	struct accel_base *base;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	base = accel_context_take(context, ACCEL_TYPE_BUFFER, arg->id);
	if (!base)
		return -ENOENT;
	accel_ownership_drop(context->device, buffer_of(base));
	accel_base_unref(base);
	return 0;
}

static int buffer_revoke_buffer(struct accel_context *context,
				struct accel_buffer *buffer, uint32_t id)
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
	struct accel_base *base;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	base = accel_context_get(context, ACCEL_TYPE_BUFFER, arg->id);
	if (!base)
		return -ENOENT;
	r = buffer_revoke_buffer(context, buffer_of(base), arg->id);
	accel_base_unref(base);
	return r;
}

static void buffer_fill_info(const struct accel_buffer *buffer,
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
	struct accel_base *base;
	int r = accel_check_flags(arg->flags, 0);

	if (r < 0)
		return r;
	base = accel_context_get(context, ACCEL_TYPE_BUFFER, arg->id);
	if (!base)
		return -ENOENT;
	buffer_fill_info(buffer_of(base), arg);
	accel_base_unref(base);
	return 0;
}
