/* SPDX-License-Identifier: MIT */
/* ipc-page.c - memory that the exporter, its importers and the benchmark share */
#include "ipc-page.h"

#include <sys/mman.h>

#include "bench.h"

static int create_barriers(struct ipc_page *page, unsigned int n_importers)
{
	pthread_barrierattr_t attributes;
	int r = pthread_barrierattr_init(&attributes);

	if (r > 0)
		return -r;
	r = pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (r == 0)
		r = pthread_barrier_init(&page->importers, &attributes, n_importers);
	if (r == 0)
		r = pthread_barrier_init(&page->everyone, &attributes, n_importers + 1);
	(void)pthread_barrierattr_destroy(&attributes);
	return -r;
}

struct ipc_page *ipc_page_new(unsigned int n_importers)
{
	struct ipc_page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (page == MAP_FAILED) {
		(void)complain(-errno, "mmap");
		return NULL;
	}
	r = create_barriers(page, n_importers);
	if (r < 0) {
		(void)complain(r, "pthread_barrier_init");
		ipc_page_free(page);
		return NULL;
	}
	return page;
}

/* The barriers are not destroyed: that would wait for killed processes. */
void ipc_page_free(struct ipc_page *page)
{
	if (page)
		(void)munmap(page, sizeof(*page));
}

int ipc_result(hipError_t error, const char *call)
{
	if (error == hipSuccess)
		return 0;
	return complain(-EIO, "%s: %s (%s)", call, hipGetErrorName(error),
			hipipcLastReason());
}
