/* SPDX-License-Identifier: MIT */
/* test-hipipc-runtime.c - the runtime calls that programs need beside the IPC calls */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "hipipc.h"

static void start(struct instance *instance, const char *devices)
{
	hip_begin(instance);
	ASSERT_OK(SYS(setenv("HIPSOFT_DEVICES", devices, 1)));
}

static void devices(struct instance *instance)
{
	int n = 0, device = -1;

	start(instance, "3");
	ASSERT_HIP(hipErrorInvalidValue, hipGetDeviceCount(NULL));
	ASSERT_HIP(hipSuccess, hipGetDeviceCount(&n));
	ASSERT_EQ(n, 3);
	ASSERT_HIP(hipErrorInvalidValue, hipGetDevice(NULL));
	ASSERT_HIP(hipSuccess, hipGetDevice(&device));
	ASSERT_EQ(device, 0);
	ASSERT_HIP(hipSuccess, hipSetDevice(2));
	ASSERT_HIP(hipErrorInvalidDevice, hipSetDevice(3));
	ASSERT_HIP(hipErrorInvalidDevice, hipSetDevice(-1));
	ASSERT_HIP(hipSuccess, hipGetDevice(&device));
	ASSERT_EQ(device, 2);
	ASSERT_HIP(hipSuccess, hipDeviceSynchronize());
}

static void memory(struct instance *instance)
{
	void *pointer = &pointer, *nothing = &nothing;

	start(instance, "1");
	ASSERT_HIP(hipErrorInvalidValue, hipMalloc(NULL, 1));
	ASSERT_HIP(hipSuccess, hipMalloc(&nothing, 0));
	ASSERT(!nothing);
	ASSERT_HIP(hipErrorOutOfMemory, hipMalloc(&pointer, SIZE_MAX));
	ASSERT_HIP(hipErrorOutOfMemory, hipMalloc(&pointer, 1ULL << 40));
	ASSERT(pointer == &pointer);
	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, DEVICE_BYTES));
	device_check_value(pointer, DEVICE_BYTES, 0);
	ASSERT_HIP(hipErrorInvalidValue, hipFree((char *)pointer + 1));
	ASSERT_HIP(hipErrorInvalidValue, hipFree(&pointer));
	ASSERT_HIP(hipSuccess, hipFree(NULL));
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	ASSERT_HIP(hipErrorInvalidValue, hipFree(pointer));
}

static void copies(struct instance *instance)
{
	static uint8_t host[DEVICE_BYTES], back[DEVICE_BYTES];
	uint8_t *one, *other;

	start(instance, "1");
	memset(host, 0x42, sizeof(host));
	one = device_alloc(DEVICE_BYTES, 1);
	other = device_alloc(DEVICE_BYTES, 2);
	ASSERT_HIP(hipSuccess, hipMemcpy(one, host, DEVICE_BYTES, hipMemcpyHostToDevice));
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(other, one, DEVICE_BYTES, hipMemcpyDeviceToDevice));
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(back, other, DEVICE_BYTES, hipMemcpyDeviceToHost));
	ASSERT(memcmp(host, back, sizeof(host)) == 0);
	memset(host, 0x43, sizeof(host));
	ASSERT_HIP(hipSuccess, hipMemcpy(back, host, DEVICE_BYTES, hipMemcpyHostToHost));
	ASSERT(memcmp(host, back, sizeof(host)) == 0);
	ASSERT_HIP(hipSuccess, hipMemset(one, 0x44, DEVICE_BYTES));
	ASSERT_HIP(hipSuccess, hipMemcpy(back, one, DEVICE_BYTES, hipMemcpyDefault));
	ASSERT_EQ(back[DEVICE_BYTES - 1], 0x44);
	ASSERT_HIP(hipErrorInvalidMemcpyDirection,
		   hipMemcpy(back, one, 1, hipMemcpyHostToDevice));
	ASSERT_HIP(hipErrorInvalidMemcpyDirection,
		   hipMemcpy(one, host, 1, hipMemcpyDeviceToHost));
	ASSERT_HIP(hipErrorInvalidValue,
		   hipMemcpy(one + 1, host, DEVICE_BYTES, hipMemcpyHostToDevice));
	ASSERT_HIP(hipErrorInvalidValue, hipMemset(one + 1, 0, DEVICE_BYTES));
}

static void attributes(struct instance *instance)
{
	hipPointerAttribute_t got;
	uint8_t *pointer;

	start(instance, "2");
	ASSERT_HIP(hipSuccess, hipSetDevice(1));
	pointer = device_alloc(DEVICE_BYTES, 1);
	ASSERT_HIP(hipSuccess, hipPointerGetAttributes(&got, pointer + 5));
	ASSERT_EQ(got.type, hipMemoryTypeDevice);
	ASSERT_EQ(got.device, 1);
	ASSERT(got.devicePointer == pointer + 5);
	ASSERT_HIP(hipErrorInvalidValue, hipPointerGetAttributes(NULL, pointer));
	ASSERT_HIP(hipErrorInvalidValue, hipPointerGetAttributes(&got, &got));
	ASSERT_HIP(hipErrorInvalidValue,
		   hipPointerGetAttributes(&got, pointer + DEVICE_BYTES));
}

