/* SPDX-License-Identifier: MIT */
/*
 * hipipc.h - libhipipc: CUDA/HIP-style IPC handles over dmabuffs
 *
 * The IPC calls of the HIP runtime, with their HIP and CUDA names. A handle is 64 plain
 * bytes that may be passed through a pipe, MPI or a key-value store. It is a name, not a
 * permission: open(2) checks permission, in the instance of dmabuffs that both sides
 * see ($DMABUFFS_MOUNT, else /dev/dma-buf-uuids). The processes need not share PID,
 * IPC, network or user namespaces.
 *
 * Include this header after the vendor's header, or without it. Link with -lhipipc before
 * the runtime, or preload the library. The first call finds the runtime that the process
 * has loaded: libhipsoft, else AMD's HIP runtime, else the CUDA driver. No other call of
 * the runtime is replaced. A runtime that is linked statically, which is nvcc's default
 * (the alternative is -cudart shared), keeps its own calls: link -lhipipc before it.
 *
 * All calls are thread safe. None waits for another process, except that close waits for
 * streams. In a child of fork(2) whose parent had used these calls, all of them return
 * hipErrorNotInitialized until the child calls exec.
 *
 * Environment, ignored in a set-user-ID program except HIPIPC_LOG:
 *   HIPIPC_MODE	permission bits of new names, octal; default 600
 *   HIPIPC_COMPAT	hip or cuda: the behaviour where they differ; by default the
 *			offset follows the spelling of the call, and the rest is hip
 *   HIPIPC_LOG		none, error or info: what is written to standard error; default
 *			error, the reason of each call that fails
 *
 * Sources: the documentation of these calls in the runtimes' headers, AMD's public tests
 * of them, and Daniel Vetter in the thread "[PATCH 1/1] drm/amdkfd: Add IPC API",
 * dri-devel, 14 July 2020.
 */
#ifndef HIPIPC_H
#define HIPIPC_H

#include <hipipc-types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- memory ------------------------------------------------------------------------ */

/*
 * Writes the handle of the allocation that @pointer points into. The handle includes the
 * offset of @pointer; one that cudaIpcGetMemHandle() makes does not. (HIPIPC_COMPAT=hip:
 * both do; cuda: neither.) The bytes stay the same for as long as the allocation lives; a
 * later allocation gets another handle, at the same address too. If the service exits,
 * its names no longer exist; the next get of the allocation makes a new one. Memory that
 * was opened from a handle has no handle of its own: pass the original one on.
 *
 * hipErrorInvalidValue: NULL, or not live device memory (freed, one past the end, host
 * memory); hipErrorNotSupported: the runtime cannot export this allocation, and the
 * reason says how to allocate it instead; hipErrorOutOfMemory: a limit is reached (for
 * names: dmabuffsd(8)); hipErrorInvalidDevicePointer: this user may not export in the
 * instance, only import (dmabuffsd(8), mode=); hipErrorNotInitialized: a forked child;
 * hipErrorNoDevice: no runtime is loaded; hipErrorOperatingSystem: there is no instance
 * of dmabuffs, or its service has exited.
 */
hipError_t hipIpcGetMemHandle(hipIpcMemHandle_t *handle, void *pointer);

/*
 * Maps the memory for the current device, and returns the address of the pointer that the
 * handle was made of; cudaIpcOpenMemHandle() that of the allocation's first byte.
 * (HIPIPC_COMPAT=hip: both the former; cuda: both the latter.) @flags: 0 or
 * hipIpcMemLazyEnablePeerAccess. If the handle is open in this process already, returns
 * the same pointer and counts the open. If the user may only read the name, or the
 * instance is mounted read-only here, the device can only read the memory; that works
 * with libhipsoft only. The mapping stays until it is closed here, even if the exporter
 * frees the memory or exits.
 *
 * Checked in this order: hipErrorInvalidValue: @ret_pointer is NULL, unknown flags, or
 * the bytes are not a handle; hipErrorInvalidContext: this process made the handle;
 * hipErrorInvalidResourceHandle: another context of the same device has it open, or its
 * name no longer exists: it was freed or revoked, its exporter has exited, or it is of
 * another instance (hipipcLastReason() says which);
 * hipErrorInvalidDevicePointer (HIPIPC_COMPAT=cuda: cudaErrorMapBufferObjectFailed):
 * open(2) does not permit it: mode, owner, or a read-only mount; hipErrorMapFailed: the
 * buffer does not match the handle, or the runtime cannot map it. Other errors as for
 * get.
 */
