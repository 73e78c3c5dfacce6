/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "exec.h"
#include "relax.h"
#include "thread.h"
#include "util.h"

#define STACK_SIZE    ((size_t)128 << 10)
#define ENGINE_NICE   5
#define SPIN_NS       50000
#define SPINS_A_CLOCK 32       /* looks between two looks at the clock */
#define BOUNDED_NS    20000000 /* longest sleep where a wake-up can be missed */
#define SHORT_NS      100000   /* latencies that are not worth a sleep */
#define NS_PER_S      1000000000

/* Linux 5.16; headers may be older. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static uint64_t engine_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- sleep ------------------------------------------------------------------------- */

static uint32_t engine_read_control(struct engine *engine)
{
	return atomic_load_explicit(&engine->control, memory_order_acquire);
}

/* From here on, whoever changes the control word wakes it. */
static void engine_enter_sleep(struct engine *engine)
{
	atomic_store(&engine->sleeping, true);
}

static void engine_leave_sleep(struct engine *engine)
{
	atomic_store_explicit(&engine->sleeping, false, memory_order_relaxed);
}

/* Until the control word is not @seen; @ns: at most that long, 0: no limit. */
static void engine_sleep_control(struct engine *engine, uint32_t seen, uint64_t ns)
{
	const struct timespec limit = {
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};

	engine_enter_sleep(engine);
	syscall(SYS_futex, &engine->control, FUTEX_WAIT_PRIVATE, seen, ns ? &limit : NULL,
		NULL, 0);
	engine_leave_sleep(engine);
}

static int engine_wait_both(struct engine *engine, uint32_t seen, uint32_t doorbell)
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
 * Without futex_waitv(2) only one word can be slept on. It is the client's; that ours
 * changed is then seen a moment later.
 */
static void engine_wait_doorbell(struct engine *engine, uint32_t seen, uint32_t doorbell)
{
	const struct timespec limit = {.tv_nsec = BOUNDED_NS};

	if (engine_read_control(engine) == seen)
		syscall(SYS_futex, &engine->queue->ring->doorbell, FUTEX_WAIT, doorbell,
			&limit, NULL, 0);
}

static void engine_sleep_doorbell(struct engine *engine, uint32_t seen, uint32_t doorbell)
{
	int r = -ENOSYS;

	engine_enter_sleep(engine);
	if (!engine->no_waitv)
		r = engine_wait_both(engine, seen, doorbell);
	engine_leave_sleep(engine);
	if (r == -ENOSYS) {
		engine->no_waitv = true;
		engine_wait_doorbell(engine, seen, doorbell);
	} else if (r < 0 && r != -EAGAIN && r != -EINTR) {
		/* The page of the doorbell cannot be had. */
		engine_sleep_control(engine, seen, BOUNDED_NS);
	}
}

/* ---- commands ---------------------------------------------------------------------- */

void engine_settle(struct engine *engine)
{
	if (engine->told == engine->next)
		return;
	engine->told = engine->next;
	accel_ring_complete(engine->queue, engine->next);
}

