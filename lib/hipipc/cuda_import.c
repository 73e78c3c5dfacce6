/* SPDX-License-Identifier: MIT */
/* cuda_import.c - maps imported memory for the current CUDA device */
#include <fcntl.h>
#include <inttypes.h>

#include <util.h>

#include "cuda_driver.h"
#include "imports.h"
#include "reason.h"

#define UPDATE "use the same driver version as the exporter"

static struct imports cuda_import_imports = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- place ------------------------------------------------------------------------- */

/* As the CUDA runtime does. The reference is kept, since the context stays current. */
static int cuda_import_make_current(const struct cuda_api *api, void **ret_context)
{
	void *context;
	int result = api->primary_retain(&context, 0);

	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuDevicePrimaryCtxRetain",
				   "make a context current first");
	result = api->set_current(context);
	if (result != CUDA_SUCCESS) {
		api->primary_release(0);
		return cuda_failed(result, "cuCtxSetCurrent",
				   "make a context current first");
	}
	*ret_context = context;
	return 0;
}

static int cuda_import_get_current(const struct cuda_api *api, void **ret_context)
{
	void *context = NULL;
	int result = api->get_current(&context);

	if (result == CUDA_NOT_INITIALIZED) {
		result = api->init(0);
		if (result != CUDA_SUCCESS)
			return cuda_failed(result, "cuInit",
					   "after fork(), call exec before using CUDA");
		result = api->get_current(&context);
	}
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuCtxGetCurrent",
				   "make a context current first");
	if (!context)
		return cuda_import_make_current(api, ret_context);
	*ret_context = context;
	return 0;
}

int cuda_place(struct hipipc_place *ret_place)
{
	const struct cuda_api *api = cuda_driver();
	unsigned long long id;
	int result, device, r;
	void *context = NULL;

	r = cuda_import_get_current(api, &context);
	if (r < 0)
		return r;
	result = api->get_device(&device);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuCtxGetDevice",
				   "make a context current first");
	/* Before CUDA 12 there is only the address, which may be reused. */
	if (!api->context_id || api->context_id(context, &id) != CUDA_SUCCESS)
		id = (uintptr_t)context;
	ret_place->context = id;
	ret_place->device = device;
	return 0;
}

/* ---- allocations of cuMemCreate() -------------------------------------------------- */

/* The size and alignment of a mapping of @bytes. */
static int cuda_import_size_of_mapping(const struct cuda_api *api, cuda_handle handle,
				       uint64_t bytes, size_t *ret_bytes,
				       size_t *ret_alignment)
{
	struct cuda_allocation_prop prop = {0};
	size_t unit = 0;
	int result = api->properties(&prop, handle);

	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemGetAllocationPropertiesFromHandle",
				   UPDATE);
	if (prop.location.type != CUDA_LOCATION_DEVICE)
		return reason(-EBADMSG,
			      "the descriptor is not device memory: the handle was not "
			      "made for it");
	result = api->granularity(&unit, &prop, CUDA_GRANULARITY_MINIMUM);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemGetAllocationGranularity", UPDATE);
	if (!unit || bytes > SIZE_MAX - unit)
		return reason(-EBADMSG,
			      "the handle claims %" PRIu64
			      " bytes: it was not made for this buffer",
			      bytes);
	*ret_bytes = (bytes + unit - 1) / unit * unit;
	*ret_alignment = unit;
	return 0;
}

/* If the driver reports the size of the mapping, it must cover what the handle claims. */
static int cuda_import_check_mapping(const struct cuda_api *api, uint64_t pointer,
				     uint64_t bytes)
{
	uint64_t mapped = 0;

	if (api->attribute(&mapped, CUDA_POINTER_MAPPING_SIZE, pointer) != CUDA_SUCCESS ||
	    !mapped || mapped >= bytes)
		return 0;
	return reason(-EBADMSG,
		      "the handle claims %" PRIu64 " bytes of an allocation of %" PRIu64
		      ": it was not made for it",
		      bytes, mapped);
}

static int cuda_import_allow_access(const struct cuda_api *api, uint64_t pointer,
				    size_t bytes)
{
	struct cuda_access access = {
		.location = {.type = CUDA_LOCATION_DEVICE},
		.flags = CUDA_ACCESS_READWRITE,
	};
	struct hipipc_place place;
	int r = cuda_place(&place), result;

	if (r < 0)
		return r;
	access.location.id = place.device;
	result = api->set_access(pointer, bytes, &access, 1);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemSetAccess",
				   "open it with a device current that can reach the "
				   "memory's device");
	return 0;
}

static int cuda_import_finish_mapping(const struct cuda_api *api, uint64_t pointer,
				      uint64_t bytes, size_t reserved)
{
	struct import import = {.pointer = pointer, .reserved = reserved, .fd = -1};
	int r = cuda_import_check_mapping(api, pointer, bytes);

	if (r == 0)
		r = cuda_import_allow_access(api, pointer, reserved);
	if (r == 0)
		r = imports_add(&cuda_import_imports, &import);
	return r;
}

