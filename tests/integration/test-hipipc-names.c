/* SPDX-License-Identifier: MIT */
/* test-hipipc-names.c - values and spellings for programs, and error reasons */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"
#include "hipipc.h"

/* ---- values ------------------------------------------------------------------------ */

/*
 * The values of the vendors' public headers, so that objects compiled with those can be
 * linked.
 */
_Static_assert(hipSuccess == 0, "");
_Static_assert(hipErrorInvalidValue == 1, "");
_Static_assert(hipErrorOutOfMemory == 2, "");
_Static_assert(hipErrorNotInitialized == 3, "");
_Static_assert(hipErrorInvalidDevicePointer == 17, "");
_Static_assert(hipErrorNoDevice == 100, "");
_Static_assert(hipErrorInvalidContext == 201, "");
_Static_assert(hipErrorMapFailed == 205, "");
_Static_assert(hipErrorOperatingSystem == 304, "");
_Static_assert(hipErrorInvalidResourceHandle == 400, "");
_Static_assert(hipErrorNotReady == 600, "");
_Static_assert(hipErrorContextIsDestroyed == 709, "");
_Static_assert(hipErrorNotSupported == 801, "");
_Static_assert(hipIpcMemLazyEnablePeerAccess == 1, "");
_Static_assert(cudaIpcMemLazyEnablePeerAccess == 1, "");
_Static_assert(hipEventDisableTiming == 2 && hipEventInterprocess == 4, "");
_Static_assert(HIP_IPC_HANDLE_SIZE == 64 && CUDA_IPC_HANDLE_SIZE == 64, "");
_Static_assert(_Alignof(hipIpcMemHandle_t) == 1, "plain bytes");
_Static_assert((int)cudaErrorInvalidValue == (int)hipErrorInvalidValue, "");
_Static_assert((int)cudaErrorMemoryAllocation == (int)hipErrorOutOfMemory, "");
_Static_assert((int)cudaErrorInitializationError == (int)hipErrorNotInitialized, "");
_Static_assert((int)cudaErrorDeviceUninitialized == (int)hipErrorInvalidContext, "");
_Static_assert((int)cudaErrorMapBufferObjectFailed == (int)hipErrorMapFailed, "");
_Static_assert((int)cudaErrorInvalidResourceHandle == (int)hipErrorInvalidResourceHandle,
	       "");

/* ---- CUDA's spellings -------------------------------------------------------------- */

static cudaIpcMemHandle_t as_cuda(hipIpcMemHandle_t handle)
{
	cudaIpcMemHandle_t copy;

	memcpy(&copy, &handle, sizeof(copy));
	return copy;
}

static void same_handles(void)
{
	void *memory = device_alloc(DEVICE_BYTES, 2);
	hipEvent_t event = make_event();
	hipIpcMemHandle_t hip = get_memory(memory);
	hipIpcEventHandle_t hip_event = get_event(event);
	cudaIpcMemHandle_t cuda;
	cudaIpcEventHandle_t cuda_event;

	ASSERT_EQ(cudaIpcGetMemHandle(&cuda, memory), cudaSuccess);
	ASSERT(memcmp(&hip, &cuda, sizeof(hip)) == 0);
	ASSERT_EQ(cudaIpcGetEventHandle(&cuda_event, (cudaEvent_t)event), cudaSuccess);
	ASSERT(memcmp(&hip_event, &cuda_event, sizeof(hip_event)) == 0);
	ASSERT_EQ(cudaIpcOpenMemHandle(&memory, cuda, 0), cudaErrorDeviceUninitialized);
	ASSERT_EQ(cudaIpcOpenEventHandle((cudaEvent_t *)&event, cuda_event),
		  cudaErrorDeviceUninitialized);
}

static void same_imports(const struct exporter *exporter)
{
	cudaIpcEventHandle_t handle;
	void *hip, *cuda;
	cudaEvent_t event;

	hip = open_memory(exporter->memory);
	ASSERT_EQ(cudaIpcOpenMemHandle(&cuda, as_cuda(exporter->memory),
				       cudaIpcMemLazyEnablePeerAccess),
		  cudaSuccess);
	ASSERT(hip == cuda);
	ASSERT_EQ(cudaIpcCloseMemHandle(hip), cudaSuccess);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(cuda));
	ASSERT_EQ(cudaIpcCloseMemHandle(hip), cudaErrorInvalidValue);
	memcpy(&handle, &exporter->event, sizeof(handle));
	ASSERT_EQ(cudaIpcOpenEventHandle(&event, handle), cudaSuccess);
	ASSERT_HIP(hipSuccess, hipEventRecord((hipEvent_t)event, NULL));
	ASSERT_HIP(hipSuccess, hipEventSynchronize((hipEvent_t)event));
	ASSERT_HIP(hipSuccess, hipEventDestroy((hipEvent_t)event));
}

