/* SPDX-License-Identifier: MIT */
/* ipc-exporter.c - the process that exports device memory */
#include "ipc-exporter.h"

#include "bench.h"
#include "contest.h"

/* per sample: hides the cost of the clock */
#define GETS_PER_SAMPLE 64

static int begin(struct ipc_exporter *exporter)
{
	struct ipc_page *page = exporter->page;

	if (setenv("DMABUFFS_MOUNT", exporter->mount, 1) < 0)
		return complain(-errno, "setenv");
	for (size_t i = 0; i < IPC_BUFFERS; i++)
		page->buffers[i].backing.fd = -1;
	return rival_serve(&page->rival);
}

static int release(struct ipc_exporter *exporter, size_t i)
{
	struct ipc_buffer *buffer = &exporter->page->buffers[i];

	close_keep_errno(TAKE_FD(buffer->backing.fd));
	return ipc_result(hipFree(TAKE_PTR(exporter->pointers[i])), "hipFree");
}

/* The rivals need a descriptor but no name; they do not create one each time. */
static int prepare_rivals(struct ipc_buffer *buffer, void *pointer)
{
	struct hipipc_allocation allocation;
	int r = hipsoft_provider.find((uint64_t)(uintptr_t)pointer, &allocation);

	if (r >= 0)
		r = hipsoft_provider.export_memory(&allocation, &buffer->backing);
	return r < 0 ? complain(r, "the descriptor of an allocation") : 0;
}

static int make(struct ipc_exporter *exporter, size_t i)
{
	struct ipc_buffer *buffer = &exporter->page->buffers[i];
	void **pointer = &exporter->pointers[i];
	double start;
	int r = ipc_result(hipMalloc(pointer, IPC_BUFFER_BYTES), "hipMalloc");

	buffer->mark = ++exporter->mark;
	if (r >= 0)
		r = ipc_result(hipMemset(*pointer, buffer->mark, IPC_BUFFER_BYTES),
			       "hipMemset");
	start = now_us();
	if (r >= 0)
		r = ipc_result(hipIpcGetMemHandle(&buffer->handle, *pointer),
			       "hipIpcGetMemHandle");
	exporter->page->exporter_us[i] = now_us() - start;
	return r < 0 ? r : prepare_rivals(buffer, *pointer);
}

/*
 * Frees all buffers before it creates new ones, so that none can be mistaken for another.
 */
static int renew(struct ipc_exporter *exporter)
{
	int r = 0;

	for (size_t i = 0; i < IPC_BUFFERS && r >= 0; i++)
		r = release(exporter, i);
	for (size_t i = 0; i < IPC_BUFFERS && r >= 0; i++)
		r = make(exporter, i);
	return r;
}

static int get(struct ipc_exporter *exporter)
{
	struct ipc_page *page = exporter->page;
	hipIpcMemHandle_t handle;

	(void)pthread_barrier_wait(&page->everyone);
	for (size_t i = 0; i < IPC_BUFFERS; i++) {
		hipError_t error = hipSuccess;
		double start = now_us();

		for (size_t j = 0; j < GETS_PER_SAMPLE && error == hipSuccess; j++)
			error = hipIpcGetMemHandle(
				&handle, exporter->pointers[(i + j) % IPC_BUFFERS]);
		page->exporter_us[i] = (now_us() - start) / GETS_PER_SAMPLE;
		if (error != hipSuccess)
			return ipc_result(error, "hipIpcGetMemHandle");
	}
	return 0;
}

static int work(void *data, int job)
{
	struct ipc_exporter *exporter = data;

	switch ((enum ipc_exporter_job)job) {
	case IPC_EXPORTER_BEGIN:
		return begin(exporter);
	case IPC_EXPORTER_RENEW:
		return renew(exporter);
	case IPC_EXPORTER_GET:
		return get(exporter);
	}
	return complain(-EINVAL, "job %d", job);
}

int ipc_exporter_start(struct ipc_exporter *exporter)
{
	int r = bench_worker_start(&exporter->worker, WORKER_OF_SERVER, work, exporter);

	return r < 0 ? r : bench_worker_do(&exporter->worker, IPC_EXPORTER_BEGIN);
}
