/* SPDX-License-Identifier: MIT */
/* fake-cuda.c - libcuda.so.1 of the tests; see fake.h */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cuda_abi.h"
#include "fake-pool.h"
#include "util.h"

#define CALL FAKE_EXPORT int

#pragma GCC visibility push(default)
CALL cuInit(unsigned int flags);
CALL cuGetErrorName(int result, const char **ret_name);
CALL cuCtxGetCurrent(void **ret_context);
CALL cuCtxSetCurrent(void *context);
CALL cuCtxGetDevice(int *ret_device);
CALL cuCtxGetId(void *context, unsigned long long *ret_id);
CALL cuDevicePrimaryCtxRetain(void **ret_context, int device);
CALL cuDevicePrimaryCtxRelease_v2(int device);
CALL cuPointerGetAttribute(void *ret_data, int attribute, cuda_pointer pointer);
CALL cuPointerGetAttributes(unsigned int n, int *attributes, void **ret_data,
			    cuda_pointer pointer);
CALL cuMemRetainAllocationHandle(cuda_handle *ret_handle, void *address);
CALL cuMemRelease(cuda_handle handle);
CALL cuMemExportToShareableHandle(void *ret_fd, cuda_handle handle, int type,
				  unsigned long long flags);
CALL cuMemImportFromShareableHandle(cuda_handle *ret_handle, void *fd, int type);
CALL cuMemGetAllocationPropertiesFromHandle(struct cuda_allocation_prop *ret_prop,
					    cuda_handle handle);
CALL cuMemGetAllocationGranularity(size_t *ret_bytes,
				   const struct cuda_allocation_prop *prop, int option);
CALL cuMemAddressReserve(cuda_pointer *ret_pointer, size_t bytes, size_t alignment,
			 cuda_pointer address, unsigned long long flags);
CALL cuMemAddressFree(cuda_pointer pointer, size_t bytes);
CALL cuMemMap(cuda_pointer pointer, size_t bytes, size_t offset, cuda_handle handle,
	      unsigned long long flags);
CALL cuMemUnmap(cuda_pointer pointer, size_t bytes);
CALL cuMemSetAccess(cuda_pointer pointer, size_t bytes, const struct cuda_access *access,
		    size_t n);
CALL cuMemGetHandleForAddressRange(void *ret_fd, cuda_pointer pointer, size_t bytes,
				   int type, unsigned long long flags);
CALL cuImportExternalMemory(void **ret_external,
			    const struct cuda_external_handle *handle);
CALL cuExternalMemoryGetMappedBuffer(cuda_pointer *ret_pointer, void *external,
				     const struct cuda_external_buffer *buffer);
CALL cuDestroyExternalMemory(void *external);
CALL cuMemFree_v2(cuda_pointer pointer);
#pragma GCC visibility pop

/* A dma-buf that was imported: the descriptor is the driver's. */
struct external {
	struct external *next;
	int fd;
	size_t bytes;
};

/* All of them: objects that are not destroyed must not count as leaks. */
static struct external *externals;

static void forget(struct external *object)
{
	struct external **place = &externals;

	while (*place != object)
		place = &(*place)->next;
	*place = object->next;
	free(object);
}

static void *at(cuda_pointer pointer)
{
	return (void *)(uintptr_t)pointer;
}

FAKE_EXPORT const struct fake_control *fake_cuda(void)
{
	pool_knobs[FAKE_HIP_MAJOR] = -1;
	return &pool_control;
}

/* ---- the driver and contexts ------------------------------------------------------- */

int cuInit(unsigned int flags)
{
	POOL_CALL;
	pool_begin();
	return pool_is_ours() ? CUDA_SUCCESS : CUDA_NOT_INITIALIZED;
}

int cuGetErrorName(int result, const char **ret_name)
{
	*ret_name = result == CUDA_NOT_SUPPORTED ? "CUDA_ERROR_NOT_SUPPORTED"
						 : "CUDA_ERROR_FAKE";
	return CUDA_SUCCESS;
}

int cuCtxGetCurrent(void **ret_context)
{
	POOL_CALL;
	pool_begin();
	if (!pool_is_ours())
		return CUDA_NOT_INITIALIZED;
	*ret_context = (void *)(intptr_t)(pool_knobs[FAKE_CONTEXT] * 4096);
	return CUDA_SUCCESS;
}

