/* SPDX-License-Identifier: MIT */
/*
 * race.h - who races with whom
 *
 * Each device has slots with a context each; a closer opens and closes it again and
 * again, and actors make random calls on whatever is there, each slot remembering some
 * ids.
 */
#ifndef ACCEL_TESTS_RACE_H
#define ACCEL_TESTS_RACE_H

#include <accel.h>
#include <pthread.h>
#include <stdatomic.h>

#define RACE_PAGE  UINT64_C(4096)
#define RACE_PAGES 8 /* of each buffer, and of the addresses that are used */
#define RACE_SLOTS 5

enum race_kind { BUFFER, ASID, SET, QUEUE, FENCE, KINDS };

#define RACE_IDS 4 /* that a slot remembers of each kind */

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

/* With a reference, since nobody waits for the caller when it is closed; or NULL. */
struct accel_context *race_get_context(struct race_slot *slot);

/* A number below @n, by chance. */
uint32_t race_below(struct race_actor *actor, uint32_t n);

/* All calls, each with how often it has succeeded. */
struct race_call {
	const char *name;
	int (*call)(struct accel_context *context, struct race_actor *actor);
	_Atomic uint64_t succeeded;
};

extern struct race_call race_calls[];
extern const size_t race_n_calls;

/* One of them, by chance. */
struct race_call *race_some_call(struct race_actor *actor);

#endif
