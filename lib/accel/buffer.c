/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "device.h"
#include "dmabuf.h"
#include "lease.h"
#include "records.h"
#include "services.h"
#include "util.h"

/* How long a call that finds no room waits for what is being freed: for its user, by all.
 */
#define USER_ROOM_MS 1000
#define ROOM_MS      100

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

/* A keeper can have a descriptor of the memory for a while; its pages are freed now. */
static void buffer_forget(const struct accel_buffer *buffer)
{
	if (buffer->base.record && !buffer_is_imported(buffer))
		(void)fallocate(buffer->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				(off_t)buffer->bytes);
}

static void buffer_reap(struct accel_reap *reap)
{
	struct accel_buffer *buffer = container_of(reap, struct accel_buffer, reap);

	accel_buffer_unmap(buffer);
	buffer_forget(buffer);
	/* An import is charged for the addresses that it takes in this process. */
	if (buffer_is_imported(buffer))
		buffer_uncharge(buffer);
	buffer_destroy(buffer);
}

/* No importer holds it any more, and it was unmapped before. */
static void buffer_release(struct accel_lingering_entry *entry)
{
	struct accel_buffer *buffer = container_of(entry, struct accel_buffer, lingering);

	accel_record_drop(buffer->device, buffer->base.record);
	buffer_uncharge(buffer);
	buffer->reap.free = buffer_reap;
	buffer->reap.user = buffer->payer->owner.user;
	buffer->reap.bytes = buffer->bytes;
	accel_reaper_add(&buffer->device->services->reaper, &buffer->reap);
}

static void buffer_reap_lingering(struct accel_reap *reap)
{
	struct accel_buffer *buffer = container_of(reap, struct accel_buffer, reap);

	accel_buffer_unmap(buffer);
	buffer->lingering.fd = buffer->fd;
	buffer->lingering.release = buffer_release;
	accel_lingering_add(&buffer->device->lingering, &buffer->lingering);
}

/* Device memory that importers hold. Without an id it can get no further ones. */
static bool buffer_is_held(const struct accel_buffer *buffer)
{
	return !buffer_is_imported(buffer) && !buffer->revoked &&
	       lease_held(buffer->fd) != 0;
}

static void buffer_free(struct accel_base *base)
{
	struct accel_buffer *buffer = accel_buffer_of(base);
	bool held = buffer_is_held(buffer);

	/* Before its bytes are another buffer's. */
	if (!held)
		accel_record_drop(buffer->device, buffer->base.record);
	if (!held && !buffer_is_imported(buffer))
		buffer_uncharge(buffer);
	buffer->reap.free = held ? buffer_reap_lingering : buffer_reap;
	buffer->reap.user = buffer->payer->owner.user;
	buffer->reap.bytes = buffer_is_imported(buffer) || held ? 0 : buffer->bytes;
	accel_reaper_add(&buffer->device->services->reaper, &buffer->reap);
}

static const struct accel_base_ops buffer_ops = {
	.type = ACCEL_TYPE_BUFFER,
	.free = buffer_free,
};

int accel_buffer_map(struct accel_buffer *buffer)
{
	int prot = buffer->access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;

	buffer->memory = mmap(NULL, buffer->bytes, prot, MAP_SHARED, buffer->fd, 0);
	return buffer->memory == MAP_FAILED ? -errno : 0;
}

static int buffer_try_make(struct accel_device *device, struct accel_payer *payer,
			   const struct accel_buffer *like,
			   struct accel_buffer **ret_buffer)
{
	struct accel_buffer *buffer = calloc(1, sizeof(*buffer));
	int r;

	if (!buffer)
		return -ENOMEM;
	*buffer = *like;
	accel_base_init(&buffer->base, &buffer_ops);
	buffer->device = device;
	buffer->payer = payer;
	r = buffer_charge(buffer);
	if (r < 0) {
		free(buffer);
		return r;
	}
	accel_payer_ref(payer);
	*ret_buffer = buffer;
	return 0;
}

int accel_buffer_make(struct accel_device *device, struct accel_payer *payer,
		      const struct accel_buffer *like, struct accel_buffer **ret_buffer)
{
	int r = buffer_try_make(device, payer, like, ret_buffer);

	if (r != -ENOSPC && r != -EDQUOT)
		return r;
	accel_reaper_make_room(&device->services->reaper, payer->owner.user, r == -ENOSPC,
			       r == -ENOSPC ? ROOM_MS : USER_ROOM_MS);
	return buffer_try_make(device, payer, like, ret_buffer);
}

void accel_buffer_unmake(struct accel_buffer *buffer)
{
	buffer_uncharge(buffer);
	accel_record_drop(buffer->device, buffer->base.record);
	accel_payer_unref(buffer->payer);
	free(buffer);
}

int accel_buffer_make_record(struct accel_buffer *buffer)
{
	struct accel_record *record;
	int r = accel_record_make(buffer->device, ACCEL_RECORD_BUFFER, &record);

	if (r < 0 || !record)
		return r;
	record->buffer.bytes = buffer->bytes;
	record->buffer.flags = buffer->flags;
	record->buffer.access = (uint32_t)buffer->access;
	r = accel_record_put_files(buffer->device, record, &buffer->fd, 1);
	if (r < 0)
		accel_record_drop(buffer->device, record);
	else
		buffer->base.record = record;
	return r;
}

/* ---- use --------------------------------------------------------------------------- */

uint64_t accel_buffer_size(const struct accel_buffer *buffer)
{
	struct stat st;

	if (buffer->revoked)
		return 0;
	/* The server of a file could return any size; an access finds out. */
	if (buffer->flags & (ACCEL_BUFFER_PINNED | ACCEL_BUFFER_FILE))
		return buffer->bytes;
	if (fstat(buffer->fd, &st) < 0)
		return 0;
	/* What it grew by after the import is not mapped here. */
	return MIN(accel_buffer_round_up((uint64_t)st.st_size), buffer->bytes);
}

int accel_buffer_truncate(struct accel_buffer *buffer)
{
	if (buffer->flags & ACCEL_BUFFER_PINNED)
		return -EBUSY;
	/* Set first, so that a fault in the lost memory is reported as such. */
	buffer->revoked = true;
	if (ftruncate(buffer->fd, 0) == 0)
		return 0;
	buffer->revoked = false;
	return -errno;
}

static void buffer_sync_dmabuf(const struct accel_buffer *buffer, uint64_t flags,
			       bool write)
{
	if (buffer->flags & ACCEL_BUFFER_DMABUF)
		(void)dmabuf_sync(buffer->fd,
				  flags | (write ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ));
}

void accel_buffer_begin(struct accel_buffer *buffer, bool write)
{
	buffer_sync_dmabuf(buffer, DMA_BUF_SYNC_START, write);
}

void accel_buffer_end(struct accel_buffer *buffer, bool write)
{
	buffer_sync_dmabuf(buffer, DMA_BUF_SYNC_END, write);
}
