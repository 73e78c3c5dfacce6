/* SPDX-License-Identifier: MIT */
/*
 * leaving.h - buffers that ended, until their descriptors are out of the bank
 *
 * The bank holds a duplicate of each buffer's descriptor (bank.h), so the memory is freed
 * only when the bank was turned. A thread does that soon after an end, a few milliseconds
 * at most while there are few names. What was to be closed with the buffer waits for the
 * descriptor, and goes to the closer with it, so that a user stays charged until then.
 * That thread also gives back the memory of the ledger's free records.
 *
 * Thread safe. Before it is started and after it is stopped, nothing waits for the bank.
 */
#ifndef DMABUFFS_LEAVING_H
#define DMABUFFS_LEAVING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffers/closer.h"
#include "store/state.h"
#include "worker.h"

#define LEAVING_LISTS 64U

struct leaving {
	struct ledger *ledger; /* borrowed */
	struct bank *bank;     /* borrowed */
	struct limits *limits; /* borrowed */
	struct worker worker;
	struct list turn;     /* its only job */
	atomic_bool is_due;   /* a turn is queued */
	atomic_uint delay;    /* milliseconds until the next one */
	pthread_mutex_t lock; /* a leaf */
	/* Protected by lock. */
	bool runs;
	struct list parked[LEAVING_LISTS]; /* of the slots modulo LEAVING_LISTS */
};

void leaving_init(struct leaving *leaving, const struct state *state,
		  struct limits *limits);

/* Starts the thread. 0 or -errno. */
int leaving_start(struct leaving *leaving);

/* Turns the bank for the last time, and ends the thread. False: it does not stop. */
bool leaving_stop(struct leaving *leaving);

/* A turn is due, as bank_put() says. */
void leaving_turn(struct leaving *leaving);

/* Records were freed: a trim of the ledger may be due. */
void leaving_freed(struct leaving *leaving);

/*
 * The bank's descriptor of this export is not wanted any more; @closing, made with room
 * for one, ends when it is out.
 */
void leaving_end(struct leaving *leaving, uint32_t slot, uint32_t generation,
		 struct closing *closing);

/* For the bank's ops: a descriptor is out of it. */
void leaving_dropped(struct leaving *leaving, const struct bank_item *item, int fd);

#endif
