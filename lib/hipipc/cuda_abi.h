/* SPDX-License-Identifier: MIT */
/*
 * cuda_abi.h - the calls of the CUDA driver that libhipipc uses
 *
 * Declared here so that the build does not need NVIDIA's headers. Names, values and
 * layouts are those of cuda.h of the CUDA toolkit 13.0, unchanged since 11.7.
 */
#ifndef HIPIPC_CUDA_ABI_H
#define HIPIPC_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

/* CUresult */
#define CUDA_SUCCESS           0
#define CUDA_INVALID_VALUE     1
#define CUDA_OUT_OF_MEMORY     2
#define CUDA_NOT_INITIALIZED   3
#define CUDA_DEINITIALIZED     4
#define CUDA_NO_DEVICE         100
#define CUDA_INVALID_DEVICE    101
#define CUDA_OPERATING_SYSTEM  304
#define CUDA_INVALID_HANDLE    400
#define CUDA_CONTEXT_DESTROYED 709
#define CUDA_NOT_PERMITTED     800
#define CUDA_NOT_SUPPORTED     801

/* CUpointer_attribute */
#define CUDA_POINTER_MEMORY_TYPE  2
#define CUDA_POINTER_BUFFER_ID    7
#define CUDA_POINTER_IS_MANAGED   8
#define CUDA_POINTER_LEGACY_IPC   10
#define CUDA_POINTER_RANGE_START  11
#define CUDA_POINTER_RANGE_SIZE   12
#define CUDA_POINTER_HANDLE_TYPES 14
#define CUDA_POINTER_MAPPING_SIZE 18 /* CUDA 12 */
#define CUDA_POINTER_MAPPING_BASE 19
#define CUDA_POINTER_BLOCK_ID     20

#define CUDA_MEMORY_TYPE_DEVICE  2 /* CUmemorytype */
#define CUDA_HANDLE_POSIX_FD     1 /* CUmemAllocationHandleType */
#define CUDA_RANGE_DMA_BUF_FD    1 /* CUmemRangeHandleType */
#define CUDA_EXTERNAL_DMA_BUF_FD 9 /* CUexternalMemoryHandleType */
#define CUDA_LOCATION_DEVICE     1 /* CUmemLocationType */
#define CUDA_ACCESS_READWRITE    3 /* CUmemAccess_flags */
#define CUDA_GRANULARITY_MINIMUM 0 /* CUmemAllocationGranularity_flags */

typedef uint64_t cuda_pointer; /* CUdeviceptr */
typedef uint64_t cuda_handle;  /* CUmemGenericAllocationHandle */

struct cuda_location {
	int type;
	int id;
};

struct cuda_allocation_prop {
	int type;
	int handle_types;
	struct cuda_location location;
	void *win32;
	uint8_t flags[8];
};
_Static_assert(sizeof(struct cuda_allocation_prop) == 32, "CUmemAllocationProp");

struct cuda_access {
	struct cuda_location location;
	int flags;
};
_Static_assert(sizeof(struct cuda_access) == 12, "CUmemAccessDesc");

struct cuda_external_handle {
	int type;
	union {
		int fd;
		void *win32[2];
	} handle;
	unsigned long long size;
	unsigned int flags;
	unsigned int reserved[16];
};
_Static_assert(sizeof(struct cuda_external_handle) == 104,
	       "CUDA_EXTERNAL_MEMORY_HANDLE_DESC");
_Static_assert(offsetof(struct cuda_external_handle, size) == 24,
	       "CUDA_EXTERNAL_MEMORY_HANDLE_DESC");

struct cuda_external_buffer {
	unsigned long long offset;
	unsigned long long size;
	unsigned int flags;
	unsigned int reserved[16];
};
_Static_assert(sizeof(struct cuda_external_buffer) == 88,
	       "CUDA_EXTERNAL_MEMORY_BUFFER_DESC");

/* Calls marked "may be NULL" were added after CUDA 10.2. */
struct cuda_api {
	int (*init)(unsigned int flags);
	int (*error_name)(int result, const char **ret_name); /* may be NULL */

	int (*get_current)(void **ret_context);
	int (*set_current)(void *context);
	int (*get_device)(int *ret_device);
	int (*context_id)(void *context, unsigned long long *ret_id); /* may be NULL */
	int (*primary_retain)(void **ret_context, int device);
	int (*primary_release)(int device);

	int (*attribute)(void *ret_data, int attribute, cuda_pointer pointer);
	int (*attributes)(unsigned int n, int *attributes, void **ret_data,
			  cuda_pointer pointer);

	int (*retain)(cuda_handle *ret_handle, void *address); /* may be NULL */
	int (*release)(cuda_handle handle);
	int (*export_handle)(void *ret_fd, cuda_handle handle, int type,
			     unsigned long long flags);
	int (*import_handle)(cuda_handle *ret_handle, void *fd, int type);
	int (*properties)(struct cuda_allocation_prop *ret_prop, cuda_handle handle);
	int (*granularity)(size_t *ret_bytes, const struct cuda_allocation_prop *prop,
			   int option);
	int (*reserve)(cuda_pointer *ret_pointer, size_t bytes, size_t alignment,
		       cuda_pointer address, unsigned long long flags);
	int (*unreserve)(cuda_pointer pointer, size_t bytes);
	int (*map)(cuda_pointer pointer, size_t bytes, size_t offset, cuda_handle handle,
		   unsigned long long flags);
	int (*unmap)(cuda_pointer pointer, size_t bytes);
	int (*set_access)(cuda_pointer pointer, size_t bytes,
			  const struct cuda_access *access, size_t n);

	int (*range_handle)(void *ret_fd, cuda_pointer pointer, size_t bytes, int type,
			    unsigned long long flags); /* may be NULL */
	int (*external_import)(void **ret_external,
			       const struct cuda_external_handle *handle);
	int (*external_map)(cuda_pointer *ret_pointer, void *external,
			    const struct cuda_external_buffer *buffer);
	int (*external_destroy)(void *external);
	int (*free_memory)(cuda_pointer pointer);
};

#endif
