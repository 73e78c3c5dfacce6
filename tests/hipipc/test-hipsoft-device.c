/* SPDX-License-Identifier: MIT */
/* test-hipsoft-device.c - what a device is, host memory, reset, and entry points */
#include "hipsoft-fixture.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY ((size_t)64 << 20)

static void two_devices(void)
{
	soft_configure("2", "64");
}

TestSuite(hipsoft_properties, .init = two_devices);

/* ---- properties -------------------------------------------------------------------- */

static int count_cpus(void)
{
	cpu_set_t set;

	cr_assert(zero(int, sched_getaffinity(0, sizeof(set), &set)));
	return CPU_COUNT(&set);
}

Test(hipsoft_properties, has_the_properties_of_a_software_device)
{
	hipDeviceProp_t properties;

	memset(&properties, 0xff, sizeof(properties));
	expect_ok(hipGetDeviceProperties(&properties, 1));
	cr_assert(eq(str, properties.name, (char *)"hipsoft1"));
	cr_assert(eq(str, properties.gcnArchName, (char *)"hipsoft"));
	cr_assert(eq(sz, properties.totalGlobalMem, MEMORY));
	cr_assert(eq(int, properties.multiProcessorCount, count_cpus()));
	cr_assert(eq(int, properties.warpSize, 1));
	cr_assert(eq(int, properties.maxThreadsPerBlock, 1));
	cr_assert(eq(int, properties.unifiedAddressing, 1));
	cr_assert(eq(int, properties.canMapHostMemory, 0));
	cr_assert(eq(int, properties.clockRate, 0));
	cr_assert(eq(sz, properties.sharedMemPerBlock, 0));
	expect(hipGetDeviceProperties(NULL, 0), hipErrorInvalidValue);
	expect(hipGetDeviceProperties(&properties, 2), hipErrorInvalidDevice);
	expect(hipGetDeviceProperties(&properties, -1), hipErrorInvalidDevice);
}

static int attribute(hipDeviceAttribute_t which)
{
	int value = -1;

	expect_ok(hipDeviceGetAttribute(&value, which, 0));
	return value;
}

Test(hipsoft_properties, has_the_same_as_attributes)
{
	int value = 77;

	cr_assert(eq(int, attribute(hipDeviceAttributeWarpSize), 1));
	cr_assert(
		eq(int, attribute(hipDeviceAttributeMultiprocessorCount), count_cpus()));
	cr_assert(eq(int, attribute(hipDeviceAttributeMaxBlockDimY), 1));
	cr_assert(eq(int, attribute(hipDeviceAttributeMaxGridDimZ), 1));
	cr_assert(eq(int, attribute(hipDeviceAttributeMaxPitch), (int)MEMORY));
	cr_assert(eq(int, attribute(hipDeviceAttributeUnifiedAddressing), 1));
	cr_assert(eq(int, attribute(hipDeviceAttributeManagedMemory), 0));
	cr_assert(eq(int, attribute(hipDeviceAttributeIntegrated), 1));
	expect(hipDeviceGetAttribute(NULL, hipDeviceAttributeWarpSize, 0),
	       hipErrorInvalidValue);
	expect(hipDeviceGetAttribute(&value, (hipDeviceAttribute_t)12345, 0),
	       hipErrorInvalidValue);
	expect(hipDeviceGetAttribute(&value, hipDeviceAttributeWarpSize, 2),
	       hipErrorInvalidDevice);
	cr_assert(eq(int, value, 77));
}

/* A size that an int cannot hold is the largest int. */
Test(hipsoft_pitch, is_at_most_an_int)
{
	soft_configure("1", "4096");
	cr_assert(eq(int, attribute(hipDeviceAttributeMaxPitch), INT_MAX));
}

Test(hipsoft_properties, says_its_name_size_and_version)
{
	hipDevice_t device = -1;
	char name[8] = "zzzzzzz";
	int version = 0;
	size_t bytes;

	expect_ok(hipDeviceGet(&device, 1));
	cr_assert(eq(int, device, 1));
	expect(hipDeviceGet(&device, 2), hipErrorInvalidDevice);
	expect(hipDeviceGet(NULL, 0), hipErrorInvalidValue);
	expect_ok(hipDeviceGetName(name, 5, device));
	cr_assert(eq(str, name, (char *)"hips"));
	expect(hipDeviceGetName(name, 0, device), hipErrorInvalidValue);
	expect(hipDeviceGetName(NULL, 5, device), hipErrorInvalidValue);
	expect(hipDeviceGetName(name, 5, 2), hipErrorInvalidDevice);
	expect_ok(hipDeviceTotalMem(&bytes, device));
	cr_assert(eq(sz, bytes, MEMORY));
	expect(hipDeviceTotalMem(NULL, device), hipErrorInvalidValue);
	expect(hipDeviceTotalMem(&bytes, 2), hipErrorInvalidDevice);
	expect_ok(hipRuntimeGetVersion(&version));
	cr_assert(eq(int, version, HIP_VERSION));
	expect_ok(hipDriverGetVersion(&version));
	expect(hipRuntimeGetVersion(NULL), hipErrorInvalidValue);
}

/* ---- host memory ------------------------------------------------------------------- */

