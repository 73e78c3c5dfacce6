/* SPDX-License-Identifier: MIT */
/* cuda_driver.h - what the files of the CUDA provider share */
#ifndef HIPIPC_CUDA_DRIVER_H
#define HIPIPC_CUDA_DRIVER_H

#include <hipipc-provider.h>

#include "cuda_abi.h"

/* What to do about memory that cannot be exported. */
#define CUDA_ADVICE                                                                      \
	"allocate it with cuMemCreate() and CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR "   \
	"(PyTorch: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True)"

/* The driver's calls; provider_cuda() has answered before. */
const struct cuda_api *cuda_driver(void);

/* Notes that @call answered @result, and what to do about it: a negative errno. */
int cuda_failed(int result, const char *call, const char *advice);

/* As hipipc-provider.h has them. */
int cuda_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		       uint64_t *ret_pointer);
int cuda_release_memory(uint64_t pointer);
int cuda_place(struct hipipc_place *ret_place);

#endif
