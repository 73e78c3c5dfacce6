/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "clock.h"
#include "ring.h"
#include "util.h"

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

void engine_sleep_control(struct engine *engine, uint32_t seen, uint64_t ns)
{
	const struct timespec limit = timespec_of_ns(ns);

	engine_enter_sleep(engine);
	syscall(SYS_futex, &engine->control, FUTEX_WAIT_PRIVATE, seen, ns ? &limit : NULL,
		NULL, 0);
	engine_leave_sleep(engine);
}

void engine_settle(struct engine *engine)
{
	if (engine->published == engine->next)
		return;
	engine->published = engine->next;
	accel_ring_complete(engine->queue, engine->next);
}

/* A wait for a fence, and the engine to kick when it may be over. */
struct fence_wait {
	struct accel_fence_wait base;
	struct engine *engine;
};

static void engine_wake_wait(struct accel_fence_wait *wait)
{
	engine_kick(container_of(wait, struct fence_wait, base)->engine);
}

int engine_wait_fence(struct engine *engine, struct accel_fence_object *fence,
		      uint64_t value)
{
	struct fence_wait wait = {.base = {.wake = engine_wake_wait}, .engine = engine};
	int r;

	for (;;) {
		uint32_t seen = engine_read_control(engine);

		r = accel_fence_wait_begin(fence, &wait.base, value);
		if (r)
			break;
		if (engine_stopping(engine)) {
			r = -ECANCELED;
			break;
		}
		engine_settle(engine);
		engine_sleep_control(engine, seen, 0);
	}
	accel_fence_wait_end(fence, &wait.base);
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
