/* SPDX-License-Identifier: MIT */
#include "buffers/reaper.h"

#include <accel.h>

#include "util.h"
#include "worker.h"

#define STOP_MS 10000

struct dead_buffer {
	struct list job;
	struct buffer buffer;    /* its fd is -1 if this is an address space */
	struct accel_asid *asid; /* a reference, or NULL */
};

/* The last close happens in this thread, not in a vault that other threads wait for. */
static void reaper_close(struct buffer *buffer)
{
	const struct buffer place = *buffer;
	int fd = place.table ? buffer_borrow(buffer) : -1;

	buffer_finish(buffer);
	if (fd >= 0)
		buffer_return(&place, fd);
}

static void reaper_run(struct worker *worker, struct list *job)
{
	struct dead_buffer *dead = container_of(job, struct dead_buffer, job);

	if (dead->buffer.fd >= 0)
		reaper_close(&dead->buffer);
	accel_asid_unref(dead->asid);
	free(dead);
}

static const struct worker_type reaper_type = {
	.run = reaper_run,
	.max_threads = 1,
	/* Behind a slow close; the thread that adds one more closes it itself. */
	.max_queued = 1024,
};

static struct worker reaper_worker = WORKER_STOPPED;

int reaper_start(void)
{
	int r;

	worker_init(&reaper_worker, &reaper_type);
	r = worker_start(&reaper_worker);
	if (r < 0)
		worker_stop(&reaper_worker, 0);
	return r;
}

bool reaper_stop(void)
{
	return worker_stop(&reaper_worker, STOP_MS);
}

void reaper_take(struct buffer *buffer)
{
	struct dead_buffer *dead;

	if (buffer->fd < 0)
		return;
	dead = calloc(1, sizeof(*dead));
	if (dead)
		dead->buffer = *buffer;
	if (!dead || worker_add(&reaper_worker, &dead->job) < 0) {
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
	if (dead && worker_add(&reaper_worker, &dead->job) == 0)
		return;
	free(dead);
	accel_asid_unref(asid);
}
