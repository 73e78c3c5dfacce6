/* SPDX-License-Identifier: MIT */
/*
 * hsa_abi.h - the call of AMD's HSA runtime that libhipipc uses
 *
 * hsa_amd_portable_export_dmabuf() as hsa_ext_amd.h of ROCm 5.6 declares it.
 */
#ifndef HIPIPC_HSA_ABI_H
#define HIPIPC_HSA_ABI_H

#include <stddef.h>
#include <stdint.h>

/* hsa_status_t */
#define HSA_SUCCESS          0
#define HSA_NOT_INITIALIZED  0x100b
#define HSA_OUT_OF_RESOURCES 0x1008

struct hsa_api {
	int (*export_dmabuf)(const void *pointer, size_t bytes, int *ret_fd,
			     uint64_t *ret_offset);
};

#endif
