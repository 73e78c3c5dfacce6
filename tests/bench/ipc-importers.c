/* SPDX-License-Identifier: MIT */
/* ipc-importers.c - processes that open the exporter's device memory concurrently */
#include "ipc-importers.h"

#include "bench.h"
#include "contest.h"

/* per sample: hides the cost of the clock */
#define REOPENS_PER_SAMPLE 64

struct importer {
	struct ipc_page *page;
	const char *mount;
	double *us; /* its part of the page */
	struct bench_worker worker;
	/* in the process */
	void *pointers[IPC_BUFFERS];
};

struct ipc_importers {
	unsigned int n;
	struct importer importers[];
};

/* ---- operations in an importer ----------------------------------------------------- */

typedef int (*operation_fn)(struct importer *importer, size_t i);

static int open_handle(struct importer *importer, size_t i)
{
	return ipc_result(hipIpcOpenMemHandle(&importer->pointers[i],
					      importer->page->buffers[i].handle,
					      hipIpcMemLazyEnablePeerAccess),
			  "hipIpcOpenMemHandle");
}

static int close_handle(struct importer *importer, size_t i)
{
	return ipc_result(hipIpcCloseMemHandle(importer->pointers[i]),
			  "hipIpcCloseMemHandle");
}

/* A runtime's import of a received descriptor. */
static int import(struct importer *importer, size_t i, int fd)
{
	struct hipipc_backing backing = importer->page->buffers[i].backing;
	uint64_t pointer;
	int r;

	backing.fd = fd;
	r = hipsoft_provider.import_memory(&backing, IPC_BUFFER_BYTES, &pointer);
	if (r < 0)
		return complain(r, "import of a descriptor");
	importer->pointers[i] = (void *)(uintptr_t)pointer;
	return 0;
}

static int open_by_connection(struct importer *importer, size_t i)
{
	const struct ipc_page *page = importer->page;
	_cleanup_close_ int fd = -1;
	int r = rival_connect(&page->rival, page->buffers[i].backing.fd, &fd);

	return r < 0 ? complain(r, "connect, receive") : import(importer, i, fd);
}

static int open_by_taking(struct importer *importer, size_t i)
{
	const struct ipc_page *page = importer->page;
	_cleanup_close_ int fd = -1;
	int r = rival_take(&page->rival, page->buffers[i].backing.fd, &fd);

	return r < 0 ? complain(r, "pidfd_getfd") : import(importer, i, fd);
}

static int release(struct importer *importer, size_t i)
{
	int r = hipsoft_provider.release_memory(
		(uint64_t)(uintptr_t)importer->pointers[i]);

	return r < 0 ? complain(r, "release of a buffer") : 0;
}

/* ---- jobs in an importer ----------------------------------------------------------- */

static int time_each(struct importer *importer, operation_fn operation)
{
	int r = 0;

	for (size_t i = 0; i < IPC_BUFFERS && r >= 0; i++) {
		double start = now_us();

		r = operation(importer, i);
		importer->us[i] = now_us() - start;
	}
	return r;
}

/* The opened memory is the exporter's, and the device can read it. */
static int check(struct importer *importer)
{
	for (size_t i = 0; i < IPC_BUFFERS; i++) {
		unsigned char last = 0;
		const char *bytes = importer->pointers[i];
		int r = ipc_result(
			hipMemcpyDtoH(&last, bytes + IPC_BUFFER_BYTES - 1, sizeof(last)),
			"hipMemcpyDtoH");

		if (r < 0)
			return r;
		if (last != importer->page->buffers[i].mark)
			return complain(-EBADMSG, "buffer %zu has other content", i);
	}
	return 0;
}

static int open_all(struct importer *importer, pthread_barrier_t *barrier,
		    operation_fn operation)
{
	int r;

	(void)pthread_barrier_wait(barrier);
	r = time_each(importer, operation);
	return r < 0 ? r : check(importer);
}

