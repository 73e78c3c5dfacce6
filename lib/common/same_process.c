/* SPDX-License-Identifier: MIT */
/*
 * same_process.c - a page that the kernel clears at fork
 *
 * Comparing pids is not enough: the first process of a PID namespace can fork the first
 * one of another, and both are pid 1.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "same_process.h"

/* The kernel rounds it up to a page. */
#define MARK_BYTES sizeof(_Atomic uint32_t)

int same_process_create(_Atomic uint32_t **ret_mark, bool *ret_reliable)
{
	void *page = mmap(NULL, MARK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool reliable;

	if (page == MAP_FAILED)
		return -errno;
	reliable = madvise(page, MARK_BYTES, MADV_WIPEONFORK) == 0;

	*ret_mark = page;
	atomic_init(*ret_mark, 1);
	if (ret_reliable)
		*ret_reliable = reliable;
	return 0;
}

void same_process_destroy(_Atomic uint32_t *mark)
{
	if (mark)
		(void)munmap(mark, MARK_BYTES);
}
