/* SPDX-License-Identifier: MIT */
/*
 * hipsoft.h - libhipsoft: a software runtime with the names of HIP
 *
 * For machines without a GPU: enough of the HIP runtime for programs that allocate and
 * copy memory, record events, and share memory through libhipipc. Its devices are
 * libaccel's software devices, in the process itself. It is not a GPU runtime and
 * launches no kernels. A program gets it by linking with -lhipsoft only; libhipipc never
 * loads it.
 *
 * Device memory is not mapped for the CPU: a program that dereferences a pointer to it
 * faults, as on a GPU. Every access is a device command.
 *
 * Each stream executes in order, in its own thread. The default stream (NULL) waits for
 * all other streams of its device except those created with hipStreamNonBlocking, and
 * they wait for it.
 *
 * A stream in which a command fails drops all commands it has and rejects new ones with
 * the same error until the error is reported. The first call that synchronizes with the
 * stream reports it: hipStreamSynchronize(), hipStreamQuery(), hipDeviceSynchronize(), or
 * a hipMemcpy() or hipMemset() without Async. After that the stream works again. Other
 * threads that wait for the stream meanwhile get the error, too, and so does each
 * hipMemcpy() and hipMemset() that was dropped. hipStreamDestroy() succeeds in any case.
 * hipErrorIllegalAddress: the memory is not mapped, or was revoked;
 * hipErrorContextIsDestroyed: the stream waited for an event whose recorder died, or
 * whose stream in another process failed. Events that were recorded in the stream after
 * the failure fail, and so do streams that wait for them. Commands that follow the failed
 * stream only by the rule of the default stream are executed.
 *
 * All calls are thread safe. The current device and context are per thread. In a child of
 * fork(2) whose parent had used the runtime, every call returns hipErrorNotInitialized
 * until the child calls exec. A call that fails changes nothing. NULL outputs, unknown
 * flags, and pointers and handles that do not belong to this runtime:
 * hipErrorInvalidValue, unless documented otherwise.
 *
 * Errors of any call: hipErrorNotInitialized and hipErrorNoDevice as described here;
 * hipErrorOutOfMemory: memory, descriptors (RLIMIT_NOFILE), threads, or queues of the
 * device (1024 streams) are used up; hipErrorLaunchFailure: a device does not respond, or
 * the page of an interprocess event has invalid content, written by another process that
 * maps it; hipErrorUnknown: an unexpected error of the kernel, or an event's page has no
 * room for another process.
 *
 * Fork: a child cannot use device memory that it inherits, but keeps it allocated. Memory
 * that is freed returns to the system once no forked child that has not called exec holds
 * it, although hipMemGetInfo() counts it as free at once.
 *
 * Signals: the owner of memory that was opened with hipIpcOpenMemHandle() can truncate
 * it, so the first call installs a handler for SIGBUS. It passes signals that are not its
 * own on to the previous handler. A program that installs a handler later must use
 * sigaction(2), not signal(2), and pass on what is not its own in the same way; otherwise
 * other processes can kill it. Stream threads do not block SIGBUS. SIGURG, ignored by
 * default, may be sent when memory is freed.
 *
 * Environment, read at the first call, ignored in a set-user-ID program:
 *   HIPSOFT_DEVICES	number of devices, 1 to 8; default 1
 *   HIPSOFT_MEMORY	memory per device in MiB; default 1024
 * Invalid values: hipErrorNoDevice; the next call reads the environment again.
 */
#ifndef HIPSOFT_H
#define HIPSOFT_H

#include <hipipc.h>
#include <hipsoft-types.h>

/* For #ifdef: the vendor's headers do not define it. */
#define HIPSOFT_VERSION 1

