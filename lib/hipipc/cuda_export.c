/* SPDX-License-Identifier: MIT */
/* cuda_export.c - descriptors of CUDA device memory */
#include "cuda_export.h"

#include <fcntl.h>
#include <inttypes.h>

#include <util.h>

#include "cuda_driver.h"
#include "providers.h"
#include "reason.h"

/* The handle of the only physical allocation in the range; to be released. */
static int cuda_export_retain_one(const struct cuda_api *api,
				  const struct hipipc_allocation *allocation,
				  cuda_handle *ret_handle)
{
	uint64_t last = allocation->base + allocation->bytes - 1;
	cuda_handle handle, end;
	int result = api->retain(&handle, (void *)(uintptr_t)allocation->base);

	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemRetainAllocationHandle", CUDA_ADVICE);
	result = api->retain(&end, (void *)(uintptr_t)last);
	if (result == CUDA_SUCCESS)
		api->release(end);
	if (result == CUDA_SUCCESS && end == handle) {
		*ret_handle = handle;
		return 0;
	}
	api->release(handle);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemRetainAllocationHandle", CUDA_ADVICE);
	/* The driver does not report bounds of mappings, see provider_cuda.c. */
	return reason(-EOPNOTSUPP,
		      "several allocations are mapped in this range, and the driver does "
		      "not report their bounds; use CUDA 12 or later, or one allocation "
		      "per range");
}

static int cuda_export_vmm(const struct cuda_api *api,
			   const struct hipipc_allocation *allocation, int *ret_fd)
{
	cuda_handle handle = 0;
	int result, fd = -1, r;

	if (!api->retain)
		return reason(
			-EOPNOTSUPP,
			"the driver has no cuMemRetainAllocationHandle; use CUDA 11 "
			"or later");
	r = cuda_export_retain_one(api, allocation, &handle);
	if (r < 0)
		return r;
	result = api->export_handle(&fd, handle, CUDA_HANDLE_POSIX_FD, 0);
	api->release(handle);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemExportToShareableHandle", CUDA_ADVICE);
	*ret_fd = fd;
	return 0;
}

static int cuda_export_dmabuf(const struct cuda_api *api,
			      const struct hipipc_allocation *allocation, int *ret_fd)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int result, fd = -1;

	if (!api->range_handle)
		return reason(-EOPNOTSUPP,
			      "the driver cannot export dma-bufs; " CUDA_ADVICE);
	if (allocation->base % page || allocation->bytes % page)
		return reason(
			-EOPNOTSUPP,
			"%" PRIu64 " bytes at %#" PRIx64
			" are not whole pages; allocate whole pages, or " CUDA_ADVICE,
			allocation->bytes, allocation->base);
	result = api->range_handle(&fd, allocation->base, allocation->bytes,
				   CUDA_RANGE_DMA_BUF_FD, 0);
	if (result != CUDA_SUCCESS)
		return cuda_failed(result, "cuMemGetHandleForAddressRange", CUDA_ADVICE);
	reason_info(
		"exported as a dma-buf, which most CUDA drivers cannot import; for those "
		"%s",
		CUDA_ADVICE);
	*ret_fd = fd;
	return 0;
}

/* The driver identifies memory by address, which may belong to another allocation now. */
static bool cuda_export_is_live(const struct hipipc_allocation *allocation)
{
	struct hipipc_allocation now;
	struct cuda_memory memory;

	return cuda_look_up(allocation->base, &now, &memory) == 0 &&
	       providers_same_allocation(&now, allocation);
}

/* If the allocation is live, an error of the driver means that it has no descriptor. */
static int cuda_export_result(const struct hipipc_allocation *allocation, int r)
{
	if (!cuda_export_is_live(allocation))
		return -ENOENT;
	return r == -EBADMSG ? -EOPNOTSUPP : r;
}

int cuda_export_memory(const struct hipipc_allocation *allocation,
		       struct hipipc_backing *ret_backing)
{
	const struct cuda_api *api = cuda_driver();
	_cleanup_close_ int fd = -1;
	struct hipipc_allocation now;
	struct cuda_memory memory;
	bool vmm;
	int r;

	r = cuda_look_up(allocation->base, &now, &memory);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	if (memory.managed)
		return reason(-EOPNOTSUPP,
			      "managed memory has no descriptor; " CUDA_ADVICE);
	vmm = memory.handle_types & CUDA_HANDLE_POSIX_FD;
	r = vmm ? cuda_export_vmm(api, allocation, &fd)
		: cuda_export_dmabuf(api, allocation, &fd);
	r = cuda_export_result(allocation, r);
	if (r < 0)
		return r;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return reason(
			-EIO,
			"the driver returned %d, which is not a descriptor; update it",
			fd);
	ret_backing->fd = TAKE_FD(fd);
	ret_backing->kind = vmm ? HIPIPC_KIND_CUDA_VMM : HIPIPC_KIND_DMABUF;
	ret_backing->offset = 0;
	return 0;
}