int cuCtxSetCurrent(void *context)
{
	POOL_CALL;
	pool_knobs[FAKE_CONTEXT] = (int)((intptr_t)context / 4096);
	return CUDA_SUCCESS;
}

int cuCtxGetDevice(int *ret_device)
{
	POOL_CALL;
	if (!pool_knobs[FAKE_CONTEXT])
		return 201;
	*ret_device = pool_knobs[FAKE_DEVICE];
	return CUDA_SUCCESS;
}

int cuCtxGetId(void *context, unsigned long long *ret_id)
{
	POOL_CALL;
	*ret_id = (unsigned long long)(uintptr_t)context / 4096 + 100;
	return CUDA_SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **ret_context, int device)
{
	POOL_CALL;
	pool_counts.references++;
	*ret_context = (void *)(intptr_t)4096;
	return CUDA_SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
	POOL_LOCKED;

	pool_counts.references--;
	return CUDA_SUCCESS;
}

/* ---- pointer queries --------------------------------------------------------------- */

static bool attribute_of(const struct memory *memory, int attribute, uint64_t *ret_value)
{
	bool vmm = memory->physical;

	switch (attribute) {
	case CUDA_POINTER_MEMORY_TYPE:
		*ret_value = memory->kind == FAKE_HOST ? 1 : CUDA_MEMORY_TYPE_DEVICE;
		return true;
	case CUDA_POINTER_BUFFER_ID:
		*ret_value = memory->id;
		return true;
	case CUDA_POINTER_IS_MANAGED:
		*ret_value = memory->kind == FAKE_MANAGED;
		return true;
	case CUDA_POINTER_RANGE_START:
		*ret_value = (uintptr_t)memory->range;
		return true;
	case CUDA_POINTER_RANGE_SIZE:
		*ret_value = memory->range_bytes;
		return true;
	case CUDA_POINTER_HANDLE_TYPES:
		*ret_value =
			vmm && memory->physical->exportable ? CUDA_HANDLE_POSIX_FD : 0;
		return true;
	case CUDA_POINTER_LEGACY_IPC:
		*ret_value = memory->kind == FAKE_PLAIN;
		return true;
	}
	return false;
}

static bool mapping_of(const struct memory *memory, int attribute, uint64_t *ret_value)
{
	if (!memory->physical || !pool_knobs[FAKE_KNOWS_MAPPINGS])
		return false;
	if (attribute == CUDA_POINTER_MAPPING_BASE)
		*ret_value = (uintptr_t)memory->base;
	else if (attribute == CUDA_POINTER_MAPPING_SIZE)
		*ret_value = memory->bytes;
	else if (attribute == CUDA_POINTER_BLOCK_ID)
		*ret_value = memory->physical->block;
	else
		return false;
	return true;
}

static void store(void *ret_data, int attribute, uint64_t value)
{
	size_t bytes = 8;

	if (attribute == CUDA_POINTER_MEMORY_TYPE)
		bytes = 4;
	else if (attribute == CUDA_POINTER_IS_MANAGED ||
		 attribute == CUDA_POINTER_LEGACY_IPC)
		bytes = 1;
	memcpy(ret_data, &value, bytes);
}

int cuPointerGetAttribute(void *ret_data, int attribute, cuda_pointer pointer)
{
	POOL_CALL;
	const struct memory *memory = pool_find(at(pointer));
	uint64_t value;

	if (!memory || (!attribute_of(memory, attribute, &value) &&
			!mapping_of(memory, attribute, &value)))
		return CUDA_INVALID_VALUE;
	store(ret_data, attribute, value);
	return CUDA_SUCCESS;
}

/* Allocations end in padding, which drivers count as part of them. */
static const struct memory *find_padded(cuda_pointer pointer)
{
	const struct memory *memory = pool_find(at(pointer));

	return memory ? memory : pool_find(at(pointer - 1));
}

/* For unknown pointers: zeroes; but an error for attributes of mappings. */
int cuPointerGetAttributes(unsigned int n, int *attributes, void **ret_data,
			   cuda_pointer pointer)
{
	POOL_CALL;
	const struct memory *memory = find_padded(pointer);

	pool_begin();
	if (!pool_is_ours())
		return CUDA_NOT_INITIALIZED;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t value = 0;

		if (memory && !attribute_of(memory, attributes[i], &value))
			return CUDA_INVALID_VALUE;
		store(ret_data[i], attributes[i], value);
	}
	return CUDA_SUCCESS;
}

