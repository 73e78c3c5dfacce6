/* SPDX-License-Identifier: MIT */
/*
 * hipipc.h - libhipipc: CUDA/HIP-style IPC handles over dmabuffs
 *
 * The IPC calls of the HIP runtime, and the same under their CUDA names. A handle is 64
 * plain bytes that may go through a pipe, MPI or a key-value store; they are a name, not
 * a permission: who may open it is decided by open(2) in the instance of dmabuffs that
 * both sides see ($DMABUFFS_MOUNT, else /dev/dma-buf-uuids). Processes need not share
 * PID, IPC, network or user namespaces.
 *
 * Include it after the vendor's header, or without one. Link with -lhipipc before the
 * runtime, or preload it. Which runtime the memory is of is found out at the first call:
 * libhipsoft, AMD's HIP runtime, or the CUDA driver, whichever the process has loaded. No
 * other call of the runtime is replaced. A runtime that is linked statically, as nvcc
 * does unless told otherwise (-cudart shared), keeps its own calls: link -lhipipc before
 * it.
 *
 * All calls may be made from any thread. None waits for another process, except as close
 * waits for streams. A child of fork(2) whose parent had used these calls gets
 * hipErrorNotInitialized from all of them, until it calls exec.
 *
 * Environment, ignored in a set-uid program except HIPIPC_LOG:
 *   HIPIPC_MODE	permission bits of names that are made, octal; 600
 *   HIPIPC_COMPAT	hip or cuda: whose behaviour where they differ; hip
 *   HIPIPC_LOG		none, error, info: what is written to standard error; error, which
 *			leaves hipErrorInvalidValue out
 *
 * Sources: the documentation of these calls in the runtimes' headers, and AMD's public
 * tests of them; the mail by Daniel Vetter of 14 July 2020 on dri-devel for the rest.
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
 * The handle of the allocation that @pointer points into; the offset travels with it
 * (HIPIPC_COMPAT=cuda: only its begin does). The same bytes each time as long as the
 * allocation lives; other ones for another, at the same address too. Should the service
 * of the instance end, the names end; the next call that asks the service finds out, and
 * then get makes new ones.
 *
 * hipErrorInvalidValue: NULL, or no live device memory (freed, one past the end, of the
 * host); hipErrorNotSupported: the runtime cannot export this allocation: the reason
 * tells what to allocate it with; hipErrorOutOfMemory: a limit (of names: dmabuffsd(8));
 * hipErrorInvalidDevicePointer: this user may not export there, only import
 * (dmabuffsd(8), mode=); hipErrorNotInitialized: a forked child; hipErrorNoDevice: no
 * runtime is loaded; hipErrorOperatingSystem: there is no instance of dmabuffs, or its
 * service has ended.
 */
hipError_t hipIpcGetMemHandle(hipIpcMemHandle_t *handle, void *pointer);

/*
 * Maps the memory for the current device. @flags: 0 or hipIpcMemLazyEnablePeerAccess. A
 * handle that is open in this process already gives the same pointer, and is counted.
 * Who may only read the name gets memory that the device only reads (where the runtime
 * knows such memory: libhipsoft).
 * What is mapped stays so until it is closed here, even when the exporter frees it or
 * dies.
 *
 * In this order: hipErrorInvalidValue: @ret_pointer is NULL, unknown flags, or the bytes
 * are no handle; hipErrorInvalidContext: this process made it;
 * hipErrorInvalidResourceHandle: another context of the same device has it open, or its
 * name is no more: freed, revoked, or its exporter has ended;
 * hipErrorInvalidDevicePointer (HIPIPC_COMPAT=cuda: cudaErrorMapBufferObjectFailed):
 * open(2) does not permit it; hipErrorMapFailed: the buffer is not what the handle says,
 * or the runtime cannot map it. And as for get.
 */
hipError_t hipIpcOpenMemHandle(void **ret_pointer, hipIpcMemHandle_t handle,
			       unsigned int flags);

/*
 * Once for each open; the last one unmaps, and before that waits for what works on the
 * memory: with libhipsoft for all streams, for as long as one of them waits for an event
 * of another process. @pointer is what open gave.
 * hipErrorInvalidValue: it is not open here.
 */
hipError_t hipIpcCloseMemHandle(void *pointer);

/* ---- events ------------------------------------------------------------------------ */

/*
 * Of an event made with hipEventInterprocess. With libhipsoft they are a page that both
 * sides have mapped: any number of records, by either side; the name ends with
 * hipEventDestroy(). Events of AMD's and NVIDIA's runtimes are passed on to these.
 *
 * hipErrorInvalidValue: NULL, or no event; hipErrorInvalidResourceHandle: it is not an
 * interprocess one. And as for memory.
 */
hipError_t hipIpcGetEventHandle(hipIpcEventHandle_t *handle, hipEvent_t event);

/*
 * An event that behaves like one made here, to be destroyed with hipEventDestroy(). Each
 * open gives another one. Errors as for memory.
 */
hipError_t hipIpcOpenEventHandle(hipEvent_t *ret_event, hipIpcEventHandle_t handle);

/* ---- what the errors do not tell --------------------------------------------------- */

/*
 * Why the last of these calls that failed in this thread did: one line of English, also
 * written to the log. "" before. Valid until the thread's next call.
 */
const char *hipipcLastReason(void);

/* ---- the same under their CUDA names ----------------------------------------------- */

#ifndef __DRIVER_TYPES_H__
/* Only what these calls can answer; values as hipError_t of the same names. */
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
#endif /* no header of NVIDIA's */

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
