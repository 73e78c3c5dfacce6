/* SPDX-License-Identifier: MIT */
/*
 * compat.h - the values that our headers and the vendor's must agree on
 *
 * Two files compile the same list, one with each header; the test compares the results.
 */
#ifndef DMABUFFS_TEST_COMPAT_H
#define DMABUFFS_TEST_COMPAT_H

struct compat_value {
	const char *name;
	unsigned long value;
};

/* Terminated by an entry without a name. */
extern const struct compat_value compat_of_ours[];
extern const struct compat_value compat_of_vendor[];

/* Defined by the file that includes this after one of the headers. */
#define COMPAT_VALUE(name) ((struct compat_value){#name, (unsigned long)(name)})
#define COMPAT_SIZE(type)  ((struct compat_value){"sizeof " #type, sizeof(type)})
#define COMPAT_ALIGN(type) ((struct compat_value){"alignof " #type, __alignof__(type)})

#define COMPAT_VALUES                                                                    \
	COMPAT_VALUE(hipSuccess), COMPAT_VALUE(hipErrorInvalidValue),                    \
		COMPAT_VALUE(hipErrorOutOfMemory),                                       \
		COMPAT_VALUE(hipErrorMemoryAllocation),                                  \
		COMPAT_VALUE(hipErrorNotInitialized),                                    \
		COMPAT_VALUE(hipErrorInitializationError),                               \
		COMPAT_VALUE(hipErrorDeinitialized),                                     \
		COMPAT_VALUE(hipErrorInvalidConfiguration),                              \
		COMPAT_VALUE(hipErrorInvalidDevicePointer),                              \
		COMPAT_VALUE(hipErrorInvalidMemcpyDirection),                            \
		COMPAT_VALUE(hipErrorInsufficientDriver),                                \
		COMPAT_VALUE(hipErrorNoDevice), COMPAT_VALUE(hipErrorInvalidDevice),     \
		COMPAT_VALUE(hipErrorInvalidContext), COMPAT_VALUE(hipErrorMapFailed),   \
		COMPAT_VALUE(hipErrorMapBufferObjectFailed),                             \
		COMPAT_VALUE(hipErrorUnmapFailed), COMPAT_VALUE(hipErrorAlreadyMapped),  \
		COMPAT_VALUE(hipErrorNotMapped),                                         \
		COMPAT_VALUE(hipErrorPeerAccessUnsupported),                             \
		COMPAT_VALUE(hipErrorSharedObjectSymbolNotFound),                        \
		COMPAT_VALUE(hipErrorSharedObjectInitFailed),                            \
		COMPAT_VALUE(hipErrorOperatingSystem),                                   \
		COMPAT_VALUE(hipErrorInvalidHandle),                                     \
		COMPAT_VALUE(hipErrorInvalidResourceHandle),                             \
		COMPAT_VALUE(hipErrorIllegalState), COMPAT_VALUE(hipErrorNotFound),      \
		COMPAT_VALUE(hipErrorNotReady), COMPAT_VALUE(hipErrorIllegalAddress),    \
		COMPAT_VALUE(hipErrorLaunchOutOfResources),                              \
		COMPAT_VALUE(hipErrorLaunchTimeOut),                                     \
		COMPAT_VALUE(hipErrorPeerAccessAlreadyEnabled),                          \
		COMPAT_VALUE(hipErrorPeerAccessNotEnabled),                              \
		COMPAT_VALUE(hipErrorContextIsDestroyed),                                \
		COMPAT_VALUE(hipErrorLaunchFailure), COMPAT_VALUE(hipErrorNotSupported), \
		COMPAT_VALUE(hipErrorUnknown), COMPAT_VALUE(hipStreamDefault),           \
		COMPAT_VALUE(hipStreamNonBlocking), COMPAT_VALUE(hipEventDefault),       \
		COMPAT_VALUE(hipEventBlockingSync), COMPAT_VALUE(hipEventDisableTiming), \
		COMPAT_VALUE(hipEventInterprocess), COMPAT_VALUE(hipMemcpyHostToHost),   \
		COMPAT_VALUE(hipMemcpyHostToDevice),                                     \
		COMPAT_VALUE(hipMemcpyDeviceToHost),                                     \
		COMPAT_VALUE(hipMemcpyDeviceToDevice), COMPAT_VALUE(hipMemcpyDefault),   \
		COMPAT_VALUE(HIP_IPC_HANDLE_SIZE), COMPAT_SIZE(hipError_t),              \
		COMPAT_SIZE(hipIpcMemHandle_t), COMPAT_ALIGN(hipIpcMemHandle_t),         \
		COMPAT_SIZE(hipIpcEventHandle_t), COMPAT_ALIGN(hipIpcEventHandle_t),     \
		COMPAT_SIZE(hipEvent_t), COMPAT_SIZE(hipStream_t),                       \
		COMPAT_SIZE(hipCtx_t), COMPAT_SIZE(hipDevice_t),                         \
		COMPAT_SIZE(hipPointerAttribute_t), COMPAT_ALIGN(hipPointerAttribute_t), \
		COMPAT_VALUE(hipDeviceAttributeEccEnabled),                              \
		COMPAT_VALUE(hipDeviceAttributeAsyncEngineCount),                        \
		COMPAT_VALUE(hipDeviceAttributeCanMapHostMemory),                        \
		COMPAT_VALUE(hipDeviceAttributeClockRate),                               \
		COMPAT_VALUE(hipDeviceAttributeComputeMode),                             \
		COMPAT_VALUE(hipDeviceAttributeConcurrentKernels),                       \
		COMPAT_VALUE(hipDeviceAttributeConcurrentManagedAccess),                 \
		COMPAT_VALUE(hipDeviceAttributeCooperativeLaunch),                       \
		COMPAT_VALUE(hipDeviceAttributeIntegrated),                              \
		COMPAT_VALUE(hipDeviceAttributeIsMultiGpuBoard),                         \
		COMPAT_VALUE(hipDeviceAttributeKernelExecTimeout),                       \
		COMPAT_VALUE(hipDeviceAttributeL2CacheSize),                             \
		COMPAT_VALUE(hipDeviceAttributeComputeCapabilityMajor),                  \
		COMPAT_VALUE(hipDeviceAttributeManagedMemory),                           \
		COMPAT_VALUE(hipDeviceAttributeMaxBlockDimX),                            \
		COMPAT_VALUE(hipDeviceAttributeMaxBlockDimY),                            \
		COMPAT_VALUE(hipDeviceAttributeMaxBlockDimZ),                            \
		COMPAT_VALUE(hipDeviceAttributeMaxGridDimX),                             \
		COMPAT_VALUE(hipDeviceAttributeMaxGridDimY),                             \
		COMPAT_VALUE(hipDeviceAttributeMaxGridDimZ),                             \
		COMPAT_VALUE(hipDeviceAttributeMaxThreadsPerBlock),                      \
		COMPAT_VALUE(hipDeviceAttributeMaxThreadsPerMultiProcessor),             \
		COMPAT_VALUE(hipDeviceAttributeMaxPitch),                                \
		COMPAT_VALUE(hipDeviceAttributeMemoryBusWidth),                          \
		COMPAT_VALUE(hipDeviceAttributeMemoryClockRate),                         \
		COMPAT_VALUE(hipDeviceAttributeComputeCapabilityMinor),                  \
		COMPAT_VALUE(hipDeviceAttributeMultiprocessorCount),                     \
		COMPAT_VALUE(hipDeviceAttributePageableMemoryAccess),                    \
		COMPAT_VALUE(hipDeviceAttributePciBusId),                                \
		COMPAT_VALUE(hipDeviceAttributePciDeviceId),                             \
		COMPAT_VALUE(hipDeviceAttributePciDomainID),                             \
		COMPAT_VALUE(hipDeviceAttributeMaxRegistersPerBlock),                    \
		COMPAT_VALUE(hipDeviceAttributeMaxSharedMemoryPerBlock),                 \
		COMPAT_VALUE(hipDeviceAttributeTextureAlignment),                        \
		COMPAT_VALUE(hipDeviceAttributeTotalConstantMemory),                     \
		COMPAT_VALUE(hipDeviceAttributeUnifiedAddressing),                       \
		COMPAT_VALUE(hipDeviceAttributeWarpSize),                                \
		COMPAT_SIZE(hipDeviceAttribute_t), COMPAT_SIZE(hipDeviceptr_t),          \
		COMPAT_SIZE(dim3), COMPAT_ALIGN(dim3),                                   \
		COMPAT_VALUE(hipComputeModeDefault), COMPAT_VALUE(hipHostMallocDefault), \
		COMPAT_VALUE(hipHostMallocPortable), COMPAT_VALUE(hipHostMallocMapped),  \
		COMPAT_VALUE(hipHostMallocWriteCombined),                                \
		COMPAT_VALUE(hipHostMallocNumaUser),                                     \
		COMPAT_VALUE(hipHostMallocCoherent),                                     \
		COMPAT_VALUE(hipHostMallocNonCoherent)

#endif
