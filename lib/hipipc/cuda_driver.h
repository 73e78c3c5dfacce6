/* SPDX-License-Identifier: MIT */
/* cuda_driver.h - shared by the files of the CUDA provider */
#ifndef HIPIPC_CUDA_DRIVER_H
#define HIPIPC_CUDA_DRIVER_H

#include <hipipc-provider.h>

#include "cuda_abi.h"

/* Advice for memory that cannot be exported. */
#define CUDA_ADVICE                                                                      \
	"allocate it with cuMemCreate() and CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR "   \
	"(PyTorch: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True)"

/* The driver's calls. Valid once provider_cuda() has returned a provider. */
const struct cuda_api *cuda_driver(void);

/* Sets the reason, that @call returned @result, with @advice. A negative errno. */
int cuda_failed(int result, const char *call, const char *advice);

/* Callbacks of struct hipipc_provider. */
int cuda_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		       uint64_t *ret_pointer);
int cuda_release_memory(uint64_t pointer);
int cuda_place(struct hipipc_place *ret_place);

#endif
