/* SPDX-License-Identifier: MIT */
/*
 * hipsoft.h - libhipsoft: a software runtime with the names of HIP
 *
 * For machines without a GPU: enough of the HIP runtime for programs that allocate,
 * copy, record events and share memory through libhipipc. Its devices are libaccel's
 * software devices, in the process itself. It is not a GPU runtime, launches no kernels,
 * and a program gets it only by linking with -lhipsoft; libhipipc never brings it along.
 *
 * Device memory is not mapped for the CPU: a pointer to it that is dereferenced by the
 * program faults, as on a GPU. Every access is a command of a device.
 *
 * Streams execute in order, each in a thread of its own. The default stream (NULL) waits
 * for all other streams of its device except those made with hipStreamNonBlocking, and
 * they wait for it.
 *
 * A stream in which a command failed drops what it has been given so far, and takes
 * nothing more: calls that would give it something answer the error, too, until it is
 * reported. That is done by the first call that synchronizes with it:
 * hipStreamSynchronize(), hipStreamQuery(), hipDeviceSynchronize(), or a hipMemcpy() or
 * hipMemset() without Async. From then on it works again. Who waits in another thread
 * meanwhile gets the error as well, and so does each hipMemcpy() and hipMemset() that was
 * dropped. Destroying a stream succeeds in any case. hipErrorIllegalAddress: memory that
 * is not mapped or was revoked; hipErrorContextIsDestroyed: it waited for an event whose
 * recorder has died, or that another process's stream failed to reach. Events that it had
 * recorded and did not reach fail, and so do the streams that wait for them. What comes
 * after it only by the rule of the default stream goes on.
 *
 * All calls may be made from any thread. The current device and context are the
 * thread's. In a child of fork(2) whose parent had used the runtime every call answers
 * hipErrorNotInitialized, until exec. A call that fails changes nothing. NULL outputs,
 * unknown flags, and pointers and handles that are not of this runtime:
 * hipErrorInvalidValue, unless said otherwise.
 *
 * Errors that any call may answer: hipErrorNotInitialized and hipErrorNoDevice as said
 * here; hipErrorOutOfMemory: memory, descriptors (RLIMIT_NOFILE), threads, or queues of
 * the device (1024 streams); hipErrorLaunchFailure: a device does not go on, or the page
 * of an interprocess event says what cannot be, which is the work of a process that has
 * it; hipErrorUnknown: the kernel refused what it never refuses, or an event's page has
 * no place for one more process.
 *
 * Fork: what a child inherits it cannot use, but it holds it: device memory that is freed
 * is the system's again when no forked child that has not called exec holds it any more,
 * although hipMemGetInfo() counts it as free at once.
 *
 * Signals: memory that came through hipIpcOpenMemHandle() can be truncated by its owner,
 * so the first call sets a handler for SIGBUS. It hands on what is not its own to the
 * handler that was there before; a program that sets one later (sigaction(2), not
 * signal(2)) has to hand on in the same way what is not its own, or others can kill it.
 * The threads of streams do not block SIGBUS. SIGURG, which is ignored by default, may
 * come when memory is freed.
 *
 * Environment, read at the first call, ignored in a set-uid program:
 *   HIPSOFT_DEVICES	how many devices, 1 to 8; 1
 *   HIPSOFT_MEMORY	of each, in MiB; 1024
 * A value that makes no sense: hipErrorNoDevice, and the next call looks again.
 */
#ifndef HIPSOFT_H
#define HIPSOFT_H

#include <hipipc.h>

/* What the compiler can test for, since the vendor's header does not have it. */
#define HIPSOFT_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- devices and contexts ---------------------------------------------------------- */

hipError_t hipInit(unsigned int flags); /* 0; optional */
hipError_t hipGetDeviceCount(int *ret_count);
hipError_t hipSetDevice(int device); /* hipErrorInvalidDevice */
hipError_t hipGetDevice(int *ret_device);
/* Waits for all streams of the device; their first error, by which all are reported. */
hipError_t hipDeviceSynchronize(void);

/*
 * Contexts of a device share its memory; each has its own default stream. A new one is
 * current for the calling thread, on top of a stack. Destroying it destroys its streams,
 * and what is open there through hipIpcOpenMemHandle() stays until it is closed.
 * hipSetDevice() makes the device's primary context current; that one cannot be
 * destroyed (hipErrorInvalidContext, as for an unknown one). Destroying waits for the
 * streams and for what they wait for, which can be other processes; a few bytes of the
 * context stay until the process ends, since other threads may have it as their current
 * one.
 */
hipError_t hipCtxCreate(hipCtx_t *ret_context, unsigned int flags, hipDevice_t device);
hipError_t hipCtxDestroy(hipCtx_t context);
hipError_t hipCtxSetCurrent(hipCtx_t context); /* NULL: the primary one of device 0 */
hipError_t hipCtxGetCurrent(hipCtx_t *ret_context);
hipError_t hipCtxPushCurrent(hipCtx_t context);
hipError_t hipCtxPopCurrent(hipCtx_t *ret_context); /* may be NULL */

/*
 * Different devices can always reach each other's memory, once that is enabled; a device
 * and itself: 0. Enable: for the current device, @flags 0. hipErrorInvalidDevice: itself
 * or unknown; hipErrorPeerAccessAlreadyEnabled, hipErrorPeerAccessNotEnabled. Disable
 * waits for all streams of all devices first; what another thread gives one meanwhile
 * may fail, if it relies on it.
 */
