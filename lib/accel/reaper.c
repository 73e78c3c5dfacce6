/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "thread.h"

#define LOOK_MS      100
#define STOP_SECONDS 2
#define MAX_QUEUED   4096
#define MAX_BYTES    (UINT64_C(1) << 30)

static void reaper_add_ms(struct timespec *ret_time, unsigned ms)
{
	clock_gettime(CLOCK_MONOTONIC, ret_time);
	ret_time->tv_sec += ms / 1000;
	ret_time->tv_nsec += (long)(ms % 1000) * 1000000;
	ret_time->tv_sec += ret_time->tv_nsec / 1000000000;
	ret_time->tv_nsec %= 1000000000;
}

/* The lock is held. */
static bool reaper_has_to_look(const struct accel_reaper *reaper)
{
	return (int)(reaper->looks - reaper->wanted) < 0;
}

/* The lock is held. False: it is time to look. */
static bool reaper_wait_for_more(struct accel_reaper *reaper, bool watching)
{
	struct timespec due;

	reaper_add_ms(&due, LOOK_MS);
	if (reaper_has_to_look(reaper))
		return false;
	if (!watching)
		return pthread_cond_wait(&reaper->changed, &reaper->lock) == 0;
	return pthread_cond_timedwait(&reaper->changed, &reaper->lock, &due) == 0;
}

/* What is queued; NULL: nothing, but it is time to look, or to end. */
static struct accel_reap *reaper_take_all(struct accel_reaper *reaper, bool watching,
					  bool *ret_stop)
{
	struct accel_reap *first;

	pthread_mutex_lock(&reaper->lock);
	while (!reaper->first && !reaper->stop && reaper_wait_for_more(reaper, watching))
		;
	first = reaper->first;
	reaper->first = NULL;
	reaper->last = &reaper->first;
	*ret_stop = !first && reaper->stop;
	pthread_mutex_unlock(&reaper->lock);
	return first;
}

static void reaper_free_one(struct accel_reaper *reaper, struct accel_reap *reap)
{
	uint64_t bytes = reap->bytes;

	reap->free(reap);
	pthread_mutex_lock(&reaper->lock);
	reaper->bytes -= bytes;
	if (!--reaper->n)
		pthread_cond_broadcast(&reaper->changed);
	pthread_mutex_unlock(&reaper->lock);
}

static bool reaper_look_now(struct accel_reaper *reaper)
{
	bool more = reaper->look(reaper->data);

	pthread_mutex_lock(&reaper->lock);
	reaper->looks++;
	pthread_cond_broadcast(&reaper->changed);
	pthread_mutex_unlock(&reaper->lock);
	return more;
}

static void *reaper_thread(void *arg)
{
	struct accel_reaper *reaper = arg;
	bool stop, watching = false;

	do {
		struct accel_reap *reap = reaper_take_all(reaper, watching, &stop);

		while (reap) {
			struct accel_reap *next = reap->next;

			reaper_free_one(reaper, reap);
			reap = next;
		}
		watching = !stop && reaper_look_now(reaper);
	} while (!stop);
	pthread_mutex_lock(&reaper->lock);
	reaper->done = true;
	pthread_cond_broadcast(&reaper->changed);
	pthread_mutex_unlock(&reaper->lock);
	return NULL;
}

int accel_reaper_start(struct accel_reaper *reaper, bool (*look)(void *data), void *data)
{
	pthread_condattr_t attr;
	int r;

	*reaper = (struct accel_reaper){.look = look, .data = data};
	reaper->last = &reaper->first;
	pthread_mutex_init(&reaper->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&reaper->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = thread_start(reaper_thread, reaper, 0, &reaper->thread);
	if (r == 0)
		return 0;
	pthread_cond_destroy(&reaper->changed);
	pthread_mutex_destroy(&reaper->lock);
	return r;
}

static bool reaper_wait_done(struct accel_reaper *reaper)
{
	struct timespec deadline;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += STOP_SECONDS;
	while (!reaper->done && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&reaper->changed, &reaper->lock, &deadline);
	return reaper->done;
}

bool accel_reaper_stop(struct accel_reaper *reaper)
{
	bool done;

	pthread_mutex_lock(&reaper->lock);
	reaper->stop = true;
	pthread_cond_broadcast(&reaper->changed);
	done = reaper_wait_done(reaper);
	pthread_mutex_unlock(&reaper->lock);
	if (!done)
		return false;
	pthread_join(reaper->thread, NULL);
	pthread_cond_destroy(&reaper->changed);
	pthread_mutex_destroy(&reaper->lock);
	return true;
}

void accel_reaper_flush(struct accel_reaper *reaper, unsigned ms)
{
	struct timespec deadline;
	unsigned wanted;
	int r = 0;

	reaper_add_ms(&deadline, ms);
	pthread_mutex_lock(&reaper->lock);
	/* One that is under way may have begun too early. */
	wanted = reaper->wanted = reaper->looks + 2;
	pthread_cond_broadcast(&reaper->changed);
	while ((reaper->n || (int)(reaper->looks - wanted) < 0) && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&reaper->changed, &reaper->lock, &deadline);
	pthread_mutex_unlock(&reaper->lock);
}

void accel_reaper_add(struct accel_reaper *reaper, struct accel_reap *reap)
{
	bool queued;

	reap->next = NULL;
	pthread_mutex_lock(&reaper->lock);
	queued = reaper->n < MAX_QUEUED && reaper->bytes + reap->bytes <= MAX_BYTES;
	if (queued) {
		*reaper->last = reap;
		reaper->last = &reap->next;
		reaper->n++;
		reaper->bytes += reap->bytes;
		pthread_cond_broadcast(&reaper->changed);
	}
	pthread_mutex_unlock(&reaper->lock);
	if (!queued)
		reap->free(reap);
}