/* ---- physical memory --------------------------------------------------------------- */

static struct physical *physical_of(cuda_handle handle)
{
	struct physical *physical = pool_physical(at(handle));

	return physical && physical->handles ? physical : NULL;
}

static cuda_handle give_out(struct physical *physical)
{
	physical->handles++;
	pool_counts.handles++;
	return (uintptr_t)physical;
}

int cuMemRetainAllocationHandle(cuda_handle *ret_handle, void *address)
{
	POOL_CALL;
	struct memory *memory = pool_find(address);

	if (!memory || !memory->physical)
		return CUDA_INVALID_VALUE;
	*ret_handle = give_out(memory->physical);
	return CUDA_SUCCESS;
}

int cuMemRelease(cuda_handle handle)
{
	POOL_LOCKED;
	struct physical *physical = physical_of(handle);

	if (!physical)
		return CUDA_INVALID_VALUE;
	physical->handles--;
	pool_counts.handles--;
	pool_settle(physical);
	return CUDA_SUCCESS;
}

int cuMemExportToShareableHandle(void *ret_fd, cuda_handle handle, int type,
				 unsigned long long flags)
{
	POOL_CALL;
	struct physical *physical = physical_of(handle);
	int fd;

	if (!physical || type != CUDA_HANDLE_POSIX_FD || flags)
		return CUDA_INVALID_VALUE;
	if (!physical->exportable)
		return CUDA_NOT_PERMITTED;
	fd = dup(physical->fd);
	if (fd < 0)
		return CUDA_OPERATING_SYSTEM;
	memcpy(ret_fd, &fd, sizeof(fd));
	return CUDA_SUCCESS;
}

int cuMemImportFromShareableHandle(cuda_handle *ret_handle, void *fd, int type)
{
	POOL_CALL;
	int number = (int)(intptr_t)fd;
	struct stat st;

	pool_begin();
	if (type != CUDA_HANDLE_POSIX_FD || !pool_is_memfd(number, NAME_VMM) ||
	    fstat(number, &st) < 0)
		return CUDA_INVALID_VALUE;
	*ret_handle = give_out(pool_create((size_t)st.st_size, true, dup(number)));
	return CUDA_SUCCESS;
}

int cuMemGetAllocationPropertiesFromHandle(struct cuda_allocation_prop *ret_prop,
					   cuda_handle handle)
{
	POOL_CALL;
	if (!physical_of(handle))
		return CUDA_INVALID_VALUE;
	*ret_prop = (struct cuda_allocation_prop){
		.type = 1,
		.handle_types = CUDA_HANDLE_POSIX_FD,
		.location = {.type = pool_knobs[FAKE_LOCATION]},
	};
	return CUDA_SUCCESS;
}

int cuMemGetAllocationGranularity(size_t *ret_bytes,
				  const struct cuda_allocation_prop *prop, int option)
{
	POOL_CALL;
	*ret_bytes = FAKE_GRANULE;
	return CUDA_SUCCESS;
}

/* ---- address space ----------------------------------------------------------------- */

int cuMemAddressReserve(cuda_pointer *ret_pointer, size_t bytes, size_t alignment,
			cuda_pointer address, unsigned long long flags)
{
	POOL_CALL;
	void *range;

	if (!bytes || bytes % FAKE_GRANULE || alignment % FAKE_GRANULE || flags)
		return CUDA_INVALID_VALUE;
	range = pool_reserve(bytes, NULL);
	if (!range)
		return CUDA_OUT_OF_MEMORY;
	pool_counts.reserved++;
	*ret_pointer = (uintptr_t)range;
	return CUDA_SUCCESS;
}

int cuMemAddressFree(cuda_pointer pointer, size_t bytes)
{
	POOL_CALL;
	if (pool_find(at(pointer)))
		return CUDA_INVALID_VALUE;
	munmap(at(pointer), bytes);
	pool_counts.reserved--;
	return CUDA_SUCCESS;
}

int cuMemMap(cuda_pointer pointer, size_t bytes, size_t offset, cuda_handle handle,
	     unsigned long long flags)
{
	POOL_CALL;
	struct physical *physical = physical_of(handle);

	if (!physical || offset || flags || bytes > physical->bytes ||
	    pool_find(at(pointer)) || !pool_map(physical, at(pointer), bytes))
		return CUDA_INVALID_VALUE;
	mprotect(at(pointer), bytes, PROT_NONE);
	physical->mappings++;
	pool_counts.mapped++;
	pool_add(&(struct memory){
		.kind = FAKE_VMM,
		.base = at(pointer),
		.bytes = bytes,
		.id = pool_new_id(),
		.range = at(pointer),
		.range_bytes = bytes,
		.physical = physical,
		.fd = -1,
	});
	return CUDA_SUCCESS;
}

