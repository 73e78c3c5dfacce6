/* SPDX-License-Identifier: MIT */
/* provider_hip.c - AMD's HIP runtime: its functions, and what a pointer belongs to */
#include <stdatomic.h>
#include <stdbool.h>

#include <util.h>

#include "hip_runtime.h"
#include "loader.h"
#include "providers.h"
#include "reason.h"

#define REQUIRED(member, symbol) LOADER_REQUIRED(struct hip_runtime, hip.member, symbol)
#define OPTIONAL(member, symbol) LOADER_OPTIONAL(struct hip_runtime, hip.member, symbol)

static const struct loader_symbol provider_hip_symbols[] = {
	REQUIRED(version, "hipRuntimeGetVersion"),
	REQUIRED(error_name, "hipGetErrorName"),
	REQUIRED(last_error, "hipGetLastError"),
	REQUIRED(peek_error, "hipPeekAtLastError"),
	REQUIRED(get_device, "hipGetDevice"),
	OPTIONAL(get_current, "hipCtxGetCurrent"),
	REQUIRED(attribute, "hipPointerGetAttribute"),
	REQUIRED(address_range, "hipMemGetAddressRange"),
	OPTIONAL(retain, "hipMemRetainAllocationHandle"),
	OPTIONAL(release, "hipMemRelease"),
	OPTIONAL(export_handle, "hipMemExportToShareableHandle"),
	REQUIRED(external_import, "hipImportExternalMemory"),
	REQUIRED(external_map, "hipExternalMemoryGetMappedBuffer"),
	REQUIRED(external_destroy, "hipDestroyExternalMemory"),
	REQUIRED(free_memory, "hipFree"),
};

static const struct loader_symbol provider_hip_hsa_symbols[] = {
	LOADER_REQUIRED(struct hsa_api, export_dmabuf, "hsa_amd_portable_export_dmabuf"),
};

/* Written once, by the first thread that resolves the symbols; never freed. */
static _Atomic(const struct hip_runtime *) provider_hip_loaded;

const struct hip_runtime *hip_runtime(void)
{
	return atomic_load_explicit(&provider_hip_loaded, memory_order_acquire);
}

