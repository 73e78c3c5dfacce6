/* SPDX-License-Identifier: MIT */
/*
 * reaper.h - frees memory in threads
 *
 * The last munmap(2) and close(2) of a buffer free its pages, which takes the longer the
 * larger it is, and each close(2) takes the longer the more record locks a client has on
 * the file. A few threads of the registry do it, with no lock held. One user's memory is
 * freed in order, by one thread at a time, and the users take turns, so none waits for
 * all that another has freed.
 *
 * Device memory is mostly uncharged before, so a limit can be exceeded by what is queued;
 * the queue is bounded, and a caller that exceeds the bound frees its memory itself.
 * Thread safe.
 */
#ifndef ACCEL_REAPER_H
#define ACCEL_REAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker.h"

#define ACCEL_REAPER_THREADS 4

/* Calls that wait for room: of all users, and of each but user 0. */
#define ACCEL_REAPER_WAITS      16
#define ACCEL_REAPER_USER_WAITS 4

/* Embedded in what is to be freed; zeroed. */
struct accel_reap {
	struct list job;
	uint64_t user;  /* whose turn it takes; see struct accel_owner */
	uint64_t bytes; /* of memory that is not charged any more, or 0 */
	void (*free)(struct accel_reap *reap);
};

/* What a thread works on. */
struct accel_reaper_turn {
	pthread_t thread;
	const struct list *job; /* NULL: nothing */
	uint64_t user;
};

struct accel_reaper {
	bool (*look)(void *data); /* fixed */
	void *data;
	struct worker worker;
	struct list look_job;
	_Atomic uint64_t bytes; /* of what is queued, or being freed in a thread */
	/* Protected by the worker's lock. */
	struct accel_reaper_turn turns[ACCEL_REAPER_THREADS];
	uint64_t waits[ACCEL_REAPER_WAITS]; /* the users of n_waits calls */
	unsigned n_waits;
};

/*
 * 0 or -errno. @look is called in a thread after something was freed, and every 100 ms
 * for as long as it returns true: something is still to come. Not in two threads at once.
 */
int accel_reaper_start(struct accel_reaper *reaper, bool (*look)(void *data), void *data);

/* Frees what is queued, and ends the threads; false: a free does not return. */
bool accel_reaper_stop(struct accel_reaper *reaper);

/* Calls @look; waits, for @ms at most, until it has returned and nothing is queued or
 * being freed. */
void accel_reaper_flush(struct accel_reaper *reaper, unsigned ms);

/*
 * The same for a call of @user that found no room: waits for what is freed for @user, or
 * @all. Does not wait if many calls do, since each keeps a thread of its service.
 */
void accel_reaper_make_room(struct accel_reaper *reaper, uint64_t user, bool all,
			    unsigned ms);

/* Calls @reap->free in a thread; or now, if too much is queued. */
void accel_reaper_add(struct accel_reaper *reaper, struct accel_reap *reap);

#endif