int cuMemUnmap(cuda_pointer pointer, size_t bytes)
{
	POOL_CALL;
	struct memory *memory = pool_find(at(pointer));

	if (!memory || memory->base != at(pointer) || memory->bytes != bytes)
		return CUDA_INVALID_VALUE;
	pool_remove(memory);
	if (mmap(at(pointer), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		abort();
	pool_counts.mapped--;
	return CUDA_SUCCESS;
}

int cuMemSetAccess(cuda_pointer pointer, size_t bytes, const struct cuda_access *access,
		   size_t n)
{
	POOL_CALL;
	if (n != 1 || access->location.type != CUDA_LOCATION_DEVICE ||
	    access->location.id != pool_knobs[FAKE_DEVICE] || !pool_find(at(pointer)))
		return CUDA_INVALID_VALUE;
	mprotect(at(pointer), bytes, PROT_READ | PROT_WRITE);
	return CUDA_SUCCESS;
}

/* ---- dma-bufs ---------------------------------------------------------------------- */

int cuMemGetHandleForAddressRange(void *ret_fd, cuda_pointer pointer, size_t bytes,
				  int type, unsigned long long flags)
{
	POOL_CALL;
	struct memory *memory = pool_find(at(pointer));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd;

	if (!memory || type != CUDA_RANGE_DMA_BUF_FD || flags || pointer % page ||
	    bytes % page)
		return CUDA_INVALID_VALUE;
	if (memory->kind == FAKE_PRIVATE)
		return CUDA_NOT_SUPPORTED;
	fd = dup(memory->physical ? memory->physical->fd : memory->fd);
	if (fd < 0)
		return CUDA_OPERATING_SYSTEM;
	memcpy(ret_fd, &fd, sizeof(fd));
	return CUDA_SUCCESS;
}

int cuImportExternalMemory(void **ret_external, const struct cuda_external_handle *handle)
{
	POOL_CALL;
	struct external *external;

	if (handle->type != CUDA_EXTERNAL_DMA_BUF_FD || handle->flags ||
	    !pool_is_memfd(handle->handle.fd, "fake-"))
		return CUDA_INVALID_VALUE;
	if (!pool_knobs[FAKE_IMPORTS_DMABUFS])
		return CUDA_INVALID_VALUE; /* as drivers before 13 do */
	external = malloc(sizeof(*external));
	if (!external)
		abort();
	external->next = externals;
	externals = external;
	external->fd = handle->handle.fd;
	external->bytes = handle->size;
	pool_counts.externals++;
	*ret_external = external;
	return CUDA_SUCCESS;
}

int cuExternalMemoryGetMappedBuffer(cuda_pointer *ret_pointer, void *external,
				    const struct cuda_external_buffer *buffer)
{
	POOL_CALL;
	struct external *object = external;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (buffer->size + page - 1) / page * page;
	char *pointer;

	if (buffer->offset + buffer->size > object->bytes)
		return CUDA_INVALID_VALUE;
	pointer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object->fd,
		       (off_t)buffer->offset);
	if (pointer == MAP_FAILED)
		return CUDA_OUT_OF_MEMORY;
	pool_counts.buffers++;
	pool_add(&(struct memory){
		.kind = FAKE_PRIVATE,
		.base = pointer,
		.bytes = bytes,
		.id = pool_new_id(),
		.range = pointer,
		.range_bytes = bytes,
		.fd = -1,
	});
	*ret_pointer = (uintptr_t)pointer;
	return CUDA_SUCCESS;
}

int cuDestroyExternalMemory(void *external)
{
	POOL_CALL;
	struct external *object = external;

	close(object->fd);
	forget(object);
	pool_counts.externals--;
	return CUDA_SUCCESS;
}

int cuMemFree_v2(cuda_pointer pointer)
{
	POOL_CALL;
	struct memory *memory = pool_find(at(pointer));

	if (!memory || memory->base != at(pointer))
		return CUDA_INVALID_VALUE;
	pool_counts.buffers--;
	pool_free(memory->base);
	return CUDA_SUCCESS;
}
