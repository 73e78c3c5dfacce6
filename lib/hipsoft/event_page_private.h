/* SPDX-License-Identifier: MIT */
/* event_page_private.h - shared by event_page.c and event_record.c */
#ifndef HIPSOFT_EVENT_PAGE_PRIVATE_H
#define HIPSOFT_EVENT_PAGE_PRIVATE_H

#include <htab.h>
#include <locked.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "event_page.h"

/**
 * struct shared_event - a page as this process has it open
 * @node: in the registry, by inode
 * @dev: of the memfd
 * @ino: of the memfd
 * @refs: protected by the registry's lock
 * @fd: the open file description that holds the lock; -1 in a child of fork(2)
 * @recorder: this process's number
 * @page: writable by other processes: each value is read once and then checked
 * @lock: innermost lock. Held while a record takes its number, so that a thread that
 *	  has seen the number finds the record in @records
 * @seen: the highest number that was waited for or recorded here. Protected by @lock
 * @records: this process's outstanding records, newest first. A record is removed after
 *	     @reached or @failed has its result
 * @reached: per slot, the highest own number that was reached. Other processes cannot
 *	     change it, so a process never waits for work that it has completed itself
 * @failed: per slot, the highest own number whose stream failed
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
	struct list records;
	uint64_t reached[EVENT_PAGE_SLOTS];
	uint64_t failed[EVENT_PAGE_SLOTS];
};

/*
 * Whether another process's recorder is alive. Not for event->recorder: F_OFD_GETLK does
 * not report locks of the same open file description.
 */
bool event_page_is_alive(const struct shared_event *event, uint32_t recorder);

#endif