hipError_t hipIpcOpenMemHandle(void **ret_pointer, hipIpcMemHandle_t handle,
			       unsigned int flags);

/*
 * Called once per open, with the pointer that open returned. The last close unmaps the
 * memory and first waits for work that may use it: with libhipsoft for all streams, which
 * may be waiting for an event of another process. hipErrorInvalidValue: it is not open
 * here.
 */
hipError_t hipIpcCloseMemHandle(void *pointer);

/* ---- events ------------------------------------------------------------------------ */

/*
 * Writes the handle of an event created with hipEventInterprocess. With libhipsoft an
 * event is a page that all its processes map; each of them can record it any number of
 * times. hipEventDestroy() removes the name. With AMD's and NVIDIA's runtimes the call is
 * passed on to the runtime.
 *
 * hipErrorInvalidValue: NULL, or not an event; hipErrorInvalidResourceHandle: it is not
 * an interprocess event. Other errors as for memory.
 */
hipError_t hipIpcGetEventHandle(hipIpcEventHandle_t *handle, hipEvent_t event);

/*
 * Returns an event that behaves like one created here. Each open creates another event,
 * to be destroyed with hipEventDestroy(). Errors as for memory.
 */
hipError_t hipIpcOpenEventHandle(hipEvent_t *ret_event, hipIpcEventHandle_t handle);

/* ---- reasons ----------------------------------------------------------------------- */

/*
 * Why the thread's last failed call failed: one line of English, also written to the log.
 * "" if no call has failed. Valid until the thread's next call.
 */
const char *hipipcLastReason(void);

/* ---- the same calls with their CUDA names ------------------------------------------ */

#ifndef __DRIVER_TYPES_H__
/* The errors that these calls return; the values equal those of hipError_t. */
typedef enum cudaError {
	cudaSuccess = 0,
	cudaErrorInvalidValue = 1,
	cudaErrorMemoryAllocation = 2,
	cudaErrorInitializationError = 3,
	cudaErrorInvalidDevicePointer = 17,
	cudaErrorNoDevice = 100,
	cudaErrorDeviceUninitialized = 201,
	cudaErrorMapBufferObjectFailed = 205,
	cudaErrorOperatingSystem = 304,
	cudaErrorInvalidResourceHandle = 400,
	cudaErrorNotSupported = 801,
	cudaErrorUnknown = 999
} cudaError_t;

typedef struct CUevent_st *cudaEvent_t;

#define CUDA_IPC_HANDLE_SIZE 64
typedef struct cudaIpcMemHandle_st {
	char reserved[CUDA_IPC_HANDLE_SIZE];
} cudaIpcMemHandle_t;
typedef struct cudaIpcEventHandle_st {
	char reserved[CUDA_IPC_HANDLE_SIZE];
} cudaIpcEventHandle_t;

#define cudaIpcMemLazyEnablePeerAccess 0x01
#endif /* NVIDIA's header */

#ifndef __CUDA_RUNTIME_API_H__
cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *pointer);
cudaError_t cudaIpcOpenMemHandle(void **ret_pointer, cudaIpcMemHandle_t handle,
				 unsigned int flags);
cudaError_t cudaIpcCloseMemHandle(void *pointer);
cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t *handle, cudaEvent_t event);
cudaError_t cudaIpcOpenEventHandle(cudaEvent_t *ret_event, cudaIpcEventHandle_t handle);
#endif

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
