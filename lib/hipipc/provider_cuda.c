/* SPDX-License-Identifier: MIT */
/*
 * provider_cuda.c - the CUDA driver: its functions, and what a pointer belongs to
 *
 * Each attribute is read into a zeroed 64-bit variable: the driver writes fewer bits for
 * some, and runs on little-endian machines only.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <util.h>

#include "cuda_driver.h"
#include "cuda_export.h"
#include "loader.h"
#include "providers.h"
#include "reason.h"

#define REQUIRED(member, symbol) LOADER_REQUIRED(struct cuda_api, member, symbol)
#define OPTIONAL(member, symbol) LOADER_OPTIONAL(struct cuda_api, member, symbol)

/* Set in computed ids, so that they never equal one of the driver's own. */
#define MIXED_ID (1ULL << 63)

static const struct loader_symbol provider_cuda_symbols[] = {
	REQUIRED(init, "cuInit"),
	OPTIONAL(error_name, "cuGetErrorName"),
	REQUIRED(get_current, "cuCtxGetCurrent"),
	REQUIRED(set_current, "cuCtxSetCurrent"),
	REQUIRED(get_device, "cuCtxGetDevice"),
	OPTIONAL(context_id, "cuCtxGetId"),
	REQUIRED(primary_retain, "cuDevicePrimaryCtxRetain"),
	REQUIRED(primary_release, "cuDevicePrimaryCtxRelease_v2"),
	REQUIRED(attribute, "cuPointerGetAttribute"),
	REQUIRED(attributes, "cuPointerGetAttributes"),
	OPTIONAL(retain, "cuMemRetainAllocationHandle"),
	REQUIRED(release, "cuMemRelease"),
	REQUIRED(export_handle, "cuMemExportToShareableHandle"),
	REQUIRED(import_handle, "cuMemImportFromShareableHandle"),
	REQUIRED(properties, "cuMemGetAllocationPropertiesFromHandle"),
	REQUIRED(granularity, "cuMemGetAllocationGranularity"),
	REQUIRED(reserve, "cuMemAddressReserve"),
	REQUIRED(unreserve, "cuMemAddressFree"),
	REQUIRED(map, "cuMemMap"),
	REQUIRED(unmap, "cuMemUnmap"),
	REQUIRED(set_access, "cuMemSetAccess"),
	OPTIONAL(range_handle, "cuMemGetHandleForAddressRange"),
	REQUIRED(external_import, "cuImportExternalMemory"),
	REQUIRED(external_map, "cuExternalMemoryGetMappedBuffer"),
	REQUIRED(external_destroy, "cuDestroyExternalMemory"),
	REQUIRED(free_memory, "cuMemFree_v2"),
};

/* Written once, by the first thread that resolves the symbols; never freed. */
static _Atomic(const struct cuda_api *) provider_cuda_driver;

const struct cuda_api *cuda_driver(void)
{
	return atomic_load_explicit(&provider_cuda_driver, memory_order_acquire);
}

