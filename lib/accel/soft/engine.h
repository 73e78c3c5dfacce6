/* SPDX-License-Identifier: MIT */
/*
 * engine.h - the thread that executes the commands of one queue
 *
 * One each, so that a client who makes an access wait for ever stalls his own queue. It
 * is told what to do by a private word, never only by one that the client can write. Its
 * memory is its own: the thread frees it after accel_queue_stopped(), when nobody can
 * kick or stop it any more.
 */
#ifndef ACCEL_SOFT_ENGINE_H
#define ACCEL_SOFT_ENGINE_H

#include <stdbool.h>

#include "fence.h"
#include "queue.h"

#define ENGINE_BATCH  32
#define ENGINE_BOUNCE ((size_t)256 << 10) /* for each operand of a command */

struct engine {
	/* Of the thread. */
	struct accel_queue *queue; /* a reference, which accel_queue_stopped() drops */
	uint32_t latency_ns;
	bool was_busy; /* since it last slept */
	bool no_waitv; /* the kernel has no futex_waitv(2) */
	uint64_t next; /* index of the command at work */
	uint64_t told; /* the completed count as last published */
	char *bounce;  /* see engine_bounce() */
	struct accel_command batch[ENGINE_BATCH] __attribute__((aligned(64)));

	/* Of everybody: a futex that changes when there is something to look at. */
	_Atomic uint32_t control __attribute__((aligned(64)));
	atomic_bool sleeping, stop;
};

int engine_start(struct accel_queue *queue, uint32_t latency_ns,
		 struct engine **ret_engine);
void engine_kick(struct engine *engine);
void engine_stop(struct engine *engine);

/* ---- for the commands, in the thread ---- */

static inline bool engine_stopping(const struct engine *engine)
{
	return atomic_load_explicit(&engine->stop, memory_order_relaxed);
}

/* Tells what is complete; before anything that can take long. */
void engine_settle(struct engine *engine);

/* 0; -ECANCELED: the engine is to stop. -ESTALE: the fence was destroyed. */
int engine_wait_fence(struct engine *engine, struct accel_fence_object *fence,
		      uint64_t value);

/* Memory of ENGINE_BOUNCE bytes for operand @i, at most ENGINE_OPERANDS; NULL: none. */
#define ENGINE_OPERANDS 3
char *engine_bounce(struct engine *engine, unsigned i);

#endif