/* Until @latency_ns have passed, or the end. */
static int engine_delay(struct engine *engine)
{
	uint64_t end, now;

	if (!engine->latency_ns)
		return 0;
	engine_settle(engine);
	now = engine_now_ns();
	for (end = now + engine->latency_ns; now < end; now = engine_now_ns()) {
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

static void engine_report(struct engine *engine, struct accel_fault *fault)
{
	engine_settle(engine);
	fault->index = engine->next;
	accel_queue_fault(engine->queue, fault);
}

/* False: the queue or the engine does not go on. */
static bool engine_execute_one(struct engine *engine, const struct accel_command *command)
{
	struct accel_fault fault = {0};
	int r = engine_delay(engine);

	if (r == 0)
		r = exec_command(engine, command, &fault);
	if (r < 0) {
		if (r != -ECANCELED)
			engine_report(engine, &fault);
		return false;
	}
	engine->next++;
	if (command->flags & ACCEL_COMMAND_NOTIFY) {
		engine_settle(engine);
		accel_queue_notify(engine->queue, engine->next - 1);
	}
	return true;
}

/* What follows a fault is dropped: it was fetched, but never happens. */
static void engine_execute(struct engine *engine, unsigned n)
{
	uint64_t head = atomic_load_explicit(&engine->queue->head, memory_order_relaxed);

	engine->next = head - n;
	engine->told = engine->next;
	for (unsigned i = 0; i < n && !engine_stopping(engine); i++)
		if (!engine_execute_one(engine, &engine->batch[i]))
			return;
	engine_settle(engine);
}

int engine_wait_fence(struct engine *engine, struct accel_fence_object *fence,
		      uint64_t value)
{
	struct accel_fence_wait wait = {.queue = engine->queue};
	int r;

	for (;;) {
		uint32_t seen = engine_read_control(engine);

		r = accel_fence_wait_begin(fence, &wait, value);
		if (r)
			break;
		if (engine_stopping(engine)) {
			r = -ECANCELED;
			break;
		}
		engine_settle(engine);
		engine_sleep_control(engine, seen, 0);
	}
	accel_fence_wait_end(fence, &wait);
	if (r == -ECANCELED && !engine_stopping(engine))
		return -ESTALE;
	return r < 0 ? r : 0;
}

char *engine_bounce(struct engine *engine, unsigned i)
{
	if (!engine->bounce)
		engine->bounce = malloc(ENGINE_OPERANDS * ENGINE_BOUNCE);
	return engine->bounce ? engine->bounce + i * ENGINE_BOUNCE : NULL;
}

/* ---- the loop ---------------------------------------------------------------------- */

/* What fetching answered: commands, or that the ring makes no sense. */
static void engine_handle(struct engine *engine, int n)
{
	struct accel_fault fault = {.reason = ACCEL_FAULT_RING};

	engine->was_busy = true;
	if (n > 0) {
		engine_execute(engine, (unsigned)n);
		return;
	}
	engine->next = atomic_load_explicit(&engine->queue->head, memory_order_relaxed);
	engine->told = engine->next;
	engine_report(engine, &fault);
}

/* True: there was something. */
static bool engine_work(struct engine *engine)
{
	int n = accel_ring_fetch(engine->queue, engine->batch, ENGINE_BATCH);

	if (n)
		engine_handle(engine, n);
	return n;
}

/* A submitter who is busy has more in a moment. */
static bool engine_spin(struct engine *engine, uint32_t seen)
{
	uint64_t end = engine_now_ns() + SPIN_NS;

	do {
		for (unsigned i = 0; i < SPINS_A_CLOCK; i++) {
			relax_cpu();
			if (engine_read_control(engine) != seen || engine_work(engine))
				return true;
		}
	} while (engine_now_ns() < end);
	return false;
}

static void engine_doze(struct engine *engine, uint32_t seen)
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
			engine_sleep_doorbell(engine, seen, doorbell);
	}
	/* Before any work: as long as we seem to sleep, each submission is a system call.
	 */
	accel_ring_end_sleep(engine->queue);
	if (n)
		engine_handle(engine, n);
}

static void engine_step(struct engine *engine)
{
	uint32_t seen = engine_read_control(engine);

	if (engine_stopping(engine))
		return;
	if (accel_queue_state(engine->queue) != ACCEL_QUEUE_RUNNING) {
		engine_sleep_control(engine, seen, 0);
		return;
	}
	if (engine_work(engine))
		return;
	/* Whoever only rings the bell is not worth a spin. */
	if (!engine->was_busy || !engine_spin(engine, seen))
		engine_doze(engine, seen);
}

static void *engine_run(void *arg)
{
	struct engine *engine = arg;

	/* Whoever keeps many engines busy leaves the requests of others the CPU. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), ENGINE_NICE);
	while (!engine_stopping(engine))
		engine_step(engine);
	free(engine->bounce);
	accel_queue_stopped(engine->queue);
	/* Under the queue's lock its pointer to us went away: nobody else has one. */
	free(engine);
	return NULL;
}

/* ---- life -------------------------------------------------------------------------- */

int engine_start(struct accel_queue *queue, uint32_t latency_ns,
		 struct engine **ret_engine)
{
	struct engine *engine = aligned_alloc(64, sizeof(*engine));
	int r;

	if (!engine)
		return -ENOMEM;
	*engine = (struct engine){.queue = queue, .latency_ns = latency_ns};
	r = accel_thread_start(engine_run, engine, STACK_SIZE, NULL);
	if (r < 0) {
		free(engine);
		return -ENOMEM; /* EAGAIN of pthread_create(3) means no more than that */
	}
	*ret_engine = engine;
	return 0;
}

void engine_kick(struct engine *engine)
{
	atomic_fetch_add(&engine->control, 1);
	if (atomic_load(&engine->sleeping))
		syscall(SYS_futex, &engine->control, FUTEX_WAKE_PRIVATE, INT_MAX, NULL,
			NULL, 0);
}

void engine_stop(struct engine *engine)
{
	atomic_store(&engine->stop, true);
	engine_kick(engine);
}
