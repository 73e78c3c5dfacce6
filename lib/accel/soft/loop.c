/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "clock.h"
#include "exec.h"
#include "relax.h"
#include "ring.h"
#include "thread.h"
#include "util.h"

#define STACK_SIZE      ((size_t)128 << 10)
#define ENGINE_NICE     5
#define SPIN_NS         50000
#define SPINS_PER_CLOCK 32       /* looks at the ring per look at the clock */
#define BOUNDED_NS      20000000 /* longest sleep where a wake-up can be missed */
#define SHORT_NS        100000   /* latencies that are not worth a sleep */

/* Linux 5.16; headers may be older. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* ---- sleep ------------------------------------------------------------------------- */

static int loop_wait_both(struct engine *engine, uint32_t seen, uint32_t doorbell)
{
	const struct futex_waitv words[] = {
		{
			.val = seen,
			.uaddr = (uintptr_t)&engine->control,
			.flags = FUTEX_32 | FUTEX_PRIVATE_FLAG,
		},
		{
			.val = doorbell,
			.uaddr = (uintptr_t)&engine->queue->ring->doorbell,
			.flags = FUTEX_32,
		},
	};

	if (syscall(SYS_futex_waitv, words, ARRAY_SIZE(words), 0, NULL, 0) < 0)
		return -errno;
	return 0;
}

/*
 * Without futex_waitv(2) a thread can sleep on one word only. It is the client's; a
 * change of the engine's own word is seen when the sleep times out.
 */
static void loop_wait_doorbell(struct engine *engine, uint32_t seen, uint32_t doorbell)
{
	const struct timespec limit = {.tv_nsec = BOUNDED_NS};

	if (engine_read_control(engine) == seen)
		syscall(SYS_futex, &engine->queue->ring->doorbell, FUTEX_WAIT, doorbell,
			&limit, NULL, 0);
}

static void loop_sleep_doorbell(struct engine *engine, uint32_t seen, uint32_t doorbell)
{
	int r = -ENOSYS;

	engine_enter_sleep(engine);
	if (!engine->no_waitv)
		r = loop_wait_both(engine, seen, doorbell);
	engine_leave_sleep(engine);
	if (r == -ENOSYS) {
		engine->no_waitv = true;
		loop_wait_doorbell(engine, seen, doorbell);
	} else if (r < 0 && r != -EAGAIN && r != -EINTR) {
		/* The doorbell's page cannot be read. */
		engine_sleep_control(engine, seen, BOUNDED_NS);
	}
}

/* ---- commands ---------------------------------------------------------------------- */

/* Waits for the artificial latency. -ECANCELED: the engine is to stop. */
static int loop_delay(struct engine *engine)
{
	uint64_t end, now;

	if (!engine->latency_ns)
		return 0;
	engine_settle(engine);
	now = now_ns();
	for (end = now + engine->latency_ns; now < end; now = now_ns()) {
		uint32_t seen = engine_read_control(engine);

		if (engine_stopping(engine))
			return -ECANCELED;
		if (end - now > SHORT_NS)
			engine_sleep_control(engine, seen, end - now);
		else
			relax_cpu();
	}
	return 0;
}

static void loop_report(struct engine *engine, struct accel_fault *fault)
{
	engine_settle(engine);
	fault->index = engine->next;
	accel_queue_fault(engine->queue, fault);
}

/* False: the queue faulted, or the engine is to stop. */
static bool loop_execute_one(struct engine *engine, const struct accel_command *command)
{
	struct accel_fault fault = {0};
	int r = loop_delay(engine);

	if (r == 0)
		r = exec_command(engine, command, &fault);
	if (r < 0) {
		if (r != -ECANCELED)
			loop_report(engine, &fault);
		return false;
	}
	engine->next++;
	if (command->flags & ACCEL_COMMAND_NOTIFY) {
		engine_settle(engine);
		accel_queue_notify(engine->queue, engine->next - 1);
	}
	return true;
}

