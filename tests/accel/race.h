/* SPDX-License-Identifier: MIT */
/*
 * race.h - the threads of accel-race and what they share
 *
 * Each device has slots with one context each. A closer closes and reopens the context
 * repeatedly; actors make random calls on it. A slot remembers some ids.
 */
#ifndef ACCEL_TESTS_RACE_H
#define ACCEL_TESTS_RACE_H

#include <accel.h>
#include <pthread.h>
#include <stdatomic.h>

#define RACE_PAGE  UINT64_C(4096)
#define RACE_PAGES 8 /* of each buffer, and of the mapped address range */
#define RACE_SLOTS 5

enum race_kind { BUFFER, ASID, SET, QUEUE, FENCE, KINDS };

#define RACE_IDS 4 /* remembered per slot and type */

struct race_slot {
	struct accel_device *device;
	pthread_mutex_t lock;
	struct accel_context *context; /* protected by lock; may be NULL */
	_Atomic uint32_t ids[KINDS][RACE_IDS];
	_Atomic uint64_t calls;
};

struct race_actor {
	pthread_t thread;
	struct race_slot *slot;
	uint64_t random;
};

extern struct accel_registry *race_registry;
extern struct race_slot race_slots[RACE_SLOTS];

/* Returns a reference, since a close does not wait for users of the context; or NULL. */
struct accel_context *race_get_context(struct race_slot *slot);

/* A random number below @n. */
uint32_t race_below(struct race_actor *actor, uint32_t n);

/* All calls, each with the number of its successes. */
struct race_call {
	const char *name;
	int (*call)(struct accel_context *context, struct race_actor *actor);
	_Atomic uint64_t succeeded;
};

extern struct race_call race_calls[];
extern const size_t race_n_calls;

/* A random one of them. */
struct race_call *race_some_call(struct race_actor *actor);

#endif
