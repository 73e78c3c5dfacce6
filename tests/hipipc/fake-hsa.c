/* SPDX-License-Identifier: MIT */
/*
 * fake-hsa.c - libhsa-runtime64.so.1 of the tests; see fake.h
 *
 * With FAKE_OLD defined: the library of a ROCm before 5.6, which cannot export.
 */
#include "fake.h"
#include "hsa_abi.h"

static fake_hsa_export_fn export_fn;

FAKE_EXPORT void fake_hsa_export_by(fake_hsa_export_fn fn)
{
	export_fn = fn;
}

#ifndef FAKE_OLD
FAKE_EXPORT int hsa_amd_portable_export_dmabuf(const void *pointer, size_t bytes,
					       int *ret_fd, uint64_t *ret_offset);

int hsa_amd_portable_export_dmabuf(const void *pointer, size_t bytes, int *ret_fd,
				   uint64_t *ret_offset)
{
	return export_fn ? export_fn(pointer, bytes, ret_fd, ret_offset)
			 : HSA_NOT_INITIALIZED;
}
#endif
