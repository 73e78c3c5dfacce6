/* SPDX-License-Identifier: MIT */
/*
 * ported-strict.cc - the headers in an older C++, in a block of extern "C", and with
 * warnings that programs have as errors
 */
extern "C" {
#include <hip/hip_runtime_api.h>
}

namespace
{
hipError_t allocate_and_free(float **ret_device, const char **ret_host)
{
	hipError_t error = hipMalloc(ret_device, sizeof(float));

	if (error == hipSuccess)
		error = hipFree(*ret_device);
	if (error == hipSuccess)
		error = hipHostMalloc(ret_host, sizeof(float));
	return error;
}
} // namespace

extern "C" int ported_strict();

int ported_strict()
{
	const char *host = nullptr;
	float *device = nullptr;
	void *function = nullptr;

	if (allocate_and_free(&device, &host) != hipSuccess)
		return __LINE__;
	if (hipHostFree(const_cast<char *>(host)) != hipSuccess)
		return __LINE__;
	return hipGetProcAddress("hipMalloc", &function, HIP_VERSION_MAJOR * 100, 0) ==
			       hipSuccess
		       ? 0
		       : __LINE__;
}
