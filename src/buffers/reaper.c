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
} reaper_state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
};

static struct dead_buffer *reaper_take_first(void)
{
	struct dead_buffer *dead;

	pthread_mutex_lock(&reaper_state.lock);
	while (!reaper_state.first && reaper_state.started)
		pthread_cond_wait(&reaper_state.wake, &reaper_state.lock);
	dead = reaper_state.first;
	if (dead) {
		reaper_state.first = dead->next;
		reaper_state.n_queued--;
		if (!reaper_state.first)
			reaper_state.last = &reaper_state.first;
	}
	pthread_mutex_unlock(&reaper_state.lock);
	return dead;
}

/* The last close is to be this thread's, not that of a vault for which others wait. */
static void reaper_bury(struct buffer *buffer)
{
	const struct buffer place = *buffer;
	int fd = place.table ? buffer_borrow(buffer) : -1;

	buffer_finish(buffer);
	if (fd >= 0)
		buffer_return(&place, fd);
}

static void *reaper_main(void *arg)
{
	struct dead_buffer *dead;

	while ((dead = reaper_take_first())) {
		if (dead->buffer.fd >= 0)
			reaper_bury(&dead->buffer);
		accel_asid_unref(dead->asid);
		free(dead);
	}
	return NULL;
}

int reaper_start(void)
{
	int r;

	reaper_state.last = &reaper_state.first;
	reaper_state.started = true;
	r = -pthread_create(&reaper_state.thread, NULL, reaper_main, NULL);
	if (r < 0)
		reaper_state.started = false;
	return r;
}

bool reaper_stop(void)
{
	struct timespec deadline;

	pthread_mutex_lock(&reaper_state.lock);
	reaper_state.started = false;
	pthread_cond_signal(&reaper_state.wake);
	pthread_mutex_unlock(&reaper_state.lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	return pthread_timedjoin_np(reaper_state.thread, NULL, &deadline) == 0;
}

static bool reaper_enqueue(struct dead_buffer *dead)
{
	bool taken;

	pthread_mutex_lock(&reaper_state.lock);
	taken = reaper_state.started && reaper_state.n_queued < MAX_QUEUED;
	if (taken) {
		reaper_state.n_queued++;
		*reaper_state.last = dead;
		reaper_state.last = &dead->next;
		pthread_cond_signal(&reaper_state.wake);
	}
	pthread_mutex_unlock(&reaper_state.lock);
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
	if (!dead || !reaper_enqueue(dead)) {
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
	if (dead && reaper_enqueue(dead))
		return;
	free(dead);
	accel_asid_unref(asid);
}
