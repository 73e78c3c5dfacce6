/* SPDX-License-Identifier: MIT */
/* test-hipsoft-error.c - names of errors, and the last error of a thread */
#include "hipsoft-fixture.h"

#include <pthread.h>
#include <string.h>

struct name {
	hipError_t error;
	const char *name;
};

#define NAME(error) ((struct name){error, #error})

static const struct name names[] = {
	NAME(hipSuccess),
	NAME(hipErrorInvalidValue),
	NAME(hipErrorOutOfMemory),
	NAME(hipErrorNotInitialized),
	NAME(hipErrorDeinitialized),
	NAME(hipErrorInvalidConfiguration),
	NAME(hipErrorInvalidDevicePointer),
	NAME(hipErrorInvalidMemcpyDirection),
	NAME(hipErrorInsufficientDriver),
	NAME(hipErrorNoDevice),
	NAME(hipErrorInvalidDevice),
	NAME(hipErrorInvalidContext),
	NAME(hipErrorMapFailed),
	NAME(hipErrorUnmapFailed),
	NAME(hipErrorAlreadyMapped),
	NAME(hipErrorNotMapped),
	NAME(hipErrorPeerAccessUnsupported),
	NAME(hipErrorSharedObjectSymbolNotFound),
	NAME(hipErrorSharedObjectInitFailed),
	NAME(hipErrorOperatingSystem),
	NAME(hipErrorInvalidHandle),
	NAME(hipErrorIllegalState),
	NAME(hipErrorNotFound),
	NAME(hipErrorNotReady),
	NAME(hipErrorIllegalAddress),
	NAME(hipErrorLaunchOutOfResources),
	NAME(hipErrorLaunchTimeOut),
	NAME(hipErrorPeerAccessAlreadyEnabled),
	NAME(hipErrorPeerAccessNotEnabled),
	NAME(hipErrorContextIsDestroyed),
	NAME(hipErrorLaunchFailure),
	NAME(hipErrorNotSupported),
	NAME(hipErrorUnknown),
};

#define UNRECOGNIZED "unrecognized error code"

/* All numbers: only known errors have a name. */
Test(hipsoft_error, has_names_and_texts)
{
	size_t n = 0;

	for (int i = -2; i < 1100; i++) {
		bool known =
			n < sizeof(names) / sizeof(*names) && (int)names[n].error == i;
		const char *expected = known ? names[n].name : UNRECOGNIZED;
		const char *text = hipGetErrorString((hipError_t)i);

		cr_assert(eq(str, (char *)hipGetErrorName((hipError_t)i),
			     (char *)expected));
		cr_assert(eq(int, !strcmp(text, UNRECOGNIZED), !known));
		cr_assert(gt(sz, strlen(text), 0));
		n += known;
	}
	cr_assert(eq(sz, n, sizeof(names) / sizeof(*names)));
}

static void no_environment(void)
{
	soft_configure("", "");
}

static void *look_at_last_error(void *ret)
{
	*(hipError_t *)ret = hipPeekAtLastError();
	return NULL;
}

Test(hipsoft_error, the_last_one_is_kept_for_the_thread, .init = no_environment)
{
	hipError_t other = hipErrorUnknown;
	pthread_t thread;

	expect(hipGetLastError(), hipSuccess);
	expect(hipSetDevice(9), hipErrorInvalidDevice);
	expect(hipInit(1), hipErrorInvalidValue);
	expect_ok(hipSetDevice(0));
	expect(hipPeekAtLastError(), hipErrorInvalidValue);
	pthread_create(&thread, NULL, look_at_last_error, &other);
	pthread_join(thread, NULL);
	expect(other, hipSuccess);
	expect(hipGetLastError(), hipErrorInvalidValue);
	expect(hipGetLastError(), hipSuccess);
	expect(hipPeekAtLastError(), hipSuccess);
}

Test(hipsoft_error, the_provider_notes_errors)
{
	hipsoft_provider.failed(hipErrorNotReady);
	expect(hipPeekAtLastError(), hipSuccess);
	hipsoft_provider.failed(hipErrorMapFailed);
	expect(hipGetLastError(), hipErrorMapFailed);
}

Test(hipsoft_error, the_provider_is_whole)
{
	cr_assert(eq(u32, hipsoft_provider.version, HIPIPC_PROVIDER_VERSION));
	cr_assert(eq(u32, hipsoft_provider.size, sizeof(struct hipipc_provider)));
	cr_assert(ne(ptr, (void *)hipsoft_provider.name, NULL));
}
