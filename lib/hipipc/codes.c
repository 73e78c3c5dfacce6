/* SPDX-License-Identifier: MIT */
/* codes.c - from errno to the runtimes' error codes */
#include "codes.h"

#include <errno.h>
#include <string.h>

#include <hipipc-types.h>
#include <util.h>

#include "options.h"
#include "reason.h"

/* @cuda: the code that CUDA documents, if it differs; 0: the same as @hip. */
static const struct {
	int error;
	hipError_t hip;
	hipError_t cuda;
} codes[] = {
	{EINVAL, hipErrorInvalidValue, 0},
	{EXDEV, hipErrorInvalidContext, 0}, /* made by this process */
	{EACCES, hipErrorInvalidDevicePointer, hipErrorMapBufferObjectFailed},
	{ESTALE, hipErrorInvalidResourceHandle, 0},
	{EBUSY, hipErrorInvalidResourceHandle, 0}, /* open in another context */
	{EBADF, hipErrorInvalidResourceHandle, 0}, /* not an interprocess event */
	{EBADMSG, hipErrorMapFailed, 0},
	{EOPNOTSUPP, hipErrorNotSupported, 0},
	{ENOTCONN, hipErrorOperatingSystem, 0},
	{ENODEV, hipErrorNoDevice, 0},
	{ECHILD, hipErrorNotInitialized, 0},
	{ENOMEM, hipErrorOutOfMemory, 0},
	{ENOSPC, hipErrorOutOfMemory, 0},
	{EDQUOT, hipErrorOutOfMemory, 0},
	{EMFILE, hipErrorOutOfMemory, 0},
	{ENFILE, hipErrorOutOfMemory, 0},
};

static hipError_t codes_look_up(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].error == error)
			return options_get()->compat == COMPAT_CUDA && codes[i].cuda
				       ? codes[i].cuda
				       : codes[i].hip;
	return hipErrorUnknown;
}

/* The reason where no other is set: what such an error of a runtime means. */
static const char *codes_text_of(int error)
{
	switch (error) {
	case ECHILD:
		return "this process was forked from one that uses the runtime; call "
		       "exec first";
	case ENODEV:
		return "the runtime has no device; of libhipsoft, HIPSOFT_DEVICES or "
		       "HIPSOFT_MEMORY is invalid";
	case EMFILE:
		return "this process has too many open files (ulimit -n)";
	default:
		return strerror(error);
	}
}

int codes_result(const char *call, int r)
{
	hipError_t code;

	if (r >= 0)
		return hipSuccess;
	code = codes_look_up(-r);
	reason_end(call, codes_text_of(-r));
	return (int)code;
}