/* Of a handle with an offset: where a call of each spelling, or of both, leads to. */
struct offsets {
	const struct exporter *exporter;
	const char *compat; /* of the importer, or NULL */
	size_t hip, cuda;
};

static void open_at(int peer, void *data)
{
	const struct offsets *offsets = data;
	hipIpcMemHandle_t handle = offsets->exporter->memory;
	uint8_t *hip, *cuda;

	if (offsets->compat)
		ASSERT_OK(SYS(setenv("HIPIPC_COMPAT", offsets->compat, 1)));
	hip_begin(offsets->exporter->instance);
	hip = open_memory(handle);
	device_check(hip, offsets->hip, 100, 1);
	ASSERT_EQ(cudaIpcOpenMemHandle((void **)&cuda, as_cuda(handle), 0), cudaSuccess);
	device_check(cuda, offsets->cuda, 100, 1);
	ASSERT_EQ(hip - offsets->hip == cuda - offsets->cuda, true);
	ASSERT_EQ(cudaIpcCloseMemHandle(cuda), cudaSuccess);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(hip));
}

static void expect_offsets(const struct exporter *exporter, const char *compat,
			   size_t hip, size_t cuda)
{
	struct offsets offsets = {exporter, compat, hip, cuda};
	struct child child;

	child_start(&child, NULL, open_at, &offsets);
	child_wait(&child);
}

static void get_offset(int peer, void *data)
{
	cudaIpcMemHandle_t handle;
	hipIpcMemHandle_t copy;

	hip_begin(data);
	ASSERT_EQ(cudaIpcGetMemHandle(&handle,
				      (uint8_t *)device_alloc(DEVICE_BYTES, 1) + 5003),
		  cudaSuccess);
	memcpy(&copy, &handle, sizeof(copy));
	ASSERT_EQ(memory_wire(copy).offset, 0);
}

static void offset_follows_spelling(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .offset = 5003};
	struct child child;

	exporter_start(&exporter, NULL);
	expect_offsets(&exporter, NULL, 5003, 0);
	expect_offsets(&exporter, "hip", 5003, 5003);
	expect_offsets(&exporter, "cuda", 0, 0);
	child_start(&child, NULL, get_offset, instance);
	child_wait(&child);
	exporter_end(&exporter);
}

static void same_errors(const struct exporter *exporter)
{
	const cudaIpcMemHandle_t zero = {{0}};
	const cudaIpcEventHandle_t zero_event = {{0}};
	struct wire wire = memory_wire(exporter->memory);
	cudaIpcMemHandle_t handle;
	cudaIpcEventHandle_t event_handle;
	cudaEvent_t event;
	hipEvent_t plain;
	void *memory;

	ASSERT_EQ(cudaIpcGetMemHandle(NULL, &memory), cudaErrorInvalidValue);
	ASSERT_EQ(cudaIpcGetMemHandle(&handle, &memory), cudaErrorInvalidValue);
	ASSERT_EQ(cudaIpcOpenMemHandle(&memory, zero, 0), cudaErrorInvalidValue);
	ASSERT_EQ(cudaIpcOpenMemHandle(&memory, zero, 2), cudaErrorInvalidValue);
	ASSERT(*hipipcLastReason());
	ASSERT_EQ(cudaIpcOpenMemHandle(NULL, as_cuda(exporter->memory), 0),
		  cudaErrorInvalidValue);
	memset(wire.uuid, 1, sizeof(wire.uuid));
	ASSERT_EQ(cudaIpcOpenMemHandle(&memory, as_cuda(forge_memory(wire)), 0),
		  cudaErrorInvalidResourceHandle);
	ASSERT_EQ(cudaIpcCloseMemHandle(&memory), cudaErrorInvalidValue);
	ASSERT_EQ(cudaIpcOpenEventHandle(&event, zero_event), cudaErrorInvalidValue);
	ASSERT_HIP(hipSuccess, hipEventCreate(&plain));
	ASSERT_EQ(cudaIpcGetEventHandle(&event_handle, (cudaEvent_t)plain),
		  cudaErrorInvalidResourceHandle);
	ASSERT_EQ(cudaIpcGetEventHandle(&event_handle, NULL), cudaErrorInvalidValue);
}