static int cuda_import_map_handle(const struct cuda_api *api, cuda_handle handle,
				  uint64_t bytes, uint64_t *ret_pointer)
{
	size_t reserved = 0, alignment = 0;
	cuda_pointer pointer;
	int result, r;

	r = cuda_import_size_of_mapping(api, handle, bytes, &reserved, &alignment);
	if (r < 0)
		return r;
	result = api->reserve(&pointer, reserved, alignment, 0, 0);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemAddressReserve",
				   "close what is open, or check the handle's size");
	result = api->map(pointer, reserved, 0, handle, 0);
	if (result != CUDA_SUCCESS) {
		api->unreserve(pointer, reserved);
		return cuda_failed(result, "cuMemMap",
				   "the handle was not made for this buffer");
	}
	r = cuda_import_finish_mapping(api, pointer, bytes, reserved);
	if (r < 0) {
		api->unmap(pointer, reserved);
		api->unreserve(pointer, reserved);
		return r;
	}
	*ret_pointer = pointer;
	return 0;
}

static int cuda_import_vmm(const struct cuda_api *api,
			   const struct hipipc_backing *backing, uint64_t bytes,
			   uint64_t *ret_pointer)
{
	cuda_handle handle;
	int result, r;

	/* cuMemMap() maps an allocation from its start only. */
	if (backing->offset || !bytes)
		return reason(
			-EBADMSG,
			"the handle does not cover a whole allocation: it is forged");
	result = api->import_handle(&handle, (void *)(intptr_t)backing->fd,
				    CUDA_HANDLE_POSIX_FD);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemImportFromShareableHandle", UPDATE);
	r = cuda_import_map_handle(api, handle, bytes, ret_pointer);
	api->release(handle); /* the mapping keeps the memory */
	return r;
}

/* ---- dma-bufs ---------------------------------------------------------------------- */

/* Drivers without support return various errors. Tegra supports it from Thor on. */
static int cuda_import_object(const struct cuda_api *api, int fd, uint64_t size,
			      void **ret_external)
{
	struct cuda_external_handle handle = {
		.type = CUDA_EXTERNAL_DMA_BUF_FD,
		.size = size,
	};
	int result, r;

	handle.handle.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (handle.handle.fd < 0)
		return reason(-errno, "out of descriptors; raise RLIMIT_NOFILE");
	result = api->external_import(ret_external, &handle);
	if (result == CUDA_SUCCESS)
		return 0; /* the driver owns the descriptor */
	close(handle.handle.fd);
	r = cuda_failed(
		result, "cuImportExternalMemory",
		"few drivers import dma-bufs (Tegra from Thor on): the exporter has "
		"to " CUDA_ADVICE);
	return r == -EBADMSG ? -EOPNOTSUPP : r;
}

static int cuda_import_dmabuf(const struct cuda_api *api,
			      const struct hipipc_backing *backing, uint64_t bytes,
			      uint64_t *ret_pointer)
{
	struct cuda_external_buffer buffer = {.offset = backing->offset, .size = bytes};
	struct import import = {.fd = -1};
	uint64_t size;
	int result, r;

	r = imports_check(backing->fd, backing->offset, bytes, &size);
	if (r < 0)
		return r;
	r = cuda_import_object(api, backing->fd, size, &import.external);
	if (r < 0)
		return r;
	result = api->external_map(&import.pointer, import.external, &buffer);
	if (result != CUDA_SUCCESS) {
		api->external_destroy(import.external);
		return cuda_failed(result, "cuExternalMemoryGetMappedBuffer", UPDATE);
	}
	r = imports_add(&cuda_import_imports, &import);
	if (r < 0) {
		api->free_memory(import.pointer);
		api->external_destroy(import.external);
		return r;
	}
	*ret_pointer = import.pointer;
	return 0;
}

int cuda_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		       uint64_t *ret_pointer)
{
	const struct cuda_api *api = cuda_driver();

	switch (backing->kind) {
	case HIPIPC_KIND_CUDA_VMM:
		return cuda_import_vmm(api, backing, bytes, ret_pointer);
	case HIPIPC_KIND_DMABUF:
		return cuda_import_dmabuf(api, backing, bytes, ret_pointer);
	default:
		return reason(-EBADMSG,
			      "the exporter's memory belongs to another runtime; use the "
			      "CUDA driver on both sides");
	}
}

/* Stops at the first failure: undoing the next steps would be unsafe then. */
int cuda_release_memory(uint64_t pointer)
{
	const struct cuda_api *api = cuda_driver();
	const char *call = "cuMemUnmap";
	struct import import;
	int result, r;

	r = imports_take(&cuda_import_imports, pointer, &import);
	if (r < 0)
		return r;
	if (import.reserved) {
		result = api->unmap(pointer, import.reserved);
		if (result == CUDA_SUCCESS) {
			call = "cuMemAddressFree";
			result = api->unreserve(pointer, import.reserved);
		}
	} else {
		call = "cuMemFree";
		result = api->free_memory(pointer);
		if (result == CUDA_SUCCESS) {
			call = "cuDestroyExternalMemory";
			result = api->external_destroy(import.external);
		}
	}
	if (result == CUDA_SUCCESS)
		return 0;
	return cuda_failed(result, call, "close it before its context is destroyed");
}