/* Commands behind one that faults were fetched, but are not executed. */
static void loop_execute(struct engine *engine, unsigned n)
{
	uint64_t head = atomic_load_explicit(&engine->queue->head, memory_order_relaxed);
	unsigned i = 0;

	engine->next = head - n;
	engine->published = engine->next;
	while (i < n && !engine_stopping(engine) &&
	       loop_execute_one(engine, &engine->batch[i]))
		i++;
	/* Does nothing after a fault: the ring may have been reset since. */
	engine_settle(engine);
	accel_queue_cancel(engine->queue, &engine->batch[i], n - i);
}

/* ---- the loop ---------------------------------------------------------------------- */

/* @n: as accel_ring_fetch() returned it, commands or an error. */
static void loop_handle(struct engine *engine, int n)
{
	struct accel_fault fault = {.reason = ACCEL_FAULT_RING};

	engine->was_busy = true;
	if (n > 0) {
		loop_execute(engine, (unsigned)n);
		return;
	}
	engine->next = atomic_load_explicit(&engine->queue->head, memory_order_relaxed);
	engine->published = engine->next;
	loop_report(engine, &fault);
}

/* True: there was work. */
static bool loop_work(struct engine *engine)
{
	int n = accel_ring_fetch(engine->queue, engine->batch, ENGINE_BATCH);

	if (n)
		loop_handle(engine, n);
	return n;
}

/* A busy submitter is likely to submit more soon. */
static bool loop_spin(struct engine *engine, uint32_t seen)
{
	uint64_t end = now_ns() + SPIN_NS;

	do {
		for (unsigned i = 0; i < SPINS_PER_CLOCK; i++) {
			relax_cpu();
			if (engine_read_control(engine) != seen || loop_work(engine))
				return true;
		}
	} while (now_ns() < end);
	return false;
}

static void loop_sleep(struct engine *engine, uint32_t seen)
{
	uint32_t doorbell;
	int n = 0;

	engine->was_busy = false;
	if (!(engine->queue->flags & ACCEL_QUEUE_USER)) {
		engine_sleep_control(engine, seen, 0);
		return;
	}
	if (accel_ring_prepare_sleep(engine->queue, &doorbell) < 0) {
		engine_sleep_control(engine, seen, BOUNDED_NS);
	} else {
		n = accel_ring_fetch(engine->queue, engine->batch, ENGINE_BATCH);
		if (!n)
			loop_sleep_doorbell(engine, seen, doorbell);
	}
	/* Before any work: until then each submission costs a system call. */
	accel_ring_end_sleep(engine->queue);
	if (n)
		loop_handle(engine, n);
}

static void loop_step(struct engine *engine)
{
	uint32_t seen = engine_read_control(engine);

	if (engine_stopping(engine))
		return;
	if (accel_queue_state(engine->queue) != ACCEL_QUEUE_RUNNING) {
		engine_sleep_control(engine, seen, 0);
		return;
	}
	if (loop_work(engine))
		return;
	/* A client that rings the doorbell without commands gets no spin. */
	if (!engine->was_busy || !loop_spin(engine, seen))
		loop_sleep(engine, seen);
}

static void *loop_run(void *arg)
{
	struct engine *engine = arg;

	/* Busy engines leave the CPU to the requests of other clients. 0: this thread. */
	(void)setpriority(PRIO_PROCESS, 0, ENGINE_NICE);
	while (!engine_stopping(engine))
		loop_step(engine);
	free(engine->bounce);
	accel_queue_stopped(engine->queue);
	/* The queue had the only pointer to the engine, and it has dropped it. */
	free(engine);
	return NULL;
}

/* ---- life -------------------------------------------------------------------------- */

int loop_start(struct accel_queue *queue, uint32_t latency_ns, struct engine **ret_engine)
{
	struct engine *engine = aligned_alloc(64, sizeof(*engine));
	int r;

	if (!engine)
		return -ENOMEM;
	*engine = (struct engine){.queue = queue, .latency_ns = latency_ns};
	r = thread_start(loop_run, engine, STACK_SIZE, NULL);
	if (r < 0) {
		free(engine);
		return -ENOMEM; /* pthread_create(3) says EAGAIN */
	}
	*ret_engine = engine;
	return 0;
}