#ifdef __cplusplus
#define HIPSOFT_DEFAULT(value) = value
extern "C" {
#else
#define HIPSOFT_DEFAULT(value)
#endif

#pragma GCC visibility push(default)

/* ---- devices and contexts ---------------------------------------------------------- */

hipError_t hipInit(unsigned int flags); /* 0; optional */
hipError_t hipGetDeviceCount(int *ret_count);
hipError_t hipSetDevice(int device); /* hipErrorInvalidDevice */
hipError_t hipGetDevice(int *ret_device);
hipError_t hipDeviceGet(hipDevice_t *ret_device, int ordinal);
/*
 * What a device is, as hipsoft-types.h describes it. An attribute that has another value
 * than those there: hipErrorInvalidValue. The name of the first function is not the
 * vendor's because the layout is not.
 */
hipError_t hipsoftGetDeviceProperties(hipDeviceProp_t *ret_properties, int device);
#define hipGetDeviceProperties hipsoftGetDeviceProperties
hipError_t hipDeviceGetAttribute(int *ret_value, hipDeviceAttribute_t attribute,
				 int device);
hipError_t hipDeviceGetName(char *name, int size, hipDevice_t device);
hipError_t hipDeviceTotalMem(size_t *ret_bytes, hipDevice_t device);
/* HIP_VERSION of hipsoft-types.h. */
hipError_t hipRuntimeGetVersion(int *ret_version);
hipError_t hipDriverGetVersion(int *ret_version);
/*
 * Waits for all streams of all devices, then destroys the current device's streams but
 * the default ones, frees its memory, and disables its access to peers. No other thread
 * may use these meanwhile. Contexts, events, host memory, and memory that was opened from
 * handles stay.
 */
hipError_t hipDeviceReset(void);
/*
 * The address of a call of libhipsoft or libhipipc by its name; @flags is 0, @version 100
 * times the major version plus the minor one. hipErrorInvalidValue: there is none, and
 * *@ret_function is NULL; *@ret_status says why, and may be NULL.
 */
hipError_t hipGetProcAddress(const char *name, void **ret_function, int version,
			     uint64_t flags, hipDriverProcAddressQueryResult *ret_status);

/* Waits for all streams of the device. Returns their first error and reports all. */
hipError_t hipDeviceSynchronize(void);

/*
 * Contexts of a device share its memory; each has its own default stream. hipCtxCreate()
 * pushes the new context on the calling thread's stack, which makes it current.
 * hipCtxDestroy() destroys its streams, after waiting for them and for what they wait
 * for, possibly other processes. Memory opened there with hipIpcOpenMemHandle() stays
 * open until it is closed. A few bytes per context are kept until the process exits,
 * since it may be current in other threads. hipSetDevice() makes the device's primary
 * context current; that one cannot be destroyed (hipErrorInvalidContext, as for an
 * unknown context).
 */
hipError_t hipCtxCreate(hipCtx_t *ret_context, unsigned int flags, hipDevice_t device);
hipError_t hipCtxDestroy(hipCtx_t context);
hipError_t hipCtxSetCurrent(hipCtx_t context); /* NULL: the primary one of device 0 */
hipError_t hipCtxGetCurrent(hipCtx_t *ret_context);
hipError_t hipCtxPushCurrent(hipCtx_t context);
hipError_t hipCtxPopCurrent(hipCtx_t *ret_context); /* may be NULL */

/*
 * Two different devices can always reach each other's memory once that is enabled. For a
 * device and itself *@ret_can is 0. Enable and disable apply to the current device;
 * @flags is 0. hipErrorInvalidDevice: @peer is the current device or unknown;
 * hipErrorPeerAccessAlreadyEnabled, hipErrorPeerAccessNotEnabled. Disable first waits for
 * all streams of all devices; commands that other threads submit meanwhile may fail if
 * they rely on the access.
 */
hipError_t hipDeviceCanAccessPeer(int *ret_can, int device, int peer);
hipError_t hipDeviceEnablePeerAccess(int peer, unsigned int flags);
hipError_t hipDeviceDisablePeerAccess(int peer);

/* ---- memory ------------------------------------------------------------------------ */

/*
 * Allocates zeroed memory of the current device; 0 bytes give NULL. Importers cannot take
 * the memory away: it is sealed against shrinking, so it cannot be revoked either
 * (EBUSY). hipErrorOutOfMemory: the device's memory or the process's descriptors
 * (RLIMIT_NOFILE; one per allocation) are used up.
 */
hipError_t hipMalloc(void **ret_pointer, size_t bytes);

/*
 * Frees memory of hipMalloc(), after waiting for all streams of all devices, which may be
 * waiting for an event of another process. NULL does nothing. Any other pointer, also of
 * hipIpcOpenMemHandle(): hipErrorInvalidValue. The name of exported memory is removed;
 * importers that have it open keep it.
 */
hipError_t hipFree(void *pointer);
hipError_t hipMemGetInfo(size_t *ret_free, size_t *ret_total);

/*
 * Page-aligned, zeroed memory of the host, for the CPU and for copies; no device can
 * reach it by its address (hipHostMallocMapped: hipErrorNotSupported). Free waits for all
 * streams; NULL does nothing; any other pointer: hipErrorInvalidValue.
 */
hipError_t hipHostMalloc(void **ret_pointer, size_t bytes,
			 unsigned int flags HIPSOFT_DEFAULT(hipHostMallocDefault));
hipError_t hipHostFree(void *pointer);

/*
 * Device pointers are recognized by their value. hipErrorInvalidMemcpyDirection: @kind
 * contradicts the pointers. hipErrorInvalidValue: a range touches an allocation, or the
 * address one past its end, without lying within it. Calls without Async return when the
 * copy is done; after the others, ordinary host memory must not change until then. Source
 * and destination must not overlap.
 */
hipError_t hipMemcpy(void *dst, const void *src, size_t bytes, hipMemcpyKind kind);
hipError_t hipMemcpyAsync(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
			  hipStream_t stream HIPSOFT_DEFAULT(NULL));
hipError_t hipMemcpyHtoD(hipDeviceptr_t dst, const void *src, size_t bytes);
hipError_t hipMemcpyDtoH(void *dst, const void *src, size_t bytes);
hipError_t hipMemcpyDtoD(hipDeviceptr_t dst, const void *src, size_t bytes);
hipError_t hipMemset(void *dst, int value, size_t bytes);
hipError_t hipMemsetAsync(void *dst, int value, size_t bytes,
			  hipStream_t stream HIPSOFT_DEFAULT(NULL));

/*
 * For device memory: sets type, device, and devicePointer (equal to @pointer); for that
 * of hipHostMalloc() type, hostPointer, and allocationFlags. hipErrorInvalidValue for all
 * other pointers.
 */
hipError_t hipPointerGetAttributes(hipPointerAttribute_t *ret_attributes,
				   const void *pointer);
hipError_t hipMemGetAddressRange(hipDeviceptr_t *ret_base, size_t *ret_bytes,
				 hipDeviceptr_t pointer);

/* ---- streams and events ------------------------------------------------------------ */

/* hipErrorInvalidHandle: unknown or destroyed stream. Destroy waits for the stream. */
hipError_t hipStreamCreate(hipStream_t *ret_stream);
hipError_t hipStreamCreateWithFlags(hipStream_t *ret_stream, unsigned int flags);
hipError_t hipStreamDestroy(hipStream_t stream);

/*
 * For the default stream these include the streams that it is ordered with: whether they
 * have completed the commands they have so far, but not their errors.
 */
hipError_t hipStreamSynchronize(hipStream_t stream);
hipError_t hipStreamQuery(hipStream_t stream); /* hipErrorNotReady */

/*
 * Later commands wait for the event's last record so far, by any process. Not more than
 * 128 records of a shared event should be outstanding, of all processes together. If
 * another process's record is followed by 128 more before it is reached, it counts as
 * reached when a newer one is, and as failed when the newer one's stream fails or its
 * process dies.
 */
hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event,
			      unsigned int flags HIPSOFT_DEFAULT(0));

