/* SPDX-License-Identifier: MIT */
/* share.c - export and import of device memory */
#include "share.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "area.h"
#include "context.h"
#include "freed.h"

static _Atomic(hipipc_freed_fn) share_freed_hook;

void allocation_watch(hipipc_freed_fn freed)
{
	atomic_store(&share_freed_hook, freed);
}

void share_notify_freed(const struct allocation *allocation)
{
	hipipc_freed_fn freed = atomic_load(&share_freed_hook);

	if (allocation->exported && freed)
		freed(allocation->id);
}

/* ---- export ------------------------------------------------------------------------ */

/*
 * Marks the allocation as exported and copies it. The table's lock decides: either the
 * call that frees it sees the mark, or it is not found here.
 */
static int share_mark_exported(const struct hipipc_allocation *wanted,
			       struct allocation *ret_allocation)
{
	struct area *area;
	int r = 0;

	table_lock();
	area = table_at_locked(wanted->base);
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
	/* If it was freed meanwhile: -ENOENT, since buffer ids are not reused. */
	device = allocation.device;
	r = RETRY_SETTLED(
		accel_buffer_open(device->context, allocation.buffer, O_RDWR, &fd));
	if (r == 0)
		*ret_backing = (struct hipipc_backing){fd, HIPIPC_KIND_MEMFD, 0};
	return r;
}

/* ---- import ------------------------------------------------------------------------ */

/*
 * Errors other than a lack of local resources are caused by the descriptor: -EBADMSG.
 * -ENODEV, for a name that cannot be mapped, is for libhipipc.
 */
static int share_errno_of(int r)
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

/* libaccel takes ownership of a descriptor, but @fd stays the caller's. */
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

/* Checks that the buffer has the kind and the range that the handle claims. */
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
	return share_errno_of(r);
}

int allocation_release(uint64_t pointer)
{
	struct area *area;
	int r = area_take(pointer, true, &area);

	if (r < 0)
		return r;
	runtime_synchronize();
	area_destroy(area);
	freed_settle();
	return 0;
}
