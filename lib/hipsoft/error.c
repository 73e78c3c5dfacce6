/* SPDX-License-Identifier: MIT */
/* error.c - names of errors, results of calls, and the last error of a thread */
#include "runtime.h"

static __thread hipError_t error_last_error;

/* ---- names ------------------------------------------------------------------------- */

struct error_text {
	const char *name, *text;
};

static struct error_text error_pair(const char *name, const char *text)
{
	return (struct error_text){name, text};
}

#define ERROR(error, text)                                                               \
	case error:                                                                      \
		return error_pair(#error, text)

/* No default: the compiler warns about a missing value. */
static struct error_text error_describe(hipError_t error)
{
	switch (error) {
		ERROR(hipSuccess, "no error");
		ERROR(hipErrorInvalidValue, "invalid argument");
		ERROR(hipErrorOutOfMemory, "out of memory");
		ERROR(hipErrorNotInitialized, "not initialized, or a child of fork");
		ERROR(hipErrorDeinitialized, "the runtime has shut down");
		ERROR(hipErrorInvalidConfiguration, "invalid configuration");
		ERROR(hipErrorInvalidDevicePointer, "invalid device pointer");
		ERROR(hipErrorInvalidMemcpyDirection,
		      "the copy's kind contradicts its pointers");
		ERROR(hipErrorInsufficientDriver, "the driver is too old");
		ERROR(hipErrorNoDevice, "no device");
		ERROR(hipErrorInvalidDevice, "no such device");
		ERROR(hipErrorInvalidContext, "invalid context");
		ERROR(hipErrorMapFailed, "mapping failed");
		ERROR(hipErrorUnmapFailed, "unmapping failed");
		ERROR(hipErrorAlreadyMapped, "already mapped");
		ERROR(hipErrorNotMapped, "not mapped");
		ERROR(hipErrorPeerAccessUnsupported,
		      "these devices cannot reach each other");
		ERROR(hipErrorSharedObjectSymbolNotFound,
		      "symbol of a library not found");
		ERROR(hipErrorSharedObjectInitFailed,
		      "a library could not be initialized");
		ERROR(hipErrorOperatingSystem, "the operating system refused");
		ERROR(hipErrorInvalidHandle, "invalid handle");
		ERROR(hipErrorIllegalState, "not possible in this state");
		ERROR(hipErrorNotFound, "not found");
		ERROR(hipErrorNotReady, "not ready");
		ERROR(hipErrorIllegalAddress, "access to memory that is not mapped");
		ERROR(hipErrorLaunchOutOfResources, "out of resources for a launch");
		ERROR(hipErrorLaunchTimeOut, "a launch timed out");
		ERROR(hipErrorPeerAccessAlreadyEnabled, "peer access is enabled already");
		ERROR(hipErrorPeerAccessNotEnabled, "peer access is not enabled");
		ERROR(hipErrorContextIsDestroyed, "context is destroyed");
		ERROR(hipErrorLaunchFailure, "a launch failed");
		ERROR(hipErrorNotSupported, "not supported");
		ERROR(hipErrorUnknown, "unknown error");
	}
	return error_pair("unrecognized error code", "unrecognized error code");
}

_public_ const char *hipGetErrorName(hipError_t error)
{
	return error_describe(error).name;
}

_public_ const char *hipGetErrorString(hipError_t error)
{
	return error_describe(error).text;
}

/* ---- results ----------------------------------------------------------------------- */

static hipError_t error_of(int r)
{
	switch (r) {
	case 0:
		return hipSuccess;
	case -EINVAL:
	case -ENOENT:
		return hipErrorInvalidValue;
	case -ENOMEM:
	case -ENOSPC:
	case -EDQUOT:
	case -EMFILE:
	case -ENFILE:
		return hipErrorOutOfMemory;
	case -ECHILD:
		return hipErrorNotInitialized;
	case -EBADF:
		return hipErrorInvalidHandle;
	case -EFAULT:
		return hipErrorIllegalAddress;
	case -EAGAIN:
		return hipErrorNotReady;
	case -EOWNERDEAD:
		return hipErrorContextIsDestroyed;
	case -ENODEV:
		return hipErrorNoDevice;
	case -EIO:
		return hipErrorLaunchFailure;
	default:
		return hipErrorUnknown;
	}
}

hipError_t runtime_result(int r)
{
	return runtime_return(error_of(r));
}

hipError_t runtime_return(hipError_t error)
{
	if (error != hipSuccess && error != hipErrorNotReady)
		error_last_error = error;
	return error;
}

_public_ hipError_t hipGetLastError(void)
{
	int r = runtime_enter();
	hipError_t error = error_last_error;

	if (r < 0)
		return runtime_result(r);
	error_last_error = hipSuccess;
	return error;
}

_public_ hipError_t hipPeekAtLastError(void)
{
	int r = runtime_enter();

	return r < 0 ? runtime_result(r) : error_last_error;
}