static int provider_cuda_errno_of(int result)
{
	switch (result) {
	case CUDA_OUT_OF_MEMORY:
		return -ENOMEM;
	case CUDA_NOT_INITIALIZED:
	case CUDA_DEINITIALIZED:
		return -ECHILD;
	case CUDA_NO_DEVICE:
	case CUDA_INVALID_DEVICE:
		return -ENODEV;
	case CUDA_NOT_PERMITTED:
	case CUDA_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case CUDA_INVALID_VALUE:
	case CUDA_INVALID_HANDLE:
	case CUDA_OPERATING_SYSTEM:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

int cuda_failed(int result, const char *call, const char *advice)
{
	const struct cuda_api *api = cuda_driver();
	const char *name = NULL;

	if (!api->error_name || api->error_name(result, &name) != CUDA_SUCCESS || !name)
		name = "error";
	return reason(provider_cuda_errno_of(result), "%s: %s (%d); %s", call, name,
		      result, advice);
}

/* ---- find -------------------------------------------------------------------------- */

static uint64_t provider_cuda_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

/*
 * A range of cuMemAddressReserve() may consist of many mappings, which come and go; the
 * allocation is one of them. The driver documents buffer ids for allocation calls only,
 * so the id of a mapping is computed from the buffer id, the mapping's start address, and
 * the id of what is mapped there, if the driver reports it.
 */
static void provider_cuda_narrow_to_mapping(const struct cuda_api *api, uint64_t pointer,
					    struct hipipc_allocation *allocation)
{
	uint64_t base = 0, bytes = 0, block = 0;

	if (api->attribute(&base, CUDA_POINTER_MAPPING_BASE, pointer) != CUDA_SUCCESS ||
	    api->attribute(&bytes, CUDA_POINTER_MAPPING_SIZE, pointer) != CUDA_SUCCESS ||
	    !base || pointer - base >= bytes)
		return;
	if (api->attribute(&block, CUDA_POINTER_BLOCK_ID, pointer) != CUDA_SUCCESS)
		block = 0;
	allocation->id =
		provider_cuda_mix(
			provider_cuda_mix(provider_cuda_mix(allocation->id) ^ block) ^
			base) |
		MIXED_ID;
	allocation->base = base;
	allocation->bytes = bytes;
}

/* Sets no reason if it is not device memory: names_sweep() looks up freed pointers. */
int cuda_look_up(uint64_t pointer, struct hipipc_allocation *ret_allocation,
		 struct cuda_memory *ret_memory)
{
	enum { TYPE, ID, MANAGED, START, SIZE, HANDLE_TYPES, LEGACY, N };
	int attributes[N] = {
		CUDA_POINTER_MEMORY_TYPE, CUDA_POINTER_BUFFER_ID,
		CUDA_POINTER_IS_MANAGED,  CUDA_POINTER_RANGE_START,
		CUDA_POINTER_RANGE_SIZE,  CUDA_POINTER_HANDLE_TYPES,
		CUDA_POINTER_LEGACY_IPC,
	};
	uint64_t value[N] = {0};
	void *data[N];
	const struct cuda_api *api = cuda_driver();
	int result;

	for (int i = 0; i < N; i++)
		data[i] = &value[i];
	result = api->attributes(N, attributes, data, pointer);
	if (result == CUDA_NOT_INITIALIZED)
		return cuda_failed(result, "cuPointerGetAttributes",
				   "call cuInit() first; after fork(), call exec");
	if (result != CUDA_SUCCESS || !value[ID] ||
	    pointer - value[START] >= value[SIZE] ||
	    (value[TYPE] != CUDA_MEMORY_TYPE_DEVICE && !value[MANAGED]))
		return -EINVAL;
	*ret_allocation = (struct hipipc_allocation){
		.id = value[ID],
		.base = value[START],
		.bytes = value[SIZE],
	};
	ret_memory->managed = value[MANAGED];
	ret_memory->handle_types = value[HANDLE_TYPES];
	/* Memory of cudaMalloc() and the like is one mapping. */
	if (!value[LEGACY] && !value[MANAGED])
		provider_cuda_narrow_to_mapping(api, pointer, ret_allocation);
	return 0;
}

static int provider_cuda_find(uint64_t pointer, struct hipipc_allocation *ret_allocation)
{
	struct cuda_memory unused;

	return cuda_look_up(pointer, ret_allocation, &unused);
}

static const struct hipipc_provider provider_cuda_provider = {
	.version = HIPIPC_PROVIDER_VERSION,
	.size = sizeof(struct hipipc_provider),
	.name = "the CUDA driver",
	.find = provider_cuda_find,
	.export_memory = cuda_export_memory,
	.import_memory = cuda_import_memory,
	.release_memory = cuda_release_memory,
	.place = cuda_place,
};

/* Takes no lock: it would stay locked in a child forked meanwhile. */
const struct hipipc_provider *provider_cuda(void)
{
	static const char *const names[] = {"libcuda.so.1", "libcuda.so"};
	const struct cuda_api *none = NULL;
	struct cuda_api *api;
	void *library;

	if (cuda_driver())
		return &provider_cuda_provider;
	library = loader_find(names, ARRAY_SIZE(names));
	if (!library)
		return NULL;
	api = calloc(1, sizeof(*api));
	if (!api || loader_resolve(library, provider_cuda_symbols,
				   ARRAY_SIZE(provider_cuda_symbols), api) < 0) {
		free(api);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&provider_cuda_driver, &none, api))
		free(api);
	return &provider_cuda_provider;
}
