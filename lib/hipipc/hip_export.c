/* SPDX-License-Identifier: MIT */
/* hip_export.c - dma-bufs of HIP device memory */
#include <fcntl.h>
#include <inttypes.h>

#include <util.h>

#include "hip_runtime.h"
#include "providers.h"
#include "reason.h"

#define ADVICE "allocate it with hipMalloc() on a GPU"

/* For memory of hipMemCreate(), whose handle is a dma-buf, too. */
static int hip_export_vmm(const struct hip_runtime *runtime,
			  const struct hipipc_allocation *allocation, int *ret_fd)
{
	const struct hip_api *hip = &runtime->hip;
	int result, fd = -1;
	void *handle;

	if (!hip->retain || !hip->release || !hip->export_handle)
		return -EOPNOTSUPP;
	result = hip->retain(&handle, (void *)(uintptr_t)allocation->base);
	if (result != HIP_SUCCESS)
		return -EOPNOTSUPP;
	result = hip->export_handle(&fd, handle, HIP_HANDLE_POSIX_FD, 0);
	hip->release(handle);
	if (result != HIP_SUCCESS)
		return hip_failed(result, "hipMemExportToShareableHandle",
				  "give hipMemCreate() "
				  "hipMemHandleTypePosixFileDescriptor");
	*ret_fd = fd;
	return 0;
}

static int hip_export_any(const struct hip_runtime *runtime,
			  const struct hipipc_allocation *allocation,
			  struct hipipc_backing *ret_backing)
{
	bool clean = runtime->hip.peek_error() == HIP_SUCCESS;
	uint64_t offset = 0;
	int status, r, fd = -1;

	status = runtime->hsa.export_dmabuf((void *)(uintptr_t)allocation->base,
					    allocation->bytes, &fd, &offset);
	r = status == HSA_SUCCESS ? 0 : hip_export_vmm(runtime, allocation, &fd);
	if (r == 0) {
		ret_backing->offset = status == HSA_SUCCESS ? offset : 0;
		ret_backing->fd = fd;
		return 0;
	}
	if (clean)
		(void)runtime->hip.last_error();
	if (status == HSA_OUT_OF_RESOURCES)
		return reason(-ENOMEM,
			      "hsa_amd_portable_export_dmabuf: %#x; raise "
			      "RLIMIT_NOFILE",
			      (unsigned int)status);
	return reason(r == -EBADMSG ? -EOPNOTSUPP : r,
		      "hsa_amd_portable_export_dmabuf: %#x; " ADVICE
		      ", with a kernel driver that exports dma-bufs (amdkfd 1.12)",
		      (unsigned int)status);
}

/* The runtime identifies memory by address, which may have been reused meanwhile. */
static bool hip_export_is_live(const struct hipipc_allocation *allocation)
{
	struct hipipc_allocation now;
	bool managed;

	return hip_look_up(allocation->base, &now, &managed) == 0 &&
	       providers_same_allocation(&now, allocation);
}

int hip_export_memory(const struct hipipc_allocation *allocation,
		      struct hipipc_backing *ret_backing)
{
	struct hipipc_backing backing = {.fd = -1, .kind = HIPIPC_KIND_DMABUF};
	struct hipipc_allocation now;
	bool managed;
	int r;

	r = hip_look_up(allocation->base, &now, &managed);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	if (managed)
		return reason(-EOPNOTSUPP, "managed memory has no descriptor; " ADVICE);
	r = hip_export_any(hip_runtime(), allocation, &backing);
	if (!hip_export_is_live(allocation))
		r = -ENOENT;
	else if (r == 0 && fcntl(backing.fd, F_SETFD, FD_CLOEXEC) < 0)
		r = reason(
			-EIO,
			"the runtime returned %d, which is not a descriptor; update it",
			backing.fd);
	if (r < 0) {
		close_keep_errno(backing.fd);
		return r;
	}
	*ret_backing = backing;
	return 0;
}
