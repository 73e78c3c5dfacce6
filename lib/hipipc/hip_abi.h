/* SPDX-License-Identifier: MIT */
/*
 * hip_abi.h - the calls of AMD's HIP runtime that libhipipc uses
 *
 * Declared here so that the build does not need AMD's headers. Names, values and layouts
 * are those of hip_runtime_api.h and driver_types.h of HIP 5.2 to 7. Descriptors of
 * external memory have grown since 5.2: they are passed in the later layout, zeroed.
 */
#ifndef HIPIPC_HIP_ABI_H
#define HIPIPC_HIP_ABI_H

#include <stddef.h>
#include <stdint.h>

/* hipError_t */
#define HIP_SUCCESS          0
#define HIP_INVALID_VALUE    1
#define HIP_OUT_OF_MEMORY    2
#define HIP_NOT_INITIALIZED  3
#define HIP_NO_DEVICE        100
#define HIP_INVALID_DEVICE   101
#define HIP_OPERATING_SYSTEM 304
#define HIP_INVALID_HANDLE   400
#define HIP_NOT_SUPPORTED    801

/* hipPointer_attribute */
#define HIP_POINTER_TYPE      2
#define HIP_POINTER_BUFFER_ID 7
#define HIP_POINTER_MANAGED   8

/* HIP 6 renumbered hipMemoryType. */
#define HIP5_TYPE_DEVICE   1
#define HIP6_TYPE_DEVICE   2
#define HIP_MAJOR(version) ((version) / 10000000)

#define HIP_HANDLE_POSIX_FD 1 /* hipMemAllocationHandleType */
#define HIP_EXTERNAL_FD     1 /* hipExternalMemoryHandleType */

struct hip_external_handle {
	int type;
	union {
		int fd;
		void *win32[2];
	} handle;
	unsigned long long size;
	unsigned int flags;
	unsigned int reserved[16];
};
_Static_assert(sizeof(struct hip_external_handle) == 104, "hipExternalMemoryHandleDesc");
_Static_assert(offsetof(struct hip_external_handle, size) == 24,
	       "hipExternalMemoryHandleDesc");

struct hip_external_buffer {
	unsigned long long offset;
	unsigned long long size;
	unsigned int flags;
	unsigned int reserved[16];
};
_Static_assert(sizeof(struct hip_external_buffer) == 88, "hipExternalMemoryBufferDesc");

/* Calls marked "may be NULL" are not in every version. */
struct hip_api {
	int (*version)(int *ret_version); /* hipRuntimeGetVersion() */
	const char *(*error_name)(int error);
	int (*last_error)(void);
	int (*peek_error)(void);

	int (*get_device)(int *ret_device);
	int (*get_current)(void **ret_context); /* may be NULL */

	int (*attribute)(void *ret_data, int attribute, void *pointer);
	int (*address_range)(void **ret_base, size_t *ret_bytes, void *pointer);

	int (*retain)(void **ret_handle, void *address); /* may be NULL */
	int (*release)(void *handle);                    /* may be NULL */
	int (*export_handle)(void *ret_fd, void *handle, int type,
			     unsigned long long flags); /* may be NULL */

	int (*external_import)(void **ret_external,
			       const struct hip_external_handle *handle);
	int (*external_map)(void **ret_pointer, void *external,
			    const struct hip_external_buffer *buffer);
	int (*external_destroy)(void *external);
	int (*free_memory)(void *pointer);
};

#endif
