/* SPDX-License-Identifier: MIT */
/*
 * provider_hip.c - AMD's HIP runtime: loading it, what it knows of a pointer, and the
 *		    dma-buf behind it
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <util.h>

#include "hip_runtime.h"
#include "loader.h"
#include "providers.h"
#include "reason.h"

#define NEEDS(member, symbol) LOADER_NEEDS(struct hip_runtime, hip.member, symbol)
#define WANTS(member, symbol) LOADER_WANTS(struct hip_runtime, hip.member, symbol)

#define ADVICE "allocate it with hipMalloc() on a GPU"

static const struct loader_symbol provider_hip_symbols[] = {
	NEEDS(version, "hipRuntimeGetVersion"),
	NEEDS(error_name, "hipGetErrorName"),
	NEEDS(last_error, "hipGetLastError"),
	NEEDS(peek_error, "hipPeekAtLastError"),
	NEEDS(get_device, "hipGetDevice"),
	WANTS(get_current, "hipCtxGetCurrent"),
	NEEDS(attribute, "hipPointerGetAttribute"),
	NEEDS(address_range, "hipMemGetAddressRange"),
	WANTS(retain, "hipMemRetainAllocationHandle"),
	WANTS(release, "hipMemRelease"),
	WANTS(export_handle, "hipMemExportToShareableHandle"),
	NEEDS(external_import, "hipImportExternalMemory"),
	NEEDS(external_map, "hipExternalMemoryGetMappedBuffer"),
	NEEDS(external_destroy, "hipDestroyExternalMemory"),
	NEEDS(free_memory, "hipFree"),
};

static const struct loader_symbol provider_hip_hsa_symbols[] = {
	LOADER_NEEDS(struct hsa_api, export_dmabuf, "hsa_amd_portable_export_dmabuf"),
};

/* Written once, by whoever resolves it first; then never freed. */
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
 * The program must not find an error of ours in hipGetLastError(); names_sweep() asks
 * about pointers that were freed. One of its own that was there before cannot be put
 * back.
 */
static int provider_hip_look_up_quietly(const struct hip_runtime *runtime,
					uint64_t pointer,
					struct hipipc_allocation *ret_allocation,
					bool *ret_managed)
{
	bool clean = runtime->hip.peek_error() == HIP_SUCCESS;
	int r = provider_hip_look_up(runtime, pointer, ret_allocation, ret_managed);

	if (r < 0 && clean)
		(void)runtime->hip.last_error();
	return r;
}

static int provider_hip_find(uint64_t pointer, struct hipipc_allocation *ret_allocation)
{
	bool managed;

	return provider_hip_look_up_quietly(hip_runtime(), pointer, ret_allocation,
					    &managed);
}

/* ---- export_memory ----------------------------------------------------------------- */

/* Of hipMemCreate(): a dma-buf too. */
static int provider_hip_export_vmm(const struct hip_runtime *runtime,
				   const struct hipipc_allocation *allocation,
				   int *ret_fd)
{
	const struct hip_api *hip = &runtime->hip;
	int result, fd = -1;
	void *handle;

	if (!hip->retain || !hip->release || !hip->export_handle)
		return -EOPNOTSUPP;
	result = hip->retain(&handle, (void *)(uintptr_t)allocation->base);
	if (result != HIP_SUCCESS)
		return -EOPNOTSUPP;
	result = hip->export_handle(&fd, handle, HIP_HANDLE_POSIX_FD, 0);
	hip->release(handle);
	if (result != HIP_SUCCESS)
		return hip_failed(result, "hipMemExportToShareableHandle",
				  "give hipMemCreate() "
				  "hipMemHandleTypePosixFileDescriptor");
	*ret_fd = fd;
	return 0;
}

static int provider_hip_export_any(const struct hip_runtime *runtime,
				   const struct hipipc_allocation *allocation,
				   struct hipipc_backing *ret_backing)
{
	bool clean = runtime->hip.peek_error() == HIP_SUCCESS;
	uint64_t offset = 0;
	int status, r, fd = -1;

