/* SPDX-License-Identifier: MIT */
/* cuda_export.h - the descriptor of device memory */
#ifndef HIPIPC_CUDA_EXPORT_H
#define HIPIPC_CUDA_EXPORT_H

#include <hipipc-provider.h>

#include <stdbool.h>

/* Properties that determine how memory can be exported. */
struct cuda_memory {
	bool managed;
	uint64_t handle_types; /* CUmemAllocationHandleType of a mapping */
};

/* find() of the provider, with the memory's properties. In provider_cuda.c. */
int cuda_look_up(uint64_t pointer, struct hipipc_allocation *ret_allocation,
		 struct cuda_memory *ret_memory);

int cuda_export_memory(const struct hipipc_allocation *allocation,
		       struct hipipc_backing *ret_backing);

#endif