static void cuda_spellings(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	same_handles();
	same_imports(&exporter);
	same_errors(&exporter);
	exporter_end(&exporter);
}

/* ---- reasons of errors ------------------------------------------------------------ */

static void *no_reason_yet(void *data)
{
	ASSERT(strcmp(hipipcLastReason(), "") == 0);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(NULL, NULL));
	return NULL;
}

static void reasons(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	char first[400];
	pthread_t thread;

	hip_begin(instance);
	ASSERT(strcmp(hipipcLastReason(), "") == 0);
	get_memory(device_alloc(100, 1));
	ASSERT(strcmp(hipipcLastReason(), "") == 0);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(&handle, first));
	ASSERT(strlen(hipipcLastReason()) < sizeof(first));
	strcpy(first, hipipcLastReason());
	ASSERT(!strchr(first, '\n'));
	/* The reason is per thread, and success does not clear it. */
	ASSERT_EQ(pthread_create(&thread, NULL, no_reason_yet, NULL), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	get_memory(device_alloc(100, 1));
	ASSERT(strcmp(hipipcLastReason(), first) == 0);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(NULL, first));
	ASSERT(strcmp(hipipcLastReason(), first) != 0);
}

/* hipGetLastError() reports the error as well. */
static void last_error(struct instance *instance)
{
	hipIpcMemHandle_t handle;

	hip_begin(instance);
	/* Of the first call, too, which fails before it needs the runtime. */
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(&handle));
	ASSERT_HIP(hipErrorInvalidValue, hipGetLastError());
	ASSERT_HIP(hipSuccess, hipGetLastError());
	device_alloc(100, 1);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(&handle, &handle));
	ASSERT_HIP(hipErrorInvalidValue, hipPeekAtLastError());
	ASSERT_HIP(hipErrorInvalidValue, hipGetLastError());
	ASSERT_HIP(hipSuccess, hipGetLastError());
}

/* Not that the pointer or the event is unknown. */
static void no_device(struct instance *instance)
{
	hipIpcEventHandle_t event;
	hipIpcMemHandle_t handle;

	hip_begin(instance);
	ASSERT_OK(SYS(setenv("HIPSOFT_DEVICES", "0", 1)));
	ASSERT_IPC(hipErrorNoDevice, hipIpcGetMemHandle(&handle, &handle));
	ASSERT(strstr(hipipcLastReason(), "HIPSOFT_DEVICES"));
	ASSERT_IPC(hipErrorNoDevice, hipIpcGetEventHandle(&event, (hipEvent_t)&event));
	ASSERT(strstr(hipipcLastReason(), "HIPSOFT_DEVICES"));
}

/* A descriptor that has its number is no standard error. */
static void closed_standard_error(struct instance *instance)
{
	int saved = ASSERT_OK(SYS(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)));
	struct stat status;
	int other, r;

	ASSERT_OK(SYS(setenv("HIPIPC_LOG", "error", 1)));
	ASSERT_OK(SYS(setenv("HIPIPC_MODE", "invalid", 1)));
	hip_begin(instance);
	close(STDERR_FILENO);
	other = memfd_create("no standard error", MFD_CLOEXEC);
	(void)hipIpcCloseMemHandle(&status);
	r = fstat(STDERR_FILENO, &status);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ASSERT_EQ(other, STDERR_FILENO);
	ASSERT_EQ(r, 0);
	ASSERT_EQ(status.st_size, 0);
	ASSERT(*hipipcLastReason());
}

const struct test_case test_cases[] = {
	{"row_cuda_spellings", cuda_spellings},
	{"row_cuda_spellings_offset", offset_follows_spelling},
	{"row_reason", reasons},
	{"row_reason_last_error", last_error},
	{"row_reason_no_device", no_device},
	{"row_reason_closed_standard_error", closed_standard_error},
	{NULL},
};
