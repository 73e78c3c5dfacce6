/* SPDX-License-Identifier: MIT */
#include "buffers/reaper.h"

#include <accel.h>
#include <pthread.h>
#include <time.h>

#include "util.h"

#define STOP_TIMEOUT_S 10
/* Behind a slow close; more are closed by whoever ends them, so that none pile up. */
#define MAX_QUEUED 1024

struct dead_buffer {
	struct dead_buffer *next;
	struct buffer buffer;    /* its fd is -1 if this is an address space */
	struct accel_asid *asid; /* a reference, or NULL */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct dead_buffer *first, **last; /* protected by lock */
	unsigned n_queued;                 /* protected by lock */
	bool started;                      /* protected by lock */
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
};

static struct dead_buffer *take_first(void)
{
	struct dead_buffer *dead;

	pthread_mutex_lock(&state.lock);
	while (!state.first && state.started)
		pthread_cond_wait(&state.wake, &state.lock);
	dead = state.first;
	if (dead) {
		state.first = dead->next;
		state.n_queued--;
		if (!state.first)
			state.last = &state.first;
	}
	pthread_mutex_unlock(&state.lock);
	return dead;
}

/* The last close is to be this thread's, not that of a vault for which others wait. */
static void bury(struct buffer *buffer)
{
	const struct buffer place = *buffer;
	int fd = place.table ? buffer_borrow(buffer) : -1;

	buffer_finish(buffer);
	if (fd >= 0)
		buffer_return(&place, fd);
}

static void *run(void *arg)
{
	struct dead_buffer *dead;

	while ((dead = take_first())) {
		if (dead->buffer.fd >= 0)
			bury(&dead->buffer);
		accel_asid_unref(dead->asid);
		free(dead);
	}
	return NULL;
}

int reaper_start(void)
{
	int r;

	state.last = &state.first;
	state.started = true;
	r = -pthread_create(&state.thread, NULL, run, NULL);
	if (r < 0)
		state.started = false;
	return r;
}

bool reaper_stop(void)
{
	struct timespec deadline;

	pthread_mutex_lock(&state.lock);
	state.started = false;
	pthread_cond_signal(&state.wake);
	pthread_mutex_unlock(&state.lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	return pthread_timedjoin_np(state.thread, NULL, &deadline) == 0;
}

static bool enqueue(struct dead_buffer *dead)
{
	bool taken;

	pthread_mutex_lock(&state.lock);
	taken = state.started && state.n_queued < MAX_QUEUED;
	if (taken) {
		state.n_queued++;
		*state.last = dead;
		state.last = &dead->next;
		pthread_cond_signal(&state.wake);
	}
	pthread_mutex_unlock(&state.lock);
	return taken;
}

void reaper_take(struct buffer *buffer)
{
	struct dead_buffer *dead;

	if (buffer->fd < 0)
		return;
	dead = calloc(1, sizeof(*dead));
	if (dead)
		dead->buffer = *buffer;
	if (!dead || !enqueue(dead)) {
		free(dead);
		buffer_finish(buffer);
	}
	buffer->fd = -1;
	buffer->kept = false;
}

void reaper_take_fd(int fd)
{
	struct buffer buffer = {.fd = fd};

	reaper_take(&buffer);
}

void reaper_take_asid(struct accel_asid *asid)
{
	struct dead_buffer *dead = asid ? calloc(1, sizeof(*dead)) : NULL;

	if (dead) {
		dead->buffer.fd = -1;
		dead->asid = asid;
	}
	if (dead && enqueue(dead))
		return;
	free(dead);
	accel_asid_unref(asid);
}
