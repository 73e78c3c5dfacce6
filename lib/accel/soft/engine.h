/* SPDX-License-Identifier: MIT */
/*
 * engine.h - an engine, as the commands it executes and its kickers see it
 *
 * An engine is a thread that executes the commands of one queue (loop.h). Each queue has
 * its own, so a client that makes an access wait without end stalls its own queue only.
 * The engine reads its orders from a private word, never only from one that the client
 * can write.
 */
#ifndef ACCEL_SOFT_ENGINE_H
#define ACCEL_SOFT_ENGINE_H

#include <sched.h>
#include <stdbool.h>

#include "fence.h"
#include "queue.h"

#define ENGINE_BATCH    32
#define ENGINE_BOUNCE   ((size_t)256 << 10) /* for each operand of a command */
#define ENGINE_OPERANDS 3

struct engine {
	/* Private to the thread. */
	struct accel_queue *queue; /* a reference, which accel_queue_stopped() drops */
	uint32_t latency_ns;
	bool was_busy;      /* since it last slept */
	bool no_waitv;      /* the kernel has no futex_waitv(2) */
	uint64_t next;      /* index of the command being executed */
	uint64_t published; /* the completed count that clients see */
	char *bounce;       /* see engine_bounce() */
	struct accel_command batch[ENGINE_BATCH] __attribute__((aligned(64)));

	/* Shared by all threads: a futex word that changes when there is work. */
	_Atomic uint32_t control __attribute__((aligned(64)));
	atomic_bool sleeping, stop;
};

/* ---- from any thread ---- */

/* Makes the engine look for work, or for a changed state of its queue. Never waits. */
void engine_kick(struct engine *engine);

/* Requests that the engine stops; does not wait for it. */
void engine_stop(struct engine *engine);

/* ---- in the engine's thread ---- */

static inline bool engine_stopping(const struct engine *engine)
{
	return atomic_load_explicit(&engine->stop, memory_order_relaxed);
}

static inline uint32_t engine_read_control(struct engine *engine)
{
	return atomic_load_explicit(&engine->control, memory_order_acquire);
}

/* Between these two a thread that changes the control word also wakes its futex. */
static inline void engine_enter_sleep(struct engine *engine)
{
	atomic_store(&engine->sleeping, true);
}

static inline void engine_leave_sleep(struct engine *engine)
{
	atomic_store_explicit(&engine->sleeping, false, memory_order_relaxed);
}

/* Sleeps while the control word is @seen, for @ns at most; 0: no limit. */
void engine_sleep_control(struct engine *engine, uint32_t seen, uint64_t ns);

/*
 * After each piece of work: many engines share few CPUs with the threads that serve other
 * users, and the scheduler would let each of them use up its slice first.
 */
static inline void engine_yield(void)
{
	sched_yield();
}

/* Publishes which commands are complete; called before anything that can take long. */
void engine_settle(struct engine *engine);

/* 0; -ECANCELED: the engine is to stop; -ESTALE: the fence was destroyed. */
int engine_wait_fence(struct engine *engine, struct accel_fence_object *fence,
		      uint64_t value);

/* Memory of ENGINE_BOUNCE bytes for operand @i, below ENGINE_OPERANDS; NULL: none. */
char *engine_bounce(struct engine *engine, unsigned i);

#endif
