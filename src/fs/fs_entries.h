/* SPDX-License-Identifier: MIT */
/* fs_entries.h - pages of DMABUFFS_IOC_ENTRIES */
#ifndef DMABUFFS_FS_ENTRIES_H
#define DMABUFFS_FS_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <dmabuffs-ioctl.h>

struct service;

/* Who asks for a page. */
struct reader {
	uid_t uid;
	bool reads_all; /* see caller_reads_all() */
	uint64_t ns[DMABUFFS_NS_COUNT];
};

/* Fills the page after @page->cursor. */
void entries_fill_page(struct service *service, const struct reader *reader,
		       struct dmabuffs_entries *page);

#endif