/*
 * hipErrorInvalidHandle: unknown or destroyed event. hipEventInterprocess requires
 * hipEventDisableTiming. After hipEventDestroy(), pending waits for the event complete,
 * here and in other processes.
 */
hipError_t hipEventCreate(hipEvent_t *ret_event);
hipError_t hipEventCreateWithFlags(hipEvent_t *ret_event, unsigned int flags);
hipError_t hipEventDestroy(hipEvent_t event);
hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream HIPSOFT_DEFAULT(NULL));

/*
 * Apply to the last record, by any process. An event that was never recorded is ready.
 * hipErrorContextIsDestroyed: the process that recorded it died before the record was
 * reached, or its stream failed. For an event that is not shared: the error of its
 * stream.
 */
hipError_t hipEventQuery(hipEvent_t event); /* hipErrorNotReady */
hipError_t hipEventSynchronize(hipEvent_t event);
/* hipErrorInvalidHandle: an event has no timing, or was never recorded. */
hipError_t hipEventElapsedTime(float *ret_ms, hipEvent_t start, hipEvent_t stop);

/* ---- errors ------------------------------------------------------------------------ */

/* Never NULL; "unrecognized error code" for unknown values. */
const char *hipGetErrorName(hipError_t error);
const char *hipGetErrorString(hipError_t error);
/* The thread's last error other than hipErrorNotReady. Get clears it, peek does not. */
hipError_t hipGetLastError(void);
hipError_t hipPeekAtLastError(void);

/* ---- in place of kernels ----------------------------------------------------------- */

/*
 * dst[i] = src[i] + src2[i] for @n floats of device memory that the stream's device can
 * reach. @dst may equal @src or @src2, but must not overlap them otherwise. Asynchronous.
 */
hipError_t hipsoftVectorAdd(float *dst, const float *src, const float *src2, size_t n,
			    hipStream_t stream);

#pragma GCC visibility pop

#ifdef __cplusplus
}

/* Templates, also if the program includes this in a block of extern "C". */
extern "C++" {

/* A pointer of any type receives the address, as with the vendor's header. */
template <class T> static inline hipError_t hipMalloc(T **ret_pointer, size_t bytes)
{
	return hipMalloc(static_cast<void **>(static_cast<void *>(ret_pointer)), bytes);
}

static inline hipError_t hipGetProcAddress(const char *name, void **ret_function,
					   int version, uint64_t flags)
{
	return hipGetProcAddress(name, ret_function, version, flags, NULL);
}

template <class T>
static inline hipError_t hipHostMalloc(T **ret_pointer, size_t bytes,
				       unsigned int flags = hipHostMallocDefault)
{
	return hipHostMalloc(static_cast<void **>(static_cast<void *>(ret_pointer)),
			     bytes, flags);
}
}
#endif

#endif
