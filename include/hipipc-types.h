/* SPDX-License-Identifier: MIT */
/*
 * hipipc-types.h - the HIP types that the IPC calls and the software runtime use
 *
 * Names, values and layouts are those of the runtime's public headers (HIP 6), so that
 * objects compiled with either header can be linked together. If the vendor's header was
 * included before, this one declares nothing.
 */
#ifndef HIPIPC_TYPES_H
#define HIPIPC_TYPES_H

#ifndef HIP_INCLUDE_HIP_HIP_RUNTIME_API_H

#include <stddef.h>

typedef enum hipError_t {
	hipSuccess = 0,
	hipErrorInvalidValue = 1,
	hipErrorOutOfMemory = 2,
	hipErrorMemoryAllocation = 2,
	hipErrorNotInitialized = 3,
	hipErrorInitializationError = 3,
	hipErrorDeinitialized = 4,
	hipErrorInvalidConfiguration = 9,
	hipErrorInvalidDevicePointer = 17,
	hipErrorInvalidMemcpyDirection = 21,
	hipErrorInsufficientDriver = 35,
	hipErrorNoDevice = 100,
	hipErrorInvalidDevice = 101,
	hipErrorInvalidContext = 201,
	hipErrorMapFailed = 205,
	hipErrorMapBufferObjectFailed = 205,
	hipErrorUnmapFailed = 206,
	hipErrorAlreadyMapped = 208,
	hipErrorNotMapped = 211,
	hipErrorPeerAccessUnsupported = 217,
	hipErrorSharedObjectSymbolNotFound = 302,
	hipErrorSharedObjectInitFailed = 303,
	hipErrorOperatingSystem = 304,
	hipErrorInvalidHandle = 400,
	hipErrorInvalidResourceHandle = 400,
	hipErrorIllegalState = 401,
	hipErrorNotFound = 500,
	hipErrorNotReady = 600,
	hipErrorIllegalAddress = 700,
	hipErrorLaunchOutOfResources = 701,
	hipErrorLaunchTimeOut = 702,
	hipErrorPeerAccessAlreadyEnabled = 704,
	hipErrorPeerAccessNotEnabled = 705,
	hipErrorContextIsDestroyed = 709,
	hipErrorLaunchFailure = 719,
	hipErrorNotSupported = 801,
	hipErrorUnknown = 999
} hipError_t;

typedef int hipDevice_t;
typedef struct ihipCtx_t *hipCtx_t;
typedef struct ihipStream_t *hipStream_t; /* NULL: the default stream */
typedef struct ihipEvent_t *hipEvent_t;

#define hipStreamDefault     0x00
#define hipStreamNonBlocking 0x01

#define hipEventDefault       0x0
#define hipEventBlockingSync  0x1
#define hipEventDisableTiming 0x2
#define hipEventInterprocess  0x4

typedef enum hipMemcpyKind {
	hipMemcpyHostToHost = 0,
	hipMemcpyHostToDevice = 1,
	hipMemcpyDeviceToHost = 2,
	hipMemcpyDeviceToDevice = 3,
	hipMemcpyDefault = 4
} hipMemcpyKind;

/* As in HIP 6 and CUDA; HIP 5 used other values. */
typedef enum hipMemoryType {
	hipMemoryTypeUnregistered = 0,
	hipMemoryTypeHost = 1,
	hipMemoryTypeDevice = 2,
	hipMemoryTypeManaged = 3
} hipMemoryType;

typedef struct hipPointerAttribute_t {
	enum hipMemoryType type;
	int device;
	void *devicePointer;
	void *hostPointer;
	int isManaged;
	unsigned allocationFlags;
} hipPointerAttribute_t;

#define HIP_IPC_HANDLE_SIZE 64
typedef struct hipIpcMemHandle_st {
	char reserved[HIP_IPC_HANDLE_SIZE];
} hipIpcMemHandle_t;
typedef struct hipIpcEventHandle_st {
	char reserved[HIP_IPC_HANDLE_SIZE];
} hipIpcEventHandle_t;

#define hipIpcMemLazyEnablePeerAccess 0x01

/* The layout is the ABI of the vendor's runtime. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(hipIpcMemHandle_t) == 64, "hipIpcMemHandle_t");
_Static_assert(sizeof(hipIpcEventHandle_t) == 64, "hipIpcEventHandle_t");
_Static_assert(offsetof(hipPointerAttribute_t, device) == 4, "hipPointerAttribute_t");
_Static_assert(offsetof(hipPointerAttribute_t, devicePointer) == 8,
	       "hipPointerAttribute_t");
_Static_assert(offsetof(hipPointerAttribute_t, isManaged) == 8 + 2 * sizeof(void *),
	       "hipPointerAttribute_t");
#endif

#endif /* the vendor's header */

#endif
