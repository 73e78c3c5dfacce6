/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "locked.h"
#include "util.h"

#define LOOK_MS    100
#define STOP_MS    4000
#define MAX_QUEUED 4096
#define MAX_BYTES  (UINT64_C(1) << 30)

static struct accel_reaper *reaper_of(struct worker *worker)
{
	return container_of(worker, struct accel_reaper, worker);
}

static struct accel_reap *reaper_reap_of(const struct list *job)
{
	return container_of((struct list *)job, struct accel_reap, job);
}

/* ---- turns ------------------------------------------------------------------------- */

/* A look is nobody's. */
static bool reaper_is_of(const struct accel_reaper *reaper, const struct list *job,
			 uint64_t user)
{
	return job != &reaper->look_job && reaper_reap_of(job)->user == user;
}

/* Whether a thread works for @user; or looks, if @look. */
static bool reaper_is_busy_locked(const struct accel_reaper *reaper, bool look,
				  uint64_t user)
{
	for (size_t i = 0; i < ARRAY_SIZE(reaper->turns); i++) {
		const struct accel_reaper_turn *turn = &reaper->turns[i];

		if (turn->job && look == (turn->job == &reaper->look_job) &&
		    (look || turn->user == user))
			return true;
	}
	return false;
}

static bool reaper_is_idle_locked(const struct accel_reaper *reaper)
{
	for (size_t i = 0; i < ARRAY_SIZE(reaper->turns); i++)
		if (reaper->turns[i].job)
			return false;
	return true;
}

/* The first that nobody works for. */
static struct list *reaper_find_locked(struct accel_reaper *reaper)
{
	struct list *job = reaper->worker.queue.next;

	for (; job != &reaper->worker.queue; job = job->next) {
		bool look = job == &reaper->look_job;

		if (!reaper_is_busy_locked(reaper, look,
					   look ? 0 : reaper_reap_of(job)->user))
			return job;
	}
	return NULL;
}

/* What else the user has comes after what the others have. */
static void reaper_end_turn_locked(struct accel_reaper *reaper, uint64_t user)
{
	struct list *queue = &reaper->worker.queue, *job, *next, rest;

	list_init(&rest);
	for (job = queue->next; job != queue; job = next) {
		next = job->next;
		if (!reaper_is_of(reaper, job, user))
			continue;
		list_remove(job);
		list_add_tail(&rest, job);
	}
	list_splice_tail(queue, &rest);
}

static void reaper_note_locked(struct accel_reaper *reaper, const struct list *job)
{
	struct accel_reaper_turn *turn = reaper->turns;

	while (turn->job)
		turn++;
	turn->thread = pthread_self();
	turn->job = job;
	turn->user = job == &reaper->look_job ? 0 : reaper_reap_of(job)->user;
}

static struct list *reaper_pick_locked(struct worker *worker)
{
	struct accel_reaper *reaper = reaper_of(worker);
	struct list *job = reaper_find_locked(reaper);

	ASSERT_LOCKED(&worker->lock);
	if (!job)
		return NULL;
	list_remove(job);
	reaper_note_locked(reaper, job);
	return job;
}

/* The job may be freed already. */
static void reaper_done_locked(struct worker *worker, struct list *job)
{
	struct accel_reaper *reaper = reaper_of(worker);

	ASSERT_LOCKED(&worker->lock);
	for (size_t i = 0; i < ARRAY_SIZE(reaper->turns); i++) {
		struct accel_reaper_turn *turn = &reaper->turns[i];

		if (!turn->job || !pthread_equal(turn->thread, pthread_self()))
			continue;
		if (turn->job != &reaper->look_job)
			reaper_end_turn_locked(reaper, turn->user);
		turn->job = NULL;
	}
	pthread_cond_broadcast(&worker->settled);
}

/* ---- threads ----------------------------------------------------------------------- */

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
	struct accel_reaper *reaper = reaper_of(worker);

	if (job == &reaper->look_job)
		reaper_look(reaper);
	else
		reaper_free(reaper, reaper_reap_of(job));
}

static const struct worker_type reaper_type = {
	.run = reaper_run,
	.pick_locked = reaper_pick_locked,
	.done_locked = reaper_done_locked,
	.max_threads = ACCEL_REAPER_THREADS,
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

/* ---- calls that wait --------------------------------------------------------------- */

static bool reaper_is_settled_locked(struct accel_reaper *reaper, uint64_t user, bool all)
{
	const struct list *queue = &reaper->worker.queue, *job = queue->next;

	ASSERT_LOCKED(&reaper->worker.lock);
	if (list_is_linked(&reaper->look_job) || reaper_is_busy_locked(reaper, true, 0))
		return false;
	if (all)
		return list_is_empty(queue) && reaper_is_idle_locked(reaper);
	while (job != queue && !reaper_is_of(reaper, job, user))
		job = job->next;
	return job == queue && !reaper_is_busy_locked(reaper, false, user);
}

static bool reaper_may_wait_locked(const struct accel_reaper *reaper, uint64_t user)
{
	unsigned n = 0;

	for (unsigned i = 0; i < reaper->n_waits; i++)
		n += reaper->waits[i] == user;
	return reaper->n_waits < ACCEL_REAPER_WAITS &&
	       (!user || n < ACCEL_REAPER_USER_WAITS);
}

static void reaper_forget_wait_locked(struct accel_reaper *reaper, uint64_t user)
{
	unsigned i = 0;

	while (reaper->waits[i] != user)
		i++;
	reaper->waits[i] = reaper->waits[--reaper->n_waits];
}

static void reaper_wait_locked(struct accel_reaper *reaper, uint64_t user, bool all,
			       unsigned ms)
{
	const struct timespec deadline = deadline_ms(ms);
	int r = 0;

	reaper->waits[reaper->n_waits++] = user;
	while (!reaper_is_settled_locked(reaper, user, all) && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&reaper->worker.settled, &reaper->worker.lock,
					   CLOCK_MONOTONIC, &deadline);
	reaper_forget_wait_locked(reaper, user);
}

void accel_reaper_make_room(struct accel_reaper *reaper, uint64_t user, bool all,
			    unsigned ms)
{
	(void)worker_add(&reaper->worker, &reaper->look_job);
	pthread_mutex_lock(&reaper->worker.lock);
	if (reaper_may_wait_locked(reaper, user))
		reaper_wait_locked(reaper, user, all, ms);
	pthread_mutex_unlock(&reaper->worker.lock);
}

/* ---- what is freed ----------------------------------------------------------------- */

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
