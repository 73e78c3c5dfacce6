/* SPDX-License-Identifier: MIT */
/* event_page_private.h - for event_page.c and event_record.c alone */
#ifndef HIPSOFT_EVENT_PAGE_PRIVATE_H
#define HIPSOFT_EVENT_PAGE_PRIVATE_H

#include <htab.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "event_page.h"

/**
 * struct shared_event - a page of this process
 * @node: in the registry, by inode
 * @dev: of the memfd
 * @ino: of the memfd
 * @refs: under the registry's lock
 * @fd: the description that holds the lock; -1 in a child of fork(2)
 * @recorder: our number
 * @page: hostile ground: whatever is read there is read once
 * @lock: a leaf. Held while a record takes its number, so that whoever has
 *	  seen one of ours finds it there
 * @seen: the highest number that was waited for or recorded here. Under @lock
 * @newest: our records that are outstanding. One leaves when @reached or @failed says so
 * @reached: by slot, the highest of our own numbers that was reached: nobody can undo
 *	     that, so a process never waits for what it has done itself
 * @failed: the same of those whose stream had failed
 */
struct shared_event {
	struct htab_node node;
	dev_t dev;
	ino_t ino;
	unsigned refs;
	int fd;
	uint32_t recorder;
	struct event_page *page;
	pthread_mutex_t lock;
	uint64_t seen;
	struct event_record *newest;
	uint64_t reached[EVENT_PAGE_SLOTS];
	uint64_t failed[EVENT_PAGE_SLOTS];
};

/* Of another one than we are: of our own lock the kernel does not tell us. */
bool event_page_is_alive(const struct shared_event *event, uint32_t recorder);

#endif