static int provider_hip_errno_of(int result)
{
	switch (result) {
	case HIP_OUT_OF_MEMORY:
		return -ENOMEM;
	case HIP_NOT_INITIALIZED:
		return -ECHILD;
	case HIP_NO_DEVICE:
	case HIP_INVALID_DEVICE:
		return -ENODEV;
	case HIP_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case HIP_INVALID_VALUE:
	case HIP_INVALID_HANDLE:
	case HIP_OPERATING_SYSTEM:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

int hip_failed(int result, const char *call, const char *advice)
{
	const char *name = hip_runtime()->hip.error_name(result);

	return reason(provider_hip_errno_of(result), "%s: %s (%d); %s", call,
		      name ? name : "error", result, advice);
}

/* ---- find -------------------------------------------------------------------------- */

static int provider_hip_look_up(const struct hip_runtime *runtime, uint64_t pointer,
				struct hipipc_allocation *ret_allocation,
				bool *ret_managed)
{
	void *address = (void *)(uintptr_t)pointer, *base = NULL;
	uint64_t id = 0, type = 0, managed = 0;
	size_t bytes = 0;
	int result;

	result = runtime->hip.attribute(&id, HIP_POINTER_BUFFER_ID, address);
	if (result == HIP_NOT_INITIALIZED)
		return hip_failed(result, "hipPointerGetAttribute",
				  "after fork(), call exec before using HIP");
	if (result != HIP_SUCCESS ||
	    runtime->hip.attribute(&type, HIP_POINTER_TYPE, address) != HIP_SUCCESS ||
	    runtime->hip.address_range(&base, &bytes, address) != HIP_SUCCESS ||
	    pointer - (uintptr_t)base >= bytes)
		return -EINVAL;
	if (type != runtime->type_device &&
	    (runtime->hip.attribute(&managed, HIP_POINTER_MANAGED, address) !=
		     HIP_SUCCESS ||
	     !managed))
		return -EINVAL;
	*ret_allocation = (struct hipipc_allocation){
		.id = id,
		.base = (uintptr_t)base,
		.bytes = bytes,
	};
	*ret_managed = managed;
	return 0;
}

/*
 * The look-up of a freed pointer, as names_sweep() does it, must not show up in the
 * program's hipGetLastError(). An error that the program left there cannot be restored.
 */
int hip_look_up(uint64_t pointer, struct hipipc_allocation *ret_allocation,
		bool *ret_managed)
{
	const struct hip_runtime *runtime = hip_runtime();
	bool clean = runtime->hip.peek_error() == HIP_SUCCESS;
	int r = provider_hip_look_up(runtime, pointer, ret_allocation, ret_managed);

	if (r < 0 && clean)
		(void)runtime->hip.last_error();
	return r;
}

static int provider_hip_find(uint64_t pointer, struct hipipc_allocation *ret_allocation)
{
	bool managed;

	return hip_look_up(pointer, ret_allocation, &managed);
}

/* ---- place, and the provider ------------------------------------------------------- */

static int provider_hip_place(struct hipipc_place *ret_place)
{
	const struct hip_api *hip = &hip_runtime()->hip;
	void *context = NULL;
	int result, device;

	result = hip->get_device(&device);
	if (result != HIP_SUCCESS)
		return hip_failed(result, "hipGetDevice",
				  "see rocminfo(1); after fork(), call exec");
	/* Deprecated, but it still distinguishes contexts that the program created. */
	if (hip->get_current && hip->get_current(&context) != HIP_SUCCESS)
		context = NULL;
	ret_place->context = context ? (uintptr_t)context : (uint64_t)device + 1;
	ret_place->device = device;
	return 0;
}

static const struct hipipc_provider provider_hip_provider = {
	.version = HIPIPC_PROVIDER_VERSION,
	.size = sizeof(struct hipipc_provider),
	.name = "AMD's HIP runtime",
	.find = provider_hip_find,
	.export_memory = hip_export_memory,
	.import_memory = hip_import_memory,
	.release_memory = hip_release_memory,
	.place = provider_hip_place,
};

static int provider_hip_resolve(struct hip_runtime *runtime)
{
	static const char *const hip_names[] = {"libamdhip64.so.7", "libamdhip64.so.6",
						"libamdhip64.so.5", "libamdhip64.so"};
	static const char *const hsa_names[] = {"libhsa-runtime64.so.1",
						"libhsa-runtime64.so"};
	void *hip = loader_find(hip_names, ARRAY_SIZE(hip_names));
	void *hsa = loader_find(hsa_names, ARRAY_SIZE(hsa_names));
	int version, r;

	if (!hip || !hsa)
		return -ENOENT;
	r = loader_resolve(hip, provider_hip_symbols, ARRAY_SIZE(provider_hip_symbols),
			   runtime);
	if (r == 0)
		r = loader_resolve(hsa, provider_hip_hsa_symbols,
				   ARRAY_SIZE(provider_hip_hsa_symbols), &runtime->hsa);
	if (r < 0)
		return r;
	if (runtime->hip.version(&version) != HIP_SUCCESS)
		return -ENODEV;
	runtime->type_device =
		HIP_MAJOR(version) >= 6 ? HIP6_TYPE_DEVICE : HIP5_TYPE_DEVICE;
	return 0;
}

/* Takes no lock: it would stay locked in a child forked meanwhile. */
const struct hipipc_provider *provider_hip(void)
{
	const struct hip_runtime *none = NULL;
	struct hip_runtime *runtime;

	if (hip_runtime())
		return &provider_hip_provider;
	runtime = calloc(1, sizeof(*runtime));
	if (!runtime || provider_hip_resolve(runtime) < 0) {
		free(runtime);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&provider_hip_loaded, &none, runtime))
		free(runtime);
	return &provider_hip_provider;
}
