/* SPDX-License-Identifier: MIT */
/* entry.c - hipGetProcAddress() */
#include <dlfcn.h>
#include <string.h>

#include "runtime.h"

struct entry {
	const char *name;
	void *function;
};

#define ENTRY(call) ((struct entry){.name = #call, .function = (void *)(call)})

/* All calls of libhipsoft.map. */
static const struct entry entry_table[] = {
	ENTRY(hipCtxCreate),
	ENTRY(hipCtxDestroy),
	ENTRY(hipCtxGetCurrent),
	ENTRY(hipCtxPopCurrent),
	ENTRY(hipCtxPushCurrent),
	ENTRY(hipCtxSetCurrent),
	ENTRY(hipDeviceCanAccessPeer),
	ENTRY(hipDeviceDisablePeerAccess),
	ENTRY(hipDeviceEnablePeerAccess),
	ENTRY(hipDeviceGet),
	ENTRY(hipDeviceGetAttribute),
	ENTRY(hipDeviceGetName),
	ENTRY(hipDeviceReset),
	ENTRY(hipDeviceSynchronize),
	ENTRY(hipDeviceTotalMem),
	ENTRY(hipDriverGetVersion),
	ENTRY(hipEventCreate),
	ENTRY(hipEventCreateWithFlags),
	ENTRY(hipEventDestroy),
	ENTRY(hipEventElapsedTime),
	ENTRY(hipEventQuery),
	ENTRY(hipEventRecord),
	ENTRY(hipEventSynchronize),
	ENTRY(hipFree),
	ENTRY(hipGetDevice),
	ENTRY(hipGetDeviceCount),
	ENTRY(hipGetErrorName),
	ENTRY(hipGetErrorString),
	ENTRY(hipGetLastError),
	ENTRY(hipGetProcAddress),
	ENTRY(hipHostFree),
	ENTRY(hipHostMalloc),
	ENTRY(hipInit),
	ENTRY(hipMalloc),
	ENTRY(hipMemGetAddressRange),
	ENTRY(hipMemGetInfo),
	ENTRY(hipMemcpy),
	ENTRY(hipMemcpyAsync),
	ENTRY(hipMemcpyDtoD),
	ENTRY(hipMemcpyDtoH),
	ENTRY(hipMemcpyHtoD),
	ENTRY(hipMemset),
	ENTRY(hipMemsetAsync),
	ENTRY(hipPeekAtLastError),
	ENTRY(hipPointerGetAttributes),
	ENTRY(hipRuntimeGetVersion),
	ENTRY(hipSetDevice),
	ENTRY(hipStreamCreate),
	ENTRY(hipStreamCreateWithFlags),
	ENTRY(hipStreamDestroy),
	ENTRY(hipStreamQuery),
	ENTRY(hipStreamSynchronize),
	ENTRY(hipStreamWaitEvent),
	ENTRY(hipsoftVectorAdd),
	{"hipGetDeviceProperties", (void *)hipsoftGetDeviceProperties},
};

static void *entry_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(entry_table); i++)
		if (strcmp(entry_table[i].name, name) == 0)
			return entry_table[i].function;
	/* Those of libhipipc, which is not linked with this library. */
	return strncmp(name, "hipIpc", 6) == 0 ? dlsym(RTLD_DEFAULT, name) : NULL;
}

_public_ hipError_t hipGetProcAddress(const char *name, void **ret_function, int version,
				      uint64_t flags,
				      hipDriverProcAddressQueryResult *ret_status)
{
	hipDriverProcAddressQueryResult status = HIP_GET_PROC_ADDRESS_SUCCESS;
	int r = runtime_enter();

	if (r == 0 && (!name || !ret_function || flags || version <= 0))
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	*ret_function = entry_find(name);
	if (!*ret_function) {
		status = HIP_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
		r = -EINVAL;
	}
	if (ret_status)
		*ret_status = status;
	return runtime_result(r);
}