static void contexts(struct instance *instance)
{
	hipCtx_t first, second, now;

	start(instance, "1");
	ASSERT_HIP(hipSuccess, hipCtxGetCurrent(&first));
	ASSERT_HIP(hipErrorInvalidValue, hipCtxCreate(NULL, 0, 0));
	ASSERT_HIP(hipErrorInvalidDevice, hipCtxCreate(&second, 0, 1));
	ASSERT_HIP(hipSuccess, hipCtxCreate(&second, 0, 0));
	ASSERT_HIP(hipSuccess, hipCtxGetCurrent(&now));
	ASSERT(now == second && now != first);
	ASSERT_HIP(hipSuccess, hipCtxDestroy(second));
	ASSERT_HIP(hipErrorInvalidContext, hipCtxDestroy(second));
	ASSERT_HIP(hipErrorInvalidContext, hipCtxDestroy(first));
	ASSERT_HIP(hipErrorInvalidContext, hipCtxDestroy((hipCtx_t)&now));
}

static void peers(struct instance *instance)
{
	void *here, *there;
	int can = -1;

	start(instance, "2");
	there = device_alloc(DEVICE_BYTES, 7);
	ASSERT_HIP(hipSuccess, hipSetDevice(1));
	here = device_alloc(DEVICE_BYTES, 8);
	ASSERT_HIP(hipSuccess, hipDeviceCanAccessPeer(&can, 1, 0));
	ASSERT_EQ(can, 1);
	ASSERT_HIP(hipSuccess, hipDeviceCanAccessPeer(&can, 1, 1));
	ASSERT_EQ(can, 0);
	ASSERT_HIP(hipErrorInvalidDevice, hipDeviceEnablePeerAccess(1, 0));
	ASSERT_HIP(hipErrorInvalidDevice, hipDeviceEnablePeerAccess(2, 0));
	ASSERT_HIP(hipErrorInvalidValue, hipDeviceEnablePeerAccess(0, 1));
	ASSERT_HIP(hipErrorPeerAccessNotEnabled, hipDeviceDisablePeerAccess(0));
	ASSERT_HIP(hipSuccess, hipDeviceEnablePeerAccess(0, 0));
	ASSERT_HIP(hipErrorPeerAccessAlreadyEnabled, hipDeviceEnablePeerAccess(0, 0));
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(here, there, DEVICE_BYTES, hipMemcpyDeviceToDevice));
	device_check(here, 0, DEVICE_BYTES, 7);
	ASSERT_HIP(hipSuccess, hipDeviceDisablePeerAccess(0));
}

static void errors(struct instance *instance)
{
	int n;

	start(instance, "1");
	ASSERT(strcmp(hipGetErrorName(hipSuccess), "hipSuccess") == 0);
	ASSERT(strcmp(hipGetErrorName(hipErrorInvalidContext),
		      "hipErrorInvalidContext") == 0);
	ASSERT(strcmp(hipGetErrorName((hipError_t)12345), "unrecognized error code") ==
	       0);
	ASSERT(*hipGetErrorString(hipErrorInvalidResourceHandle));
	ASSERT(hipGetErrorString((hipError_t)-1));
	ASSERT_HIP(hipErrorInvalidDevice, hipSetDevice(9));
	ASSERT_HIP(hipSuccess, hipGetDeviceCount(&n));
	ASSERT_HIP(hipErrorInvalidDevice, hipPeekAtLastError());
	ASSERT_HIP(hipErrorInvalidDevice, hipGetLastError());
	ASSERT_HIP(hipSuccess, hipGetLastError());
}

static void streams(struct instance *instance)
{
	hipEvent_t begin, end;
	struct gate gate;
	hipStream_t stream;
	void *pointer;
	float ms = -1;

	start(instance, "1");
	pointer = device_alloc(DEVICE_BYTES, 1);
	ASSERT_HIP(hipErrorInvalidValue, hipStreamCreate(NULL));
	ASSERT_HIP(hipSuccess, hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	ASSERT_HIP(hipSuccess, hipEventCreate(&begin));
	ASSERT_HIP(hipSuccess, hipEventCreate(&end));
	ASSERT_HIP(hipSuccess, hipEventRecord(begin, stream));
	gate_close(&gate, stream);
	ASSERT_HIP(hipSuccess, hipMemsetAsync(pointer, 3, DEVICE_BYTES, stream));
	ASSERT_HIP(hipSuccess, hipEventRecord(end, stream));
	ASSERT_HIP(hipErrorNotReady, hipStreamQuery(stream));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(end));
	device_check(pointer, 0, DEVICE_BYTES, 1);
	gate_open(&gate);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(end));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(stream));
	device_check_value(pointer, DEVICE_BYTES, 3);
	ASSERT_HIP(hipSuccess, hipEventElapsedTime(&ms, begin, end));
	ASSERT(ms >= 0);
	ASSERT_HIP(hipSuccess, hipStreamDestroy(stream));
	ASSERT_HIP(hipErrorInvalidHandle, hipStreamSynchronize(stream));
}

const struct test_case test_cases[] = {
	{"row_runtime_devices", devices},
	{"row_runtime_memory", memory},
	{"row_runtime_copies", copies},
	{"row_runtime_attributes", attributes},
	{"row_runtime_contexts", contexts},
	{"row_runtime_peers", peers},
	{"row_runtime_errors", errors},
	{"row_runtime_streams", streams},
	{NULL},
};
