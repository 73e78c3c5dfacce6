/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a queue, which its users and its engine share
 *
 * queue.c creates and destroys queues and takes batches, queue_attach.c attaches ASIDs,
 * queue_cancel.c handles commands that are never executed, and ring.h is the device's
 * side of the ring. accel-backend.h describes what an engine calls.
 */
#ifndef ACCEL_QUEUE_H
#define ACCEL_QUEUE_H

#include <accel-backend.h>
#include <pthread.h>

#include "list.h"
#include "object.h"
#include "payer.h"
#include "records.h"

#define ACCEL_QUEUE_MAX_FAULTS 16 /* then the queue is isolated */

struct accel_queue {
	struct accel_base base; /* the id and the engine have a reference each */
	/* Fixed once the engine was started. */
	struct accel_context *context; /* a reference */
	struct accel_payer *payer;     /* a reference */
	uint32_t id, set_id, flags, entries;
	struct accel_ring *ring;     /* shared with the client: untrusted */
	struct accel_command *slots; /* in the ring's memory, or our own if mediated */
	size_t ring_bytes;           /* of the mapping at ring */

	/* Protected by the device's lock, see share.h. */
	struct accel_share *share;
	struct list of_share; /* while it waits for an engine */
	bool unstarted;       /* no engine runs, nor is one being started */

	/* enum accel_queue_state. The client sees a copy in the ring. */
	_Atomic uint32_t state;

	/* Written by the engine while the state is RUNNING, else with the lock held. */
	_Atomic uint64_t head, completed;

	pthread_mutex_t lock;
	/* Protected by lock. */
	void *engine;          /* the backend's, or NULL */
	int ring_fd;           /* owned; -1 once it was destroyed */
	struct accel_set *set; /* a reference; NULL: none, or it was destroyed */
	_Atomic uint64_t tail; /* of a mediated queue; written with the lock held */
	struct accel_fault fault;
	uint64_t dropped_first, dropped_end; /* by the last reset */
	struct {
		uint32_t id;
		struct accel_asid *asid; /* a reference */
		struct accel_record *record;
	} asids[ACCEL_QUEUE_MAX_ASIDS];
	unsigned n_asids;
};

/* NULL stays NULL. */
static inline struct accel_queue *accel_queue_of(struct accel_base *base)
{
	return (struct accel_queue *)base;
}

static inline uint32_t accel_queue_state(const struct accel_queue *queue)
{
	return atomic_load_explicit(&queue->state, memory_order_acquire);
}

/* A queue that is charged for, without a ring, an id and an engine; and its end. */
int accel_queue_make_bare(struct accel_context *context,
			  const struct accel_queue_create *arg,
			  struct accel_queue **ret_queue);
void accel_queue_unmake(struct accel_queue *queue);

/* Only ASIDs of the set can be attached to it; NULL is allowed. */
void accel_queue_set_guard(struct accel_queue *queue, struct accel_set *set);

/*
 * Takes one of the device's queues, and a reference for the engine, which is started. On
 * failure the queue is to be closed.
 */
int accel_queue_start(struct accel_queue *queue);

/*
 * Destroys it, which is not waited for: an engine stops after one piece of a command.
 * Once. The caller has a reference.
 */
void accel_queue_close(struct accel_queue *queue);

/* Commands that a kill could lose are about to be taken. No lock is held. */
void accel_queue_promise(struct accel_queue *queue, const struct accel_command *commands,
			 unsigned n);

/*
 * Stores indexes, faults and this state in the record, before an engine can see the
 * state RUNNING.
 */
void accel_queue_save_locked(struct accel_queue *queue, enum accel_queue_state state);

/* An attached ASID with a reference; NULL: none of that id is attached. */
struct accel_asid *accel_queue_asid(struct accel_queue *queue, uint32_t id);

/* Whether the ASID is still attached; checked for each piece of a long command. */
bool accel_queue_has(struct accel_queue *queue, uint32_t id,
		     const struct accel_asid *asid);

/* accel_queue_cancel() for commands that no engine has fetched. It is not RUNNING. */
void accel_queue_cancel_waiting(struct accel_queue *queue);

/* For the end of its id: its ASIDs can be destroyed again. The context is locked. */
void accel_queue_release_asids_locked(struct accel_context *context,
				      struct accel_queue *queue);

/*
 * As a predecessor left it, without an id yet. The record and @fd are taken over on
 * success. @set: NULL, or the record's. Attachments follow; resume starts its engine,
 * once all objects of its context are there.
 */
int accel_queue_restore(struct accel_context *context, struct accel_set *set,
			struct accel_record *record, int fd,
			struct accel_base **ret_queue);
int accel_queue_restore_attachment(struct accel_context *context,
				   struct accel_queue *queue,
				   struct accel_record *record);
void accel_queue_resume(struct accel_queue *queue);

#endif
