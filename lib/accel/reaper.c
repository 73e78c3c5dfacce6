/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include <stdatomic.h>

#include "util.h"

#define LOOK_MS    100
#define STOP_MS    4000
#define MAX_QUEUED 4096
#define MAX_BYTES  (UINT64_C(1) << 30)

static void reaper_look(struct accel_reaper *reaper)
{
	if (reaper->look(reaper->data))
		worker_add_later(&reaper->worker, &reaper->look_job, LOOK_MS);
}

static void reaper_free(struct accel_reaper *reaper, struct accel_reap *reap)
{
	uint64_t bytes = reap->bytes;

	reap->free(reap);
	reaper->bytes -= bytes;
	/* Behind everything that is queued. Once the worker stops, no look is needed. */
	(void)worker_add(&reaper->worker, &reaper->look_job);
}

static void reaper_run(struct worker *worker, struct list *job)
{
	struct accel_reaper *reaper = container_of(worker, struct accel_reaper, worker);

	if (job == &reaper->look_job)
		reaper_look(reaper);
	else
		reaper_free(reaper, container_of(job, struct accel_reap, job));
}

static const struct worker_type reaper_type = {
	.run = reaper_run,
	.max_threads = 1,
	.max_queued = MAX_QUEUED,
};

int accel_reaper_start(struct accel_reaper *reaper, bool (*look)(void *data), void *data)
{
	*reaper = (struct accel_reaper){.look = look, .data = data};
	worker_init(&reaper->worker, &reaper_type);
	return worker_start(&reaper->worker);
}

bool accel_reaper_stop(struct accel_reaper *reaper)
{
	return worker_stop(&reaper->worker, STOP_MS);
}

void accel_reaper_flush(struct accel_reaper *reaper, unsigned ms)
{
	/* A look that is running may have begun too early; this one is queued again. */
	(void)worker_add(&reaper->worker, &reaper->look_job);
	(void)worker_flush(&reaper->worker, ms);
}

/* Room for @bytes in the queue; a caller that frees its own memory takes none. */
static bool reaper_take_room(struct accel_reaper *reaper, uint64_t bytes)
{
	uint64_t queued = reaper->bytes;

	do {
		if (bytes > MAX_BYTES || queued > MAX_BYTES - bytes)
			return false;
	} while (!atomic_compare_exchange_weak(&reaper->bytes, &queued, queued + bytes));
	return true;
}

void accel_reaper_add(struct accel_reaper *reaper, struct accel_reap *reap)
{
	uint64_t bytes = reap->bytes;

	if (reaper_take_room(reaper, bytes)) {
		if (worker_add(&reaper->worker, &reap->job) == 0)
			return;
		reaper->bytes -= bytes;
	}
	reap->free(reap);
}
