/* SPDX-License-Identifier: MIT */
/* hip_runtime.h - shared by the files of the HIP provider */
#ifndef HIPIPC_HIP_RUNTIME_H
#define HIPIPC_HIP_RUNTIME_H

#include <stdbool.h>

#include <hipipc-provider.h>

#include "hip_abi.h"
#include "hsa_abi.h"

struct hip_runtime {
	struct hip_api hip;
	struct hsa_api hsa;
	uint64_t type_device; /* hipMemoryType of device memory */
};

/* The runtime's calls. Valid once provider_hip() has returned a provider. */
const struct hip_runtime *hip_runtime(void);

/* Sets the reason, that @call returned @result, with @advice. A negative errno. */
int hip_failed(int result, const char *call, const char *advice);

/* find() of the provider, and whether the memory is managed. Keeps hipGetLastError(). */
int hip_look_up(uint64_t pointer, struct hipipc_allocation *ret_allocation,
		bool *ret_managed);

/* Callbacks of struct hipipc_provider. */
int hip_export_memory(const struct hipipc_allocation *allocation,
		      struct hipipc_backing *ret_backing);
int hip_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer);
int hip_release_memory(uint64_t pointer);

#endif
