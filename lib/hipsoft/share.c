/* SPDX-License-Identifier: MIT */
#include "share.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "context.h"
#include "area.h"

static _Atomic(hipipc_ended_fn) share_ended_hook;

void allocation_watch(hipipc_ended_fn ended)
{
	atomic_store(&share_ended_hook, ended);
}

void share_ended(const struct allocation *allocation)
{
	hipipc_ended_fn ended = atomic_load(&share_ended_hook);

	if (allocation->exported && ended)
		ended(allocation->id);
}

/* ---- export ------------------------------------------------------------------------ */

/*
 * A copy of the allocation, which says from now on that it is exported: so either the
 * one who frees it sees that, or we do not find it.
 */
static int share_mark_exported(const struct hipipc_allocation *wanted,
			       struct allocation *ret_allocation)
{
	struct area *area;
	int r = 0;

	table_lock();
	area = table_at(wanted->base);
	if (!area || area->allocation.id != wanted->id) {
		r = -ENOENT;
	} else if (area->allocation.imported) {
		r = -EOPNOTSUPP;
	} else {
		table_write_begin();
		area->allocation.exported = true;
		table_write_end();
		*ret_allocation = area->allocation;
	}
	table_unlock();
	return r;
}

int allocation_export(const struct hipipc_allocation *wanted,
		      struct hipipc_backing *ret_backing)
{
	struct allocation allocation;
	struct device *device;
	int r = share_mark_exported(wanted, &allocation), fd;

	if (r < 0)
		return r;
	/* Freed since: the buffer's id is not used again, -ENOENT. */
	device = allocation.device;
	r = RETRY_SETTLED(
		accel_buffer_open(device->context, allocation.buffer, O_RDWR, &fd));
	if (r == 0)
		*ret_backing = (struct hipipc_backing){fd, HIPIPC_KIND_MEMFD, 0};
	return r;
}

/* ---- import ------------------------------------------------------------------------ */

/*
 * Everything but a lack of something of ours is the fault of the descriptor; -ENODEV, a
 * name that cannot be mapped, is for libhipipc.
 */
static int share_blame(int r)
{
	switch (r) {
	case 0:
	case -ENODEV:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
	case -EDQUOT:
		return r;
	default:
		return -EBADMSG;
	}
}

/* libaccel takes descriptors over, and @fd stays the caller's. */
static int share_import_buffer(struct device *device, int fd, uint32_t *ret_buffer)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = own < 0 ? -errno : 0;

	if (r == 0)
		r = accel_buffer_import_file(device->context, own, ret_buffer);
	if (r < 0)
		close_keep_errno(own);
	return r;
}

/* The buffer is what the handle said, and has that range. */
static int share_inspect(struct area *area, const struct hipipc_backing *backing)
{
	const struct allocation *allocation = &area->allocation;
	struct accel_buffer_info info = {.size = sizeof(info), .id = allocation->buffer};
	int r = accel_buffer_get_info(allocation->device->context, &info);

	if (r < 0)
		return r;
	if ((backing->kind == HIPIPC_KIND_DMABUF) != !!(info.flags & ACCEL_BUFFER_DMABUF))
		return -EBADMSG;
	if (backing->offset > info.bytes ||
	    allocation->bytes > info.bytes - backing->offset)
		return -EBADMSG;
	area->offset = backing->offset;
	area->access = ACCEL_MAP_READ;
	if (!(info.flags & ACCEL_BUFFER_READONLY))
		area->access |= ACCEL_MAP_WRITE;
	return 0;
}

static int share_import_area(struct area *area, const struct hipipc_backing *backing,
			     uint64_t *ret_pointer)
{
	struct allocation *allocation = &area->allocation;
	int r;

	allocation->imported = true;
	r = RETRY_SETTLED(share_import_buffer(allocation->device, backing->fd,
					      &allocation->buffer));
	if (r == 0)
		r = share_inspect(area, backing);
	return r < 0 ? r : area_publish(area, ret_pointer);
}

int allocation_import(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer)
{
	struct area *area;
	int r;

	if ((backing->kind != HIPIPC_KIND_MEMFD && backing->kind != HIPIPC_KIND_DMABUF) ||
	    backing->offset % PAGE_BYTES || !bytes || bytes > UINT64_MAX - PAGE_BYTES)
		return -EBADMSG;
	area = area_create(context_current()->device, bytes);
	if (!area)
		return -ENOMEM;
	r = share_import_area(area, backing, ret_pointer);
	if (r < 0)
		area_destroy(area);
	return share_blame(r);
}

int allocation_release(uint64_t pointer)
{
	struct area *area;
	int r = area_take(pointer, true, &area);

	if (r < 0)
		return r;
	runtime_synchronize();
	area_destroy(area);
	return 0;
}
