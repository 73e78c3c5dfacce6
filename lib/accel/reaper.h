/* SPDX-License-Identifier: MIT */
/*
 * reaper.h - frees memory in a thread
 *
 * The last munmap(2) and close(2) of a buffer free its pages, which takes the longer the
 * larger it is. One thread of the registry does it, with no lock held. Device memory is
 * mostly uncharged before, so a limit can be exceeded by what is queued; the queue is
 * bounded, and a caller that exceeds the bound frees its memory itself. Thread safe.
 */
#ifndef ACCEL_REAPER_H
#define ACCEL_REAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker.h"

/* Embedded in what is to be freed; zeroed. */
struct accel_reap {
	struct list job;
	uint64_t bytes; /* of memory that is not charged any more, or 0 */
	void (*free)(struct accel_reap *reap);
};

struct accel_reaper {
	bool (*look)(void *data); /* fixed */
	void *data;
	struct worker worker;
	struct list look_job;
	_Atomic uint64_t bytes; /* of what is queued, or being freed in the thread */
};

/*
 * 0 or -errno. @look is called in the thread after it has freed something, and every
 * 100 ms for as long as it returns true: something is still to come.
 */
int accel_reaper_start(struct accel_reaper *reaper, bool (*look)(void *data), void *data);

/* Frees what is queued, and ends the thread; false: a free does not return. */
bool accel_reaper_stop(struct accel_reaper *reaper);

/* Calls @look; waits, for @ms at most, until it has returned and the queue is empty. */
void accel_reaper_flush(struct accel_reaper *reaper, unsigned ms);

/* Calls @reap->free in the thread; or now, if too much is queued. */
void accel_reaper_add(struct accel_reaper *reaper, struct accel_reap *reap);

#endif
