/* SPDX-License-Identifier: MIT */
#include "area.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "peer.h"

struct area *area_create(struct device *device, uint64_t bytes)
{
	static _Atomic uint64_t last_id;
	struct area *area = calloc(1, sizeof(*area));

	if (!area)
		return NULL;
	area->allocation.id = ++last_id;
	area->allocation.device = device;
	area->allocation.bytes = bytes;
	area->allocation.reserved = round_to_pages(bytes);
	return area;
}

/* ---- addresses --------------------------------------------------------------------- */

/* Reserves the range in this process, so that pointers of all devices differ. */
static int area_reserve(struct allocation *allocation)
{
	void *place = mmap(NULL, allocation_span(allocation), PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (place == MAP_FAILED)
		return -errno;
	allocation->base = (uintptr_t)place;
	return 0;
}

int area_map(const struct area *area, struct device *device, uint32_t buffer)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = area->access | ACCEL_MAP_FIXED,
		.asid = device->asid,
		.buffer = buffer,
		.offset = area->offset,
		.length = area->allocation.reserved,
		.iova = area->allocation.base,
	};

	return accel_asid_map(device->context, &arg);
}

void area_unmap(const struct area *area, struct device *device, uint32_t buffer)
{
	struct accel_asid_unmap unmap = {
		.size = sizeof(unmap),
		.asid = device->asid,
		.iova = area->allocation.base,
		.length = area->allocation.reserved,
	};
	struct accel_object object = {.size = sizeof(object), .id = buffer};

	if (area->allocation.base)
		(void)accel_asid_unmap(device->context, &unmap);
	if (buffer)
		(void)accel_buffer_free(device->context, &object);
}

/* ---- life -------------------------------------------------------------------------- */

int area_publish(struct area *area, uint64_t *ret_base)
{
	struct allocation *allocation = &area->allocation;
	uint64_t base;
	int r = area_reserve(allocation);

	if (r == 0)
		r = area_map(area, allocation->device, allocation->buffer);
	if (r < 0)
		return r;
	base = allocation->base;
	table_lock();
	r = peer_map_all_locked(area);
	if (r == 0)
		r = table_add_locked(area);
	table_unlock();
	if (r == 0)
		*ret_base = base;
	return r;
}

int area_take(uint64_t address, bool imported, struct area **ret_area)
{
	struct area *area;

	table_lock();
	area = table_at_locked(address);
	if (area && area->allocation.imported != imported)
		area = NULL;
	if (area)
		table_remove_locked(area);
	table_unlock();
	if (!area)
		return -EINVAL;
	*ret_area = area;
	return 0;
}

void area_destroy(struct area *area)
{
	struct allocation *allocation;

	if (!area)
		return;
	allocation = &area->allocation;
	if (allocation->buffer && !allocation->imported)
		atomic_fetch_sub(&allocation->device->live, allocation->reserved);
	peer_unmap_all(area);
	area_unmap(area, allocation->device, allocation->buffer);
	if (allocation->base)
		munmap((void *)(uintptr_t)allocation->base, allocation_span(allocation));
	free(area);
}
