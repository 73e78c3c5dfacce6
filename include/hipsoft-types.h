/* SPDX-License-Identifier: MIT */
/*
 * hipsoft-types.h - the types of libhipsoft beyond those of the IPC calls
 *
 * Names and values are those of HIP 6. The layout of hipDeviceProp_t is libhipsoft's own:
 * sources compile, and an object that was compiled with the vendor's header and reads
 * properties does not link.
 */
#ifndef HIPSOFT_TYPES_H
#define HIPSOFT_TYPES_H

#include <stdint.h>

#include <hipipc-types.h>

/* The version of HIP whose names and values these are. */
#define HIP_VERSION_MAJOR 6
#define HIP_VERSION_MINOR 0
#define HIP_VERSION_PATCH 0
#define HIP_VERSION                                                                      \
	(HIP_VERSION_MAJOR * 10000000 + HIP_VERSION_MINOR * 100000 + HIP_VERSION_PATCH)

typedef void *hipDeviceptr_t;

/* Of a launch, which libhipsoft has none of; members that are not given are 1. */
typedef struct dim3 {
	uint32_t x, y, z;
#ifdef __cplusplus
	dim3(uint32_t x_ = 1, uint32_t y_ = 1, uint32_t z_ = 1) : x(x_), y(y_), z(z_)
	{
	}
#endif
} dim3;

/* hipHostMalloc() accepts all but Mapped; none changes what the memory is. */
#define hipHostMallocDefault       0x0U
#define hipHostMallocPortable      0x1U
#define hipHostMallocMapped        0x2U
#define hipHostMallocWriteCombined 0x4U
#define hipHostMallocNumaUser      0x20000000U
#define hipHostMallocCoherent      0x40000000U
#define hipHostMallocNonCoherent   0x80000000U

typedef struct hipUUID_t {
	char bytes[16];
} hipUUID;

/**
 * struct hipDeviceProp_t - what a software device is
 * @name: "hipsoft" and its ordinal
 * @totalGlobalMem: its memory in bytes
 * @multiProcessorCount: CPUs that this process may use, which execute the commands
 * @maxThreadsPerBlock: 1, as all sizes of a launch: no kernels are launched
 * @memPitch: the largest copy in bytes
 * @asyncEngineCount: streams that copy at the same time, one a CPU
 * @integrated: 1: its memory is that of the machine
 * @unifiedAddressing: 1: no address of one device or of the host is one of another device
 * @gcnArchName: "hipsoft"
 *
 * What a software device does not have is 0: clocks, caches, buses, textures, shared
 * memory, registers, a compute capability, a UUID.
 */
typedef struct hipDeviceProp_t {
	char name[256];
	hipUUID uuid;
	size_t totalGlobalMem;
	size_t sharedMemPerBlock;
	size_t totalConstMem;
	size_t memPitch;
	size_t textureAlignment;
	size_t sharedMemPerMultiprocessor;
	size_t maxSharedMemoryPerMultiProcessor;
	int regsPerBlock;
	int regsPerMultiprocessor;
	int warpSize;
	int maxThreadsPerBlock;
	int maxThreadsDim[3];
	int maxGridSize[3];
	int maxThreadsPerMultiProcessor;
	int multiProcessorCount;
	int clockRate;
	int memoryClockRate;
	int memoryBusWidth;
	int l2CacheSize;
	int major;
	int minor;
	int asyncEngineCount;
	int concurrentKernels;
	int kernelExecTimeoutEnabled;
	int integrated;
	int canMapHostMemory;
	int computeMode;
	int ECCEnabled;
	int pciBusID;
	int pciDeviceID;
	int pciDomainID;
	int unifiedAddressing;
	int managedMemory;
	int concurrentManagedAccess;
	int pageableMemoryAccess;
	int isMultiGpuBoard;
	int isLargeBar;
	int cooperativeLaunch;
	char gcnArchName[256];
} hipDeviceProp_t;

enum hipComputeMode { hipComputeModeDefault = 0 };

/* The attributes that hipDeviceGetAttribute() knows; each is a member of the above. */
typedef enum hipDeviceAttribute_t {
	hipDeviceAttributeEccEnabled = 0,
	hipDeviceAttributeAsyncEngineCount = 2,
	hipDeviceAttributeCanMapHostMemory = 3,
	hipDeviceAttributeClockRate = 5,
	hipDeviceAttributeComputeMode = 6,
	hipDeviceAttributeConcurrentKernels = 8,
	hipDeviceAttributeConcurrentManagedAccess = 9,
	hipDeviceAttributeCooperativeLaunch = 10,
	hipDeviceAttributeIntegrated = 16,
	hipDeviceAttributeIsMultiGpuBoard = 17,
	hipDeviceAttributeKernelExecTimeout = 18,
	hipDeviceAttributeL2CacheSize = 19,
	hipDeviceAttributeComputeCapabilityMajor = 23,
	hipDeviceAttributeManagedMemory = 24,
	hipDeviceAttributeMaxBlockDimX = 26,
	hipDeviceAttributeMaxBlockDimY = 27,
	hipDeviceAttributeMaxBlockDimZ = 28,
	hipDeviceAttributeMaxGridDimX = 29,
	hipDeviceAttributeMaxGridDimY = 30,
	hipDeviceAttributeMaxGridDimZ = 31,
	hipDeviceAttributeMaxThreadsPerBlock = 56,
	hipDeviceAttributeMaxThreadsPerMultiProcessor = 57,
	hipDeviceAttributeMaxPitch = 58,
	hipDeviceAttributeMemoryBusWidth = 59,
	hipDeviceAttributeMemoryClockRate = 60,
	hipDeviceAttributeComputeCapabilityMinor = 61,
	hipDeviceAttributeMultiprocessorCount = 63,
	hipDeviceAttributePageableMemoryAccess = 65,
	hipDeviceAttributePciBusId = 67,
	hipDeviceAttributePciDeviceId = 68,
	hipDeviceAttributePciDomainID = 69,
	hipDeviceAttributeMaxRegistersPerBlock = 71,
	hipDeviceAttributeMaxSharedMemoryPerBlock = 74,
	hipDeviceAttributeTextureAlignment = 81,
	hipDeviceAttributeTotalConstantMemory = 83,
	hipDeviceAttributeUnifiedAddressing = 85,
	hipDeviceAttributeWarpSize = 87
} hipDeviceAttribute_t;

typedef enum hipDriverProcAddressQueryResult {
	HIP_GET_PROC_ADDRESS_SUCCESS = 0,
	HIP_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND = 1,
	HIP_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT = 2
} hipDriverProcAddressQueryResult;

#endif
