/* SPDX-License-Identifier: MIT */
#include "fake-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/make-memfd.h"
#include "queue.h"

struct accel_properties fake_properties = {
	.operations = (1U << ACCEL_OP_COUNT) - 1,
	.page_size = 4096,
	.aperture = {.first = 0, .last = UINT64_MAX},
};

static int device_start(const struct accel_device_params *params,
			struct accel_properties *ret_properties, void **ret_device)
{
	*ret_properties = fake_properties;
	*ret_device = NULL;
	return 0;
}

static void device_stop(void *device)
{
}

static int memory_alloc(void *device, uint64_t bytes, uint32_t flags)
{
	int seals = F_SEAL_GROW | F_SEAL_SEAL;

	if (flags & ACCEL_BUFFER_PINNED)
		seals |= F_SEAL_SHRINK;
	return try_memfd(bytes, seals);
}

static int memory_scrub(void *device, int fd, void *memory, uint64_t bytes)
{
	return 0;
}

/* ---- engines ----------------------------------------------------------------------- */

struct engine {
	struct accel_queue *queue;
	sem_t stop;
};

/* Runs in a thread: the core holds the queue's lock while it requests the stop. */
static void *run(void *data)
{
	struct engine *engine = data;
	struct accel_queue *queue = engine->queue;

	while (sem_wait(&engine->stop) < 0)
		;
	/* Wait until the thread in sem_post() has dropped this lock. */
	pthread_mutex_lock(&queue->lock);
	pthread_mutex_unlock(&queue->lock);
	sem_destroy(&engine->stop);
	free(engine);
	accel_queue_stopped(queue);
	return NULL;
}

static int queue_start(void *device, struct accel_queue *queue, void **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	pthread_t thread;
	int error;

	if (!engine)
		return -ENOMEM;
	engine->queue = queue;
	sem_init(&engine->stop, 0, 0);
	error = pthread_create(&thread, NULL, run, engine);
	if (error) {
		sem_destroy(&engine->stop);
		free(engine);
		return -error;
	}
	pthread_detach(thread);
	*ret_engine = engine;
	return 0;
}

static void queue_kick(void *engine)
{
}

static void queue_stop(void *data)
{
	struct engine *engine = data;

	sem_post(&engine->stop);
}

const struct accel_backend fake_backend = {
	.version = ACCEL_BACKEND_VERSION,
	.name = "fake",
	.device_start = device_start,
	.device_stop = device_stop,
	.memory_alloc = memory_alloc,
	.memory_scrub = memory_scrub,
	.queue_start = queue_start,
	.queue_kick = queue_kick,
	.queue_stop = queue_stop,
};