static int open_again(struct importer *importer)
{
	int r = 0;

	(void)pthread_barrier_wait(&importer->page->importers);
	for (size_t i = 0; i < IPC_BUFFERS && r >= 0; i++) {
		double start = now_us();

		for (size_t j = 0; j < REOPENS_PER_SAMPLE && r >= 0; j++)
			r = open_handle(importer, (i + j) % IPC_BUFFERS);
		importer->us[i] = (now_us() - start) / REOPENS_PER_SAMPLE;
		for (size_t j = 0; j < REOPENS_PER_SAMPLE && r >= 0; j++)
			r = close_handle(importer, (i + j) % IPC_BUFFERS);
	}
	return r;
}

static int close_all(struct importer *importer, operation_fn operation)
{
	(void)pthread_barrier_wait(&importer->page->importers);
	return time_each(importer, operation);
}

static int begin(struct importer *importer)
{
	if (setenv("DMABUFFS_MOUNT", importer->mount, 1) < 0)
		return complain(-errno, "setenv");
	return ipc_result(hipDeviceSynchronize(), "hipDeviceSynchronize");
}

static int work(void *data, int job)
{
	struct importer *importer = data;
	struct ipc_page *page = importer->page;

	switch ((enum ipc_job)job) {
	case IPC_BEGIN:
		return begin(importer);
	case IPC_OPEN:
		return open_all(importer, &page->importers, open_handle);
	case IPC_OPEN_BESIDE:
		return open_all(importer, &page->everyone, open_handle);
	case IPC_OPEN_AGAIN:
		return open_again(importer);
	case IPC_CLOSE:
		return close_all(importer, close_handle);
	case IPC_OPEN_CONNECT:
		return open_all(importer, &page->importers, open_by_connection);
	case IPC_OPEN_TAKE:
		return open_all(importer, &page->importers, open_by_taking);
	case IPC_CLOSE_RIVAL:
		return close_all(importer, release);
	}
	return complain(-EINVAL, "job %d", job);
}

/* ---- all importers ----------------------------------------------------------------- */

static int start_all(struct ipc_importers *importers)
{
	int r = 0;

	for (unsigned int i = 0; i < importers->n && r >= 0; i++)
		r = bench_worker_start(&importers->importers[i].worker, WORKER_OF_CLIENT,
				       work, &importers->importers[i]);
	return r < 0 ? r : ipc_importers_do(importers, IPC_BEGIN);
}

int ipc_importers_start(struct ipc_page *page, const char *mount, unsigned int n,
			struct ipc_importers **ret_importers)
{
	struct ipc_importers *importers =
		calloc(1, sizeof(*importers) + n * sizeof(importers->importers[0]));
	int r;

	if (!importers)
		return -ENOMEM;
	importers->n = n;
	for (unsigned int i = 0; i < n; i++)
		importers->importers[i] = (struct importer){
			.page = page,
			.mount = mount,
			.us = page->importer_us[i],
			.worker = WORKER_INIT,
		};
	r = start_all(importers);
	if (r < 0) {
		ipc_importers_stop(importers);
		return r;
	}
	*ret_importers = importers;
	return 0;
}

void ipc_importers_stop(struct ipc_importers *importers)
{
	for (unsigned int i = 0; importers && i < importers->n; i++)
		bench_worker_stop(&importers->importers[i].worker);
	free(importers);
}

int ipc_importers_order(struct ipc_importers *importers, enum ipc_job job)
{
	int r = 0;

	for (unsigned int i = 0; i < importers->n && r >= 0; i++)
		r = bench_worker_order(&importers->importers[i].worker, job);
	return r;
}

int ipc_importers_wait(struct ipc_importers *importers)
{
	int r = 0;

	for (unsigned int i = 0; i < importers->n && r >= 0; i++)
		r = bench_worker_answer(&importers->importers[i].worker);
	return r;
}

int ipc_importers_do(struct ipc_importers *importers, enum ipc_job job)
{
	int r = ipc_importers_order(importers, job);

	return r < 0 ? r : ipc_importers_wait(importers);
}

int ipc_importers_times(const struct ipc_importers *importers, struct series *samples)
{
	int r = 0;

	for (unsigned int i = 0; i < importers->n; i++)
		for (size_t j = 0; j < IPC_BUFFERS && r >= 0; j++)
			r = series_add(samples, importers->importers[i].us[j]);
	return r;
}
