/* SPDX-License-Identifier: MIT */
/* hip_runtime.h - what the files of the HIP provider share */
#ifndef HIPIPC_HIP_RUNTIME_H
#define HIPIPC_HIP_RUNTIME_H

#include <hipipc-provider.h>

#include "hip_abi.h"
#include "hsa_abi.h"

struct hip_runtime {
	struct hip_api hip;
	struct hsa_api hsa;
	uint64_t type_device; /* hipMemoryType of device memory */
};

/* The runtime's calls; provider_hip() has answered before. */
const struct hip_runtime *hip_runtime(void);

/* Notes that @call answered @result, and what to do about it: a negative errno. */
int hip_failed(int result, const char *call, const char *advice);

/* As hipipc-provider.h has them. */
int hip_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer);
int hip_release_memory(uint64_t pointer);

#endif