Test(hipsoft_properties, copies_from_and_to_host_memory)
{
	unsigned char *host, *device = soft_malloc(10000);
	hipPointerAttribute_t attributes;

	expect_ok(hipHostMalloc((void **)&host, 10000, hipHostMallocPortable));
	cr_assert(zero(u64, (uintptr_t)host % PAGE));
	cr_assert(zero(int, host[9999]));
	memset(host, 7, 10000);
	expect_ok(hipMemcpyAsync(device, host, 10000, hipMemcpyHostToDevice, NULL));
	expect_ok(hipPointerGetAttributes(&attributes, host + 9999));
	cr_assert(eq(int, attributes.type, hipMemoryTypeHost));
	cr_assert(eq(ptr, attributes.hostPointer, host + 9999));
	cr_assert(eq(uint, attributes.allocationFlags, hipHostMallocPortable));
	/* Waits for the copy. */
	expect_ok(hipHostFree(host));
	expect(hipPointerGetAttributes(&attributes, host), hipErrorInvalidValue);
	expect(hipHostFree(host), hipErrorInvalidValue);
	expect_ok(hipHostMalloc((void **)&host, 10000, hipHostMallocDefault));
	expect_ok(hipMemcpy(host, device, 10000, hipMemcpyDeviceToHost));
	for (int i = 0; i < 10000; i++)
		cr_assert(eq(u8, host[i], 7));
	expect(hipHostFree(host + 1), hipErrorInvalidValue);
	expect_ok(hipHostFree(host));
}

Test(hipsoft_properties, refuses_host_memory_that_it_cannot_have)
{
	void *host = &host;

	expect(hipHostMalloc(NULL, 1, 0), hipErrorInvalidValue);
	expect(hipHostMalloc(&host, 1, 0x100), hipErrorInvalidValue);
	expect(hipHostMalloc(&host, 1, hipHostMallocMapped), hipErrorNotSupported);
	expect(hipHostMalloc(&host, SIZE_MAX, 0), hipErrorOutOfMemory);
	expect(hipHostMalloc(&host, SIZE_MAX / 2, 0), hipErrorOutOfMemory);
	cr_assert(eq(ptr, host, &host));
	expect_ok(hipHostMalloc(&host, 0, 0));
	cr_assert(eq(ptr, host, NULL));
	expect_ok(hipHostFree(NULL));
	expect(hipHostFree(&host), hipErrorInvalidValue);
	expect(hipHostFree(soft_malloc(100)), hipErrorInvalidValue);
}

/* ---- reset ------------------------------------------------------------------------- */

static size_t free_bytes(void)
{
	size_t free_now, total;

	expect_ok(hipMemGetInfo(&free_now, &total));
	return free_now;
}

Test(hipsoft_properties, is_empty_after_a_reset)
{
	void *here = soft_malloc(1 << 20), *other;
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipMemsetAsync(here, 1, 1 << 20, stream));
	expect_ok(hipDeviceEnablePeerAccess(1, 0));
	expect_ok(hipSetDevice(1));
	other = soft_malloc(1 << 20);
	expect_ok(hipSetDevice(0));
	expect_ok(hipDeviceReset());
	cr_assert(eq(sz, free_bytes(), MEMORY));
	expect(hipFree(here), hipErrorInvalidValue);
	expect(hipStreamSynchronize(stream), hipErrorInvalidHandle);
	expect(hipDeviceDisablePeerAccess(1), hipErrorPeerAccessNotEnabled);
	/* The other device is as it was, and this one works. */
	expect_ok(hipMemset(other, 2, 1 << 20));
	expect_ok(hipFree(other));
	expect_ok(hipMemset(soft_malloc(100), 3, 100));
	expect_ok(hipDeviceReset());
	expect_ok(hipDeviceReset());
}

static uint64_t freed_id;

static void note_freed(uint64_t id)
{
	freed_id = id;
}

/* Exported memory loses its name, too. */
Test(hipsoft_properties, reports_what_a_reset_frees)
{
	void *memory = soft_malloc(PAGE);
	struct hipipc_allocation allocation = soft_find(memory);
	struct hipipc_backing backing;

	hipsoft_provider.watch(note_freed);
	cr_assert(zero(int, hipsoft_provider.export_memory(&allocation, &backing)));
	close(backing.fd);
	expect_ok(hipDeviceReset());
	cr_assert(eq(u64, freed_id, allocation.id));
}

/* ---- entry points ------------------------------------------------------------------ */

Test(hipsoft_properties, has_entry_points)
{
	hipError_t (*properties)(hipDeviceProp_t *, int);
	hipDriverProcAddressQueryResult status;
	hipDeviceProp_t values;
	void *function = NULL;

	expect_ok(hipGetProcAddress("hipFree", &function, 600, 0, &status));
	cr_assert(eq(ptr, function, (void *)hipFree));
	cr_assert(eq(int, status, HIP_GET_PROC_ADDRESS_SUCCESS));
	expect_ok(hipGetProcAddress("hipGetDeviceProperties", &function, 600, 0, NULL));
	memcpy(&properties, &function, sizeof(properties));
	expect_ok(properties(&values, 0));
	expect(hipGetProcAddress("hipNothing", &function, 600, 0, &status),
	       hipErrorInvalidValue);
	cr_assert(eq(ptr, function, NULL));
	cr_assert(eq(int, status, HIP_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
	/* Other libraries' functions are not entry points. */
	expect(hipGetProcAddress("malloc", &function, 600, 0, NULL),
	       hipErrorInvalidValue);
	expect(hipGetProcAddress(NULL, &function, 600, 0, NULL), hipErrorInvalidValue);
	expect(hipGetProcAddress("hipFree", NULL, 600, 0, NULL), hipErrorInvalidValue);
	expect(hipGetProcAddress("hipFree", &function, 600, 1, NULL),
	       hipErrorInvalidValue);
	expect(hipGetProcAddress("hipFree", &function, 0, 0, NULL), hipErrorInvalidValue);
}
