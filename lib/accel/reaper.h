/* SPDX-License-Identifier: MIT */
/*
 * reaper.h - giving memory back
 *
 * The last munmap(2) and close(2) of a buffer free its pages, and that takes the longer
 * the larger it is. It is done in one thread of the registry, with no lock held and in
 * nobody's way. What is charged for device memory is mostly given back before, so a limit
 * can be exceeded by what is queued; who would queue too much does it himself. Thread
 * safe.
 */
#ifndef ACCEL_REAPER_H
#define ACCEL_REAPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded in what is to be freed. */
struct accel_reap {
	struct accel_reap *next;
	uint64_t bytes; /* of memory that is charged no longer, or 0 */
	void (*free)(struct accel_reap *reap);
};

struct accel_reaper {
	bool (*look)(void *data); /* fixed */
	void *data;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct accel_reap *first, **last; /* protected by lock */
	unsigned n;                       /* protected by lock: not freed yet */
	unsigned looks, wanted;           /* protected by lock: done, and asked for */
	uint64_t bytes;                   /* protected by lock: of those */
	bool stop, done;                  /* protected by lock */
};

/*
 * 0 or -errno. @look is called in the thread after it has freed something; while it
 * answers that there is more to come, again every now and then.
 */
int accel_reaper_start(struct accel_reaper *reaper, bool (*look)(void *data), void *data);

/* Frees what is queued and ends; false: a free does not come back. */
bool accel_reaper_stop(struct accel_reaper *reaper);

/*
 * Waits, for @ms at most, until all that is queued is freed and @look has been called; it
 * is called soon.
 */
void accel_reaper_flush(struct accel_reaper *reaper, unsigned ms);

/* Calls @reap->free in the thread, some time; or at once if too much waits already. */
void accel_reaper_add(struct accel_reaper *reaper, struct accel_reap *reap);

#endif
