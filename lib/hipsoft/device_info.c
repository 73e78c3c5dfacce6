/* SPDX-License-Identifier: MIT */
/* device_info.c - what a device is */
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "context.h"

/* Engine threads run on the CPUs that the process may use. */
static int device_info_count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void device_info_fill(struct device *device, hipDeviceProp_t *ret_properties)
{
	struct accel_device_info info = {.size = sizeof(info)};
	int n_cpus = device_info_count_cpus();

	accel_device_query(device->accel, &info);
	*ret_properties = (hipDeviceProp_t){
		.totalGlobalMem = info.memory,
		.memPitch = info.memory,
		.warpSize = 1,
		.maxThreadsPerBlock = 1,
		.maxThreadsDim = {1, 1, 1},
		.maxGridSize = {1, 1, 1},
		.maxThreadsPerMultiProcessor = 1,
		.multiProcessorCount = n_cpus,
		.asyncEngineCount = n_cpus,
		.integrated = 1,
		.computeMode = hipComputeModeDefault,
		.unifiedAddressing = 1,
		.gcnArchName = "hipsoft",
	};
	memcpy(ret_properties->name, info.name, sizeof(info.name));
}

/* The checks that all calls begin with; an error is recorded already. */
static hipError_t device_info_begin(bool valid, int device)
{
	int r = runtime_enter();

	if (r == 0 && !valid)
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	return runtime_device(device) ? hipSuccess
				      : runtime_return(hipErrorInvalidDevice);
}

_public_ hipError_t hipGetDeviceProperties(hipDeviceProp_t *ret_properties, int device)
{
	hipError_t error = device_info_begin(ret_properties, device);

	if (error != hipSuccess)
		return error;
	device_info_fill(runtime_device(device), ret_properties);
	return runtime_result(0);
}

/* ---- attributes -------------------------------------------------------------------- */

struct attribute {
	hipDeviceAttribute_t attribute;
	size_t offset; /* of the member of hipDeviceProp_t */
	bool is_size;  /* a size_t, else an int */
};

#define OF(name, member, is_size)                                                        \
	hipDeviceAttribute##name, offsetof(hipDeviceProp_t, member), is_size

static const struct attribute device_info_attributes[] = {
	{OF(EccEnabled, ECCEnabled, false)},
	{OF(AsyncEngineCount, asyncEngineCount, false)},
	{OF(CanMapHostMemory, canMapHostMemory, false)},
	{OF(ClockRate, clockRate, false)},
	{OF(ComputeMode, computeMode, false)},
	{OF(ConcurrentKernels, concurrentKernels, false)},
	{OF(ConcurrentManagedAccess, concurrentManagedAccess, false)},
	{OF(CooperativeLaunch, cooperativeLaunch, false)},
	{OF(Integrated, integrated, false)},
	{OF(IsMultiGpuBoard, isMultiGpuBoard, false)},
	{OF(KernelExecTimeout, kernelExecTimeoutEnabled, false)},
	{OF(L2CacheSize, l2CacheSize, false)},
	{OF(ComputeCapabilityMajor, major, false)},
	{OF(ComputeCapabilityMinor, minor, false)},
	{OF(ManagedMemory, managedMemory, false)},
	{OF(MaxBlockDimX, maxThreadsDim[0], false)},
	{OF(MaxBlockDimY, maxThreadsDim[1], false)},
	{OF(MaxBlockDimZ, maxThreadsDim[2], false)},
	{OF(MaxGridDimX, maxGridSize[0], false)},
	{OF(MaxGridDimY, maxGridSize[1], false)},
	{OF(MaxGridDimZ, maxGridSize[2], false)},
	{OF(MaxThreadsPerBlock, maxThreadsPerBlock, false)},
	{OF(MaxThreadsPerMultiProcessor, maxThreadsPerMultiProcessor, false)},
	{OF(MaxPitch, memPitch, true)},
	{OF(MemoryBusWidth, memoryBusWidth, false)},
	{OF(MemoryClockRate, memoryClockRate, false)},
	{OF(MultiprocessorCount, multiProcessorCount, false)},
	{OF(PageableMemoryAccess, pageableMemoryAccess, false)},
	{OF(PciBusId, pciBusID, false)},
	{OF(PciDeviceId, pciDeviceID, false)},
	{OF(PciDomainID, pciDomainID, false)},
	{OF(MaxRegistersPerBlock, regsPerBlock, false)},
	{OF(MaxSharedMemoryPerBlock, sharedMemPerBlock, true)},
	{OF(TextureAlignment, textureAlignment, true)},
	{OF(TotalConstantMemory, totalConstMem, true)},
	{OF(UnifiedAddressing, unifiedAddressing, false)},
	{OF(WarpSize, warpSize, false)},
};

/* A size beyond an int is the largest one. */
static int device_info_read(const hipDeviceProp_t *properties,
			    const struct attribute *attribute)
{
	const char *member = (const char *)properties + attribute->offset;
	size_t size;
	int value;

	if (!attribute->is_size) {
		memcpy(&value, member, sizeof(value));
		return value;
	}
	memcpy(&size, member, sizeof(size));
	return (int)MIN(size, (size_t)INT32_MAX);
}

static const struct attribute *device_info_find(hipDeviceAttribute_t wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_info_attributes); i++)
		if (device_info_attributes[i].attribute == wanted)
			return &device_info_attributes[i];
	return NULL;
}

_public_ hipError_t hipDeviceGetAttribute(int *ret_value, hipDeviceAttribute_t wanted,
					  int device)
{
	const struct attribute *attribute = device_info_find(wanted);
	hipDeviceProp_t properties;
	hipError_t error = device_info_begin(ret_value && attribute, device);

	if (error != hipSuccess)
		return error;
	device_info_fill(runtime_device(device), &properties);
	*ret_value = device_info_read(&properties, attribute);
	return runtime_result(0);
}

/* ---- the same, one by one ---------------------------------------------------------- */

_public_ hipError_t hipDeviceGet(hipDevice_t *ret_device, int ordinal)
{
	hipError_t error = device_info_begin(ret_device, ordinal);

	if (error != hipSuccess)
		return error;
	*ret_device = ordinal;
	return runtime_result(0);
}

_public_ hipError_t hipDeviceGetName(char *name, int size, hipDevice_t device)
{
	hipDeviceProp_t properties;
	hipError_t error = device_info_begin(name && size > 0, device);

	if (error != hipSuccess)
		return error;
	device_info_fill(runtime_device(device), &properties);
	(void)snprintf(name, (size_t)size, "%s", properties.name);
	return runtime_result(0);
}

_public_ hipError_t hipDeviceTotalMem(size_t *ret_bytes, hipDevice_t device)
{
	hipDeviceProp_t properties;
	hipError_t error = device_info_begin(ret_bytes, device);

	if (error != hipSuccess)
		return error;
	device_info_fill(runtime_device(device), &properties);
	*ret_bytes = properties.totalGlobalMem;
	return runtime_result(0);
}

static hipError_t device_info_version(int *ret_version)
{
	int r = runtime_enter();

	if (r == 0 && !ret_version)
		r = -EINVAL;
	if (r == 0)
		*ret_version = HIP_VERSION;
	return runtime_result(r);
}

_public_ hipError_t hipRuntimeGetVersion(int *ret_version)
{
	return device_info_version(ret_version);
}

_public_ hipError_t hipDriverGetVersion(int *ret_version)
{
	return device_info_version(ret_version);
}
