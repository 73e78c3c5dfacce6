/* SPDX-License-Identifier: MIT */
/*
 * ported.cc - C++ as it is written for HIP: nothing here knows of libhipsoft
 *
 * Compiled with the headers that stand in for the vendor's, and called by
 * test-hipipc-ported.c. Each function returns the line that failed, or 0.
 */
#include <hip/hip_runtime.h>
#include <hip/hip_runtime_api.h>
#include <hip/hip_version.h>

#include <cstdint>
#include <cstring>
#include <unistd.h>

#if HIP_VERSION_MAJOR < 5 || HIP_VERSION < 50000000
#error "needs HIP 5"
#endif

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			return __LINE__;                                                 \
	} while (0)
#define HIP_CHECK(call)           CHECK((call) == hipSuccess)
#define HIP_CHECK_ERROR(call, is) CHECK((call) == (is))

namespace
{
constexpr size_t N = 1 << 16;
constexpr size_t bytes = N * sizeof(int);

struct Handles {
	hipIpcMemHandle_t memory;
	hipIpcEventHandle_t event;
};

template <class T> bool put(int peer, const T &value)
{
	return write(peer, &value, sizeof(value)) == static_cast<ssize_t>(sizeof(value));
}

template <class T> bool get(int peer, T *value)
{
	return read(peer, value, sizeof(*value)) == static_cast<ssize_t>(sizeof(*value));
}

/* A launch would take these. */
int use_launch_types()
{
	dim3 grid(N / 256), block = 256, one;

	CHECK(grid.x == 256 && grid.y == 1 && grid.z == 1);
	CHECK(block.x == 256 && one.x == 1 && dim3(1, 2, 3).z == 3);
	return 0;
}

int use_device()
{
	hipDeviceProp_t properties;
	hipDevice_t device = -1;
	int count = 0, warp = 0;

	HIP_CHECK(hipInit(0));
	HIP_CHECK(hipGetDeviceCount(&count));
	for (int i = 0; i < count; i++) {
		HIP_CHECK(hipDeviceGet(&device, i));
		HIP_CHECK(hipGetDeviceProperties(&properties, i));
		CHECK(std::strlen(properties.name) > 0 && properties.totalGlobalMem > 0);
		HIP_CHECK(
			hipDeviceGetAttribute(&warp, hipDeviceAttributeWarpSize, device));
		CHECK(warp == properties.warpSize && warp > 0);
	}
	HIP_CHECK_ERROR(hipGetDeviceProperties(&properties, count),
			hipErrorInvalidDevice);
	HIP_CHECK_ERROR(hipGetDeviceProperties(nullptr, 0), hipErrorInvalidValue);
	return 0;
}

typedef hipError_t (*malloc_fn)(void **, size_t);
typedef hipError_t (*get_handle_fn)(hipIpcMemHandle_t *, void *);

/* As loaders do that were ported from cuGetProcAddress(). */
int use_entry_points()
{
	const int version = HIP_VERSION_MAJOR * 100 + HIP_VERSION_MINOR;
	hipDriverProcAddressQueryResult status;
	hipIpcMemHandle_t handle;
	void *function = nullptr, *memory = nullptr;

	HIP_CHECK(hipGetProcAddress("hipMalloc", &function, version, 0));
	HIP_CHECK(reinterpret_cast<malloc_fn>(function)(&memory, 64));
	HIP_CHECK(
		hipGetProcAddress("hipIpcGetMemHandle", &function, version, 0, &status));
	CHECK(status == HIP_GET_PROC_ADDRESS_SUCCESS);
	HIP_CHECK(reinterpret_cast<get_handle_fn>(function)(&handle, memory));
	HIP_CHECK_ERROR(
		hipGetProcAddress("hipNoSuchCall", &function, version, 0, &status),
		hipErrorInvalidValue);
	CHECK(!function && status == HIP_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
	HIP_CHECK(hipFree(memory));
	return 0;
}

/* What the documentation of the calls says about wrong arguments. */
int misuse(int *memory)
{
	hipIpcMemHandle_t handle;
	hipIpcEventHandle_t event_handle;
	hipEvent_t plain;
	int *opened = nullptr;
	void **out = reinterpret_cast<void **>(&opened);

	HIP_CHECK_ERROR(hipIpcGetMemHandle(nullptr, memory), hipErrorInvalidValue);
	HIP_CHECK_ERROR(hipIpcGetMemHandle(&handle, nullptr), hipErrorInvalidValue);
	HIP_CHECK_ERROR(hipIpcGetMemHandle(&handle, &handle), hipErrorInvalidValue);
	HIP_CHECK(hipIpcGetMemHandle(&handle, memory));
	HIP_CHECK_ERROR(hipIpcOpenMemHandle(nullptr, handle, 1), hipErrorInvalidValue);
	HIP_CHECK_ERROR(hipIpcOpenMemHandle(out, handle, 77), hipErrorInvalidValue);
	HIP_CHECK_ERROR(hipIpcOpenMemHandle(out, handle, hipIpcMemLazyEnablePeerAccess),
			hipErrorInvalidContext);
	HIP_CHECK_ERROR(hipIpcCloseMemHandle(memory), hipErrorInvalidValue);
	HIP_CHECK(hipEventCreate(&plain));
	HIP_CHECK_ERROR(hipIpcGetEventHandle(&event_handle, plain),
			hipErrorInvalidResourceHandle);
	HIP_CHECK(hipEventDestroy(plain));
	return 0;
}

int export_all(int *memory, hipEvent_t event, int peer)
{
	Handles handles;

	HIP_CHECK(hipIpcGetMemHandle(&handles.memory, memory));
	HIP_CHECK(hipIpcGetEventHandle(&handles.event, event));
	CHECK(put(peer, handles));
	return 0;
}

int expect_doubled(const int *memory)
{
	int *host = nullptr;

	HIP_CHECK(hipHostMalloc(&host, bytes));
	HIP_CHECK(hipMemcpyDtoH(host, (hipDeviceptr_t)memory, bytes));
	for (size_t i = 0; i < N; i++)
		CHECK(host[i] == static_cast<int>(2 * i));
	HIP_CHECK(hipHostFree(host));
	return 0;
}
} // namespace

extern "C" int ported_basics()
{
	int line = use_launch_types();

	if (line == 0)
		line = use_device();
	return line ? line : use_entry_points();
}

extern "C" int ported_export(int peer)
{
	int *memory = nullptr, *host = nullptr, line;
	hipEvent_t event;
	char done;

	HIP_CHECK(hipSetDevice(0));
	HIP_CHECK(hipMalloc(&memory, bytes));
	HIP_CHECK(hipHostMalloc(&host, bytes, hipHostMallocDefault));
	for (size_t i = 0; i < N; i++)
		host[i] = static_cast<int>(i);
	HIP_CHECK(hipEventCreateWithFlags(&event,
					  hipEventDisableTiming | hipEventInterprocess));
	HIP_CHECK(hipMemsetAsync(memory, 0, bytes));
	HIP_CHECK(hipMemcpyAsync(memory, host, bytes, hipMemcpyHostToDevice));
	HIP_CHECK(hipEventRecord(event));
	line = misuse(memory);
	if (line == 0)
		line = export_all(memory, event, peer);
	if (line)
		return line;
	CHECK(read(peer, &done, 1) == 1);
	HIP_CHECK(hipEventSynchronize(event));
	line = expect_doubled(memory);
	if (line)
		return line;
	HIP_CHECK(hipHostFree(host));
	HIP_CHECK(hipDeviceReset());
	HIP_CHECK_ERROR(hipFree(memory), hipErrorInvalidValue);
	return 0;
}

extern "C" int ported_import(int peer)
{
	int *memory = nullptr, *host = nullptr;
	hipStream_t stream;
	hipEvent_t event;
	Handles handles;

	CHECK(get(peer, &handles));
	HIP_CHECK(hipIpcOpenMemHandle((void **)&memory, handles.memory,
				      hipIpcMemLazyEnablePeerAccess));
	HIP_CHECK(hipIpcOpenEventHandle(&event, handles.event));
	HIP_CHECK(hipStreamCreate(&stream));
	HIP_CHECK(hipHostMalloc(&host, bytes));
	HIP_CHECK(hipStreamWaitEvent(stream, event));
	HIP_CHECK(hipMemcpyAsync(host, memory, bytes, hipMemcpyDeviceToHost, stream));
	HIP_CHECK(hipStreamSynchronize(stream));
	for (size_t i = 0; i < N; i++) {
		CHECK(host[i] == static_cast<int>(i));
		host[i] *= 2;
	}
	HIP_CHECK(hipMemcpyAsync(memory, host, bytes, hipMemcpyHostToDevice, stream));
	HIP_CHECK(hipEventRecord(event, stream));
	CHECK(write(peer, "", 1) == 1);
	HIP_CHECK(hipEventSynchronize(event));
	HIP_CHECK(hipStreamDestroy(stream));
	HIP_CHECK(hipEventDestroy(event));
	HIP_CHECK(hipIpcCloseMemHandle(memory));
	HIP_CHECK_ERROR(hipIpcCloseMemHandle(memory), hipErrorInvalidValue);
	HIP_CHECK(hipHostFree(host));
	return 0;
}
