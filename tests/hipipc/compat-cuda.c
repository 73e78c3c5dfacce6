/* SPDX-License-Identifier: MIT */
/* compat-cuda.c - the calls with their CUDA names, with NVIDIA's header or libhipipc's */
#ifndef NO_CUDA_HEADER
#include <cuda_runtime_api.h>
#endif
#include <hipipc.h>

#include <stdio.h>
#include <string.h>

static int failed;

#define EXPECT(condition)                                                                \
	do {                                                                             \
		if (!(condition)) {                                                      \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
			failed = 1;                                                      \
		}                                                                        \
	} while (0)

_Static_assert(sizeof(cudaIpcMemHandle_t) == 64, "by value");
_Static_assert(sizeof(cudaIpcEventHandle_t) == 64, "by value");
_Static_assert((int)cudaErrorInvalidValue == (int)hipErrorInvalidValue, "value");
_Static_assert((int)cudaErrorMemoryAllocation == (int)hipErrorOutOfMemory, "value");
_Static_assert((int)cudaErrorInitializationError == (int)hipErrorNotInitialized, "value");
_Static_assert((int)cudaErrorInvalidDevicePointer == (int)hipErrorInvalidDevicePointer,
	       "");
_Static_assert((int)cudaErrorNoDevice == (int)hipErrorNoDevice, "value");
_Static_assert((int)cudaErrorDeviceUninitialized == (int)hipErrorInvalidContext, "value");
_Static_assert((int)cudaErrorMapBufferObjectFailed == (int)hipErrorMapFailed, "value");
_Static_assert((int)cudaErrorOperatingSystem == (int)hipErrorOperatingSystem, "value");
_Static_assert((int)cudaErrorInvalidResourceHandle == (int)hipErrorInvalidHandle,
	       "value");
_Static_assert((int)cudaErrorNotSupported == (int)hipErrorNotSupported, "value");
_Static_assert((int)cudaErrorUnknown == (int)hipErrorUnknown, "value");
_Static_assert(cudaIpcMemLazyEnablePeerAccess == hipIpcMemLazyEnablePeerAccess, "value");

int main(void)
{
	cudaIpcMemHandle_t memory = {{0}};
	cudaIpcEventHandle_t signal = {{0}};
	cudaEvent_t event;
	void *pointer;

	EXPECT(cudaIpcGetMemHandle(&memory, NULL) == cudaErrorInvalidValue);
	EXPECT(strstr(hipipcLastReason(), "NULL"));
	EXPECT(cudaIpcOpenMemHandle(&pointer, memory, cudaIpcMemLazyEnablePeerAccess) ==
	       cudaErrorInvalidValue);
	EXPECT(strstr(hipipcLastReason(), "no handle"));
	EXPECT(cudaIpcCloseMemHandle(&memory) == cudaErrorInvalidValue);
	EXPECT(cudaIpcGetEventHandle(&signal, NULL) == cudaErrorInvalidValue);
	EXPECT(cudaIpcOpenEventHandle(&event, signal) == cudaErrorInvalidValue);
	return failed;
}
