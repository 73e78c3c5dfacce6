/* SPDX-License-Identifier: MIT */
/* mark.c - marks: a result that is set once, and waiting for it */
#include "mark.h"

#include <clock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <util.h>

struct mark {
	atomic_uint refs;
	pthread_mutex_t lock; /* protects @result */
	pthread_cond_t reached;
	int result;       /* -EAGAIN: not reached yet */
	uint64_t time_ns; /* set before @result */
};

struct mark *mark_create(void)
{
	struct mark *mark = calloc(1, sizeof(*mark));

	if (!mark)
		return NULL;
	atomic_init(&mark->refs, 1);
	pthread_mutex_init(&mark->lock, NULL);
	pthread_cond_init(&mark->reached, NULL);
	mark->result = -EAGAIN;
	return mark;
}

struct mark *mark_ref(struct mark *mark)
{
	atomic_fetch_add(&mark->refs, 1);
	return mark;
}

void mark_unref(struct mark *mark)
{
	if (!mark || atomic_fetch_sub(&mark->refs, 1) > 1)
		return;
	pthread_cond_destroy(&mark->reached);
	pthread_mutex_destroy(&mark->lock);
	free(mark);
}

void mark_reach(struct mark *mark, int error)
{
	pthread_mutex_lock(&mark->lock);
	mark->time_ns = now_ns();
	mark->result = error;
	pthread_cond_broadcast(&mark->reached);
	pthread_mutex_unlock(&mark->lock);
}

int mark_query(struct mark *mark)
{
	int r;

	pthread_mutex_lock(&mark->lock);
	r = mark->result;
	pthread_mutex_unlock(&mark->lock);
	return r;
}

int mark_wait(struct mark *mark)
{
	int r;

	pthread_mutex_lock(&mark->lock);
	while (mark->result == -EAGAIN)
		pthread_cond_wait(&mark->reached, &mark->lock);
	r = mark->result;
	pthread_mutex_unlock(&mark->lock);
	return r;
}

uint64_t mark_time_ns(const struct mark *mark)
{
	return mark->time_ns;
}