	status = runtime->hsa.export_dmabuf((void *)(uintptr_t)allocation->base,
					    allocation->bytes, &fd, &offset);
	if (status == HSA_SUCCESS) {
		ret_backing->offset = offset;
		ret_backing->fd = fd;
		return 0;
	}
	r = provider_hip_export_vmm(runtime, allocation, &fd);
	if (r == 0) {
		ret_backing->offset = 0;
		ret_backing->fd = fd;
		return 0;
	}
	if (clean)
		(void)runtime->hip.last_error();
	if (status == HSA_OUT_OF_RESOURCES)
		return reason(-ENOMEM,
			      "hsa_amd_portable_export_dmabuf: %#x; raise "
			      "RLIMIT_NOFILE",
			      (unsigned int)status);
	return reason(r == -EBADMSG ? -EOPNOTSUPP : r,
		      "hsa_amd_portable_export_dmabuf: %#x; " ADVICE
		      ", with a kernel driver that exports dma-bufs (amdkfd 1.12)",
		      (unsigned int)status);
}

/* The runtime is asked for pointers only: another allocation may be there by now. */
static bool provider_hip_is_still(const struct hip_runtime *runtime,
				  const struct hipipc_allocation *allocation)
{
	struct hipipc_allocation now;
	bool managed;

	return provider_hip_look_up_quietly(runtime, allocation->base, &now, &managed) ==
		       0 &&
	       now.id == allocation->id && now.base == allocation->base &&
	       now.bytes == allocation->bytes;
}

static int provider_hip_export_memory(const struct hipipc_allocation *allocation,
				      struct hipipc_backing *ret_backing)
{
	const struct hip_runtime *runtime = hip_runtime();
	struct hipipc_backing backing = {.fd = -1, .kind = HIPIPC_KIND_DMABUF};
	struct hipipc_allocation now;
	bool managed;
	int r;

	r = provider_hip_look_up_quietly(runtime, allocation->base, &now, &managed);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	if (managed)
		return reason(-EOPNOTSUPP, "managed memory has no descriptor; " ADVICE);
	r = provider_hip_export_any(runtime, allocation, &backing);
	if (!provider_hip_is_still(runtime, allocation))
		r = -ENOENT;
	else if (r == 0 && fcntl(backing.fd, F_SETFD, FD_CLOEXEC) < 0)
		r = reason(-EIO,
			   "the runtime gave descriptor %d, which is none; update it",
			   backing.fd);
	if (r < 0) {
		close_keep_errno(backing.fd);
		return r;
	}
	*ret_backing = backing;
	return 0;
}

/* ---- the rest ---------------------------------------------------------------------- */

static int provider_hip_place(struct hipipc_place *ret_place)
{
	const struct hip_api *hip = &hip_runtime()->hip;
	void *context = NULL;
	int result, device;

	result = hip->get_device(&device);
	if (result != HIP_SUCCESS)
		return hip_failed(result, "hipGetDevice",
				  "see rocminfo(1); after fork(), call exec");
	/* Deprecated, though contexts that were made are still told apart by it. */
	if (hip->get_current && hip->get_current(&context) != HIP_SUCCESS)
		context = NULL;
	ret_place->context = context ? (uintptr_t)context : (uint64_t)device + 1;
	ret_place->device = device;
	return 0;
}

static const struct hipipc_provider provider = {
	.version = HIPIPC_PROVIDER_VERSION,
	.name = "AMD's HIP runtime",
	.find = provider_hip_find,
	.export_memory = provider_hip_export_memory,
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

/* No lock: a child may be forked while it is held. */
const struct hipipc_provider *provider_hip(void)
{
	const struct hip_runtime *none = NULL;
	struct hip_runtime *runtime;

	if (hip_runtime())
		return &provider;
	runtime = calloc(1, sizeof(*runtime));
	if (!runtime || provider_hip_resolve(runtime) < 0) {
		free(runtime);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&provider_hip_loaded, &none, runtime))
		free(runtime);
	return &provider;
}
