/* SPDX-License-Identifier: MIT */
/* allocation.c - hipMalloc() and the other calls on device memory, except copies */
#include "allocation.h"

#include "area.h"
#include "context.h"
#include "freed.h"
#include "host.h"
#include "share.h"

/* ---- hipMalloc --------------------------------------------------------------------- */

/* Pinned: an importer could otherwise truncate it. */
static int allocation_make_buffer(struct area *area)
{
	struct allocation *allocation = &area->allocation;
	struct accel_buffer_alloc arg = {
		.size = sizeof(arg),
		.flags = ACCEL_BUFFER_PINNED,
		.bytes = allocation->reserved,
	};
	struct device *device = allocation->device;
	int r = RETRY_SETTLED(accel_buffer_alloc(device->context, &arg));

	if (r < 0)
		return r;
	allocation->buffer = arg.id;
	atomic_fetch_add(&device->live, allocation->reserved);
	return 0;
}

static int allocation_allocate(struct device *device, uint64_t bytes,
			       uint64_t *ret_pointer)
{
	struct area *area;
	uint64_t base;
	int r;

	if (bytes > UINT64_MAX - PAGE_BYTES)
		return -ENOMEM;
	area = area_create(device, bytes);
	if (!area)
		return -ENOMEM;
	area->access = ACCEL_MAP_READ | ACCEL_MAP_WRITE;
	r = allocation_make_buffer(area);
	if (r == 0)
		r = area_publish(area, &base);
	if (r < 0)
		area_destroy(area);
	else
		*ret_pointer = base;
	return r;
}

_public_ hipError_t hipMalloc(void **ret_pointer, size_t bytes)
{
	uint64_t pointer = 0;
	int r = runtime_enter();

	if (r == 0 && !ret_pointer)
		r = -EINVAL;
	if (r == 0 && bytes)
		r = allocation_allocate(context_current()->device, bytes, &pointer);
	if (r == 0)
		*ret_pointer = (void *)(uintptr_t)pointer;
	return runtime_result(r);
}

/* ---- hipFree ----------------------------------------------------------------------- */

int allocation_free(uint64_t pointer)
{
	struct device *device;
	struct area *area;
	bool exported, lingered;
	int r = area_take(pointer, false, &area);

	if (r < 0)
		return r;
	device = area->allocation.device;
	exported = area->allocation.exported;
	lingered = freed_lingers(device);
	/* It cannot be found any more, but its address range is still reserved. */
	runtime_synchronize();
	share_notify_freed(&area->allocation);
	area_destroy(area);
	freed_finish(device, exported, lingered);
	return 0;
}

_public_ hipError_t hipFree(void *pointer)
{
	int r = runtime_enter();

	if (r == 0 && pointer)
		r = allocation_free((uintptr_t)pointer);
	return runtime_result(r);
}

/* ---- what a pointer is ------------------------------------------------------------- */

/* 0, or -EINVAL or -ENOENT: neither kind of memory. */
static int allocation_describe(const void *pointer, hipPointerAttribute_t *ret_attributes)
{
	struct allocation allocation;
	unsigned int flags;
	int r = allocation_find((uintptr_t)pointer, 0, &allocation);

	if (r == 0) {
		*ret_attributes = (hipPointerAttribute_t){
			.type = hipMemoryTypeDevice,
			.device = allocation.device->ordinal,
			.devicePointer = (void *)(uintptr_t)pointer,
		};
	} else if (host_find(pointer, &flags)) {
		*ret_attributes = (hipPointerAttribute_t){
			.type = hipMemoryTypeHost,
			.hostPointer = (void *)(uintptr_t)pointer,
			.allocationFlags = flags,
		};
		r = 0;
	}
	return r;
}

_public_ hipError_t hipPointerGetAttributes(hipPointerAttribute_t *ret_attributes,
					    const void *pointer)
{
	int r = runtime_enter();

	if (r == 0 && !ret_attributes)
		r = -EINVAL;
	if (r == 0)
		r = allocation_describe(pointer, ret_attributes);
	return runtime_result(r);
}

_public_ hipError_t hipMemGetAddressRange(void **ret_base, size_t *ret_bytes,
					  void *pointer)
{
	struct allocation allocation;
	int r = runtime_enter();

	if (r == 0 && (!ret_base || !ret_bytes))
		r = -EINVAL;
	if (r == 0)
		r = allocation_find((uintptr_t)pointer, 0, &allocation);
	if (r == 0) {
		*ret_base = (void *)(uintptr_t)allocation.base;
		*ret_bytes = allocation.bytes;
	}
	return runtime_result(r);
}