hipError_t hipDeviceCanAccessPeer(int *ret_can, int device, int peer);
hipError_t hipDeviceEnablePeerAccess(int peer, unsigned int flags);
hipError_t hipDeviceDisablePeerAccess(int peer);

/* ---- memory ------------------------------------------------------------------------ */

/*
 * Zeroed memory of the current device; 0 bytes give NULL. Nobody whom it is shared with
 * can take it away: it is sealed against shrinking, so that revoking it is refused
 * (EBUSY), too. hipErrorOutOfMemory: the device's memory, or the process's descriptors
 * (RLIMIT_NOFILE: one an allocation).
 */
hipError_t hipMalloc(void **ret_pointer, size_t bytes);

/*
 * Waits for all streams of all devices first, and so for as long as one of them waits
 * for an event of another process. NULL does nothing. @pointer is what hipMalloc() gave;
 * what hipIpcOpenMemHandle() gave is hipErrorInvalidValue, as everything else. A name
 * that was made of it ends; who has it open keeps it.
 */
hipError_t hipFree(void *pointer);
hipError_t hipMemGetInfo(size_t *ret_free, size_t *ret_total);

/*
 * Device pointers are told from others by their values; a kind that contradicts them is
 * hipErrorInvalidMemcpyDirection, a range that leaves its allocation
 * hipErrorInvalidValue, as one that begins just behind it or touches it at all without
 * being within it. The ones without Async return when the copy is done. Async ones
 * whose host side is ordinary memory need it to stay as it is until then. Source and
 * destination must not overlap.
 */
hipError_t hipMemcpy(void *dst, const void *src, size_t bytes, hipMemcpyKind kind);
hipError_t hipMemcpyAsync(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
			  hipStream_t stream);
hipError_t hipMemcpyHtoD(void *dst, const void *src, size_t bytes);
hipError_t hipMemcpyDtoH(void *dst, const void *src, size_t bytes);
hipError_t hipMemcpyDtoD(void *dst, const void *src, size_t bytes);
hipError_t hipMemset(void *dst, int value, size_t bytes);
hipError_t hipMemsetAsync(void *dst, int value, size_t bytes, hipStream_t stream);

/*
 * Of device memory: type, device, devicePointer (which is @pointer). hipErrorInvalidValue
 * for all other pointers.
 */
hipError_t hipPointerGetAttributes(hipPointerAttribute_t *ret_attributes,
				   const void *pointer);
hipError_t hipMemGetAddressRange(void **ret_base, size_t *ret_bytes, void *pointer);

/* ---- streams and events ------------------------------------------------------------ */

/* hipErrorInvalidHandle: no such stream, or destroyed. Destroying one waits for it. */
hipError_t hipStreamCreate(hipStream_t *ret_stream);
hipError_t hipStreamCreateWithFlags(hipStream_t *ret_stream, unsigned int flags);
hipError_t hipStreamDestroy(hipStream_t stream);

/*
 * Of the default stream they are also about those that it waits for and that wait for it:
 * whether these have done what they were given so far, but not whether it failed.
 */
hipError_t hipStreamSynchronize(hipStream_t stream);
hipError_t hipStreamQuery(hipStream_t stream); /* hipErrorNotReady */

/*
 * What comes later waits for the event's last record so far, of whatever process. Of a
 * shared event no more than 128 records should be outstanding, of all processes together:
 * one that another process has made, and after which 128 more were made before it was
 * reached, counts as reached when a newer one has been, and as failed when that one's
 * stream has failed or its process has died.
 */
hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event, unsigned int flags);

/*
 * hipErrorInvalidHandle: no such event, or destroyed. hipEventInterprocess needs
 * hipEventDisableTiming too. Destroying an event that others
 * wait for, here or in other processes, lets them finish.
 */
hipError_t hipEventCreate(hipEvent_t *ret_event);
hipError_t hipEventCreateWithFlags(hipEvent_t *ret_event, unsigned int flags);
hipError_t hipEventDestroy(hipEvent_t event);
hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream);

/*
 * Of the last record, whichever process made it; never recorded is ready.
 * hipErrorContextIsDestroyed: the process that recorded it died before it was reached, or
 * its stream failed. Of one that is not shared: the error of that stream.
 */
hipError_t hipEventQuery(hipEvent_t event); /* hipErrorNotReady */
hipError_t hipEventSynchronize(hipEvent_t event);
/* hipErrorInvalidHandle: one has no timing, or was not recorded. */
hipError_t hipEventElapsedTime(float *ret_ms, hipEvent_t start, hipEvent_t stop);

/* ---- errors ------------------------------------------------------------------------ */

/* Never NULL; "unrecognized error code" for what is none. */
const char *hipGetErrorName(hipError_t error);
const char *hipGetErrorString(hipError_t error);
/* The last error of the thread, hipErrorNotReady excepted; get clears it, peek does not.
 */
hipError_t hipGetLastError(void);
hipError_t hipPeekAtLastError(void);

/* ---- what the device can do, where a GPU would run a kernel ------------------------ */

/*
 * dst[i] = src[i] + src2[i] for @n floats of device memory that the stream's device
 * reaches; dst may be one of the others, but not overlap it otherwise. Asynchronous.
 */
hipError_t hipsoftVectorAdd(float *dst, const float *src, const float *src2, size_t n,
			    hipStream_t stream);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
