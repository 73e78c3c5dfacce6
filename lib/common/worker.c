/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>

#include "clock.h"
#include "locked.h"
#include "thread.h"

/* ---- the threads ------------------------------------------------------------------- */

static void worker_queue_locked(struct worker *worker, struct list *job)
{
	ASSERT_LOCKED(&worker->lock);
	if (worker->later == job)
		worker->later = NULL;
	list_add_tail(&worker->queue, job);
	worker->n_queued++;
}

static struct list *worker_pick_locked(struct worker *worker)
{
	struct list *job;

	ASSERT_LOCKED(&worker->lock);
	if (worker->later && now_ns() >= worker->due_ns)
		worker_queue_locked(worker, worker->later);
	if (worker->type->pick_locked)
		job = worker->type->pick_locked(worker);
	else
		job = list_pop(&worker->queue);
	if (job)
		worker->n_queued--;
	return job;
}

static void worker_wait_locked(struct worker *worker)
{
	const struct timespec due = timespec_of_ns(worker->due_ns);

	ASSERT_LOCKED(&worker->lock);
	worker->n_idle++;
	pthread_cond_broadcast(&worker->settled);
	if (worker->later)
		pthread_cond_clockwait(&worker->wake, &worker->lock, CLOCK_MONOTONIC,
				       &due);
	else
		pthread_cond_wait(&worker->wake, &worker->lock);
	worker->n_idle--;
}

static void worker_run_locked(struct worker *worker, struct list *job)
{
	ASSERT_LOCKED(&worker->lock);
	/* This thread may have waited until its time: an idle one does instead. */
	if (worker->later)
		pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	worker->type->run(worker, job);
	pthread_mutex_lock(&worker->lock);
	if (worker->type->done_locked)
		worker->type->done_locked(worker, job);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct list *job = worker_pick_locked(worker);

		if (job)
			worker_run_locked(worker, job);
		else if (worker->stop)
			break;
		else
			worker_wait_locked(worker);
	}
	worker->n_alive--;
	pthread_cond_broadcast(&worker->settled);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static int worker_start_locked(struct worker *worker)
{
	pthread_t *thread = &worker->threads[worker->n_threads];
	int r = thread_start(worker_main, worker, 0, thread);

	ASSERT_LOCKED(&worker->lock);
	if (r < 0)
		return r;
	worker->n_threads++;
	worker->n_alive++;
	return 0;
}

/* ---- for the owner ----------------------------------------------------------------- */

void worker_init(struct worker *worker, const struct worker_type *type)
{
	*worker = (struct worker){.type = type};
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	pthread_cond_init(&worker->settled, NULL);
	list_init(&worker->queue);
}

int worker_start(struct worker *worker)
{
	SCOPED_LOCK(&worker->lock);

	return worker->n_threads ? 0 : worker_start_locked(worker);
}

/* A thread for one more job. With at least one thread, the job can wait. */
static int worker_provide_locked(struct worker *worker)
{
	int r = 0;

	ASSERT_LOCKED(&worker->lock);
	if (worker->n_idle <= worker->n_queued &&
	    worker->n_threads < worker->type->max_threads)
		r = worker_start_locked(worker);
	return worker->n_threads ? 0 : r;
}

int worker_add(struct worker *worker, struct list *job)
{
	SCOPED_LOCK(&worker->lock);
	int r;

	if (worker->stop)
		return -ESHUTDOWN;
	if (list_is_linked(job))
		return 0;
	if (worker->type->max_queued && worker->n_queued >= worker->type->max_queued)
		return -EAGAIN;
	r = worker_provide_locked(worker);
	if (r < 0)
		return r;
	worker_queue_locked(worker, job);
	pthread_cond_signal(&worker->wake);
	return 0;
}

void worker_add_later(struct worker *worker, struct list *job, unsigned ms)
{
	SCOPED_LOCK(&worker->lock);

	if (worker->stop || list_is_linked(job))
		return;
	worker->later = job;
	worker->due_ns = now_ns() + ms * NS_PER_MS;
	pthread_cond_signal(&worker->wake);
}

bool worker_flush(struct worker *worker, unsigned ms)
{
	const struct timespec deadline = deadline_ms(ms);
	SCOPED_LOCK(&worker->lock);
	bool idle;
	int r = 0;

	while (!(idle = !worker->n_queued && worker->n_idle == worker->n_alive) &&
	       r != ETIMEDOUT)
		r = pthread_cond_clockwait(&worker->settled, &worker->lock,
					   CLOCK_MONOTONIC, &deadline);
	return idle;
}

bool worker_stop(struct worker *worker, unsigned ms)
{
	const struct timespec deadline = deadline_ms(ms);
	unsigned n_ended = 0;
	bool ended;
	int r = 0;

	pthread_mutex_lock(&worker->lock);
	worker->stop = true;
	worker->later = NULL;
	pthread_cond_broadcast(&worker->wake);
	while (worker->n_alive && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&worker->settled, &worker->lock,
					   CLOCK_MONOTONIC, &deadline);
	ended = !worker->n_alive;
	if (ended) {
		n_ended = worker->n_threads;
		worker->n_threads = 0;
	}
	pthread_mutex_unlock(&worker->lock);
	for (unsigned i = 0; i < n_ended; i++)
		pthread_join(worker->threads[i], NULL);
	return ended;
}
