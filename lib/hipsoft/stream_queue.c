/* SPDX-License-Identifier: MIT */
/* stream_queue.c - the device queue of a stream, and its staging buffer */
#include "stream_queue.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <memfd.h>
#include <ring_producer.h>

#define ENTRIES    64 /* commands per batch; a power of two */
#define DEAD_NS    INT64_C(1000000000)
#define BUSY_TRIES 50
#define BUSY_NS    1000000

/* ---- life -------------------------------------------------------------------------- */

/* Engines of destroyed queues may still be stopping, and count as busy until then. */
static int stream_queue_create(struct device *device, uint32_t *ret_id)
{
	struct accel_queue_create create = {.size = sizeof(create), .entries = ENTRIES};
	int r = accel_queue_create(device->context, &create);

	for (int i = 0; i < BUSY_TRIES && r == -EBUSY; i++) {
		nanosleep(&(struct timespec){.tv_nsec = BUSY_NS}, NULL);
		r = accel_queue_create(device->context, &create);
	}
	if (r < 0)
		return r == -EBUSY || r == -EAGAIN ? -ENOSPC : r;
	*ret_id = create.id;
	return 0;
}

static int stream_queue_map_ring(struct stream_queue *queue)
{
	_cleanup_close_ int fd = -1;
	void *ring;
	int r = accel_queue_open_ring(queue->device->context, queue->id, &fd);

	if (r < 0)
		return r;
	ring = mmap(NULL, ACCEL_RING_ENTRIES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	queue->ring = ring;
	return 0;
}

static void stream_queue_end(struct stream_queue *queue)
{
	struct accel_object object = {.size = sizeof(object), .id = queue->id};

	if (queue->id)
		(void)accel_queue_destroy(queue->device->context, &object);
	if (queue->ring) {
		/* Until the engine has stopped and is free for the next queue. */
		(void)ring_wait(queue->ring, UINT64_MAX, DEAD_NS);
		(void)munmap(queue->ring, ACCEL_RING_ENTRIES);
	}
	queue->id = 0;
	queue->ring = NULL;
}

static int stream_queue_begin(struct stream_queue *queue)
{
	struct accel_queue_attach attach = {
		.size = sizeof(attach),
		.asid = queue->device->asid,
	};
	int r = stream_queue_create(queue->device, &queue->id);

	if (r == 0)
		r = stream_queue_map_ring(queue);
	if (r == 0) {
		attach.queue = queue->id;
		r = accel_queue_attach(queue->device->context, &attach);
	}
	if (r < 0)
		stream_queue_end(queue);
	return r;
}

int stream_queue_init(struct stream_queue *queue, struct device *device)
{
	int r;

	*queue = (struct stream_queue){.device = device};
	r = stream_queue_begin(queue);
	if (r < 0)
		queue->device = NULL;
	return r;
}

static void stream_queue_drop_staging(struct stream_queue *queue)
{
	struct accel_asid_unmap unmap = {
		.size = sizeof(unmap),
		.asid = queue->device->asid,
		.iova = (uintptr_t)queue->staging,
		.length = STAGING_BYTES,
	};
	struct accel_object object = {
		.size = sizeof(object),
		.id = queue->staging_buffer,
	};

	if (!queue->staging)
		return;
	(void)accel_asid_unmap(queue->device->context, &unmap);
	(void)accel_buffer_free(queue->device->context, &object);
	(void)munmap(queue->staging, STAGING_BYTES);
	queue->staging = NULL;
}

void stream_queue_finish(struct stream_queue *queue)
{
	if (!queue->device)
		return;
	stream_queue_end(queue);
	stream_queue_drop_staging(queue);
	*queue = (struct stream_queue){0};
}

/* ---- commands ---------------------------------------------------------------------- */

/*
 * The queue has stopped on a fault: resets it and returns the fault as an errno. A queue
 * with many faults is isolated; then the next command creates a new one.
 */
static int stream_queue_recover(struct stream_queue *queue)
{
	struct accel_object object = {.size = sizeof(object), .id = queue->id};
	uint32_t reason = queue->ring->fault.reason;
	bool is_isolated = queue->ring->state == ACCEL_QUEUE_ISOLATED;

	if (accel_queue_reset(queue->device->context, &object) < 0) {
		stream_queue_end(queue);
		if (!is_isolated)
			return -EIO;
	}
	switch (reason) {
	case ACCEL_FAULT_UNMAPPED:
	case ACCEL_FAULT_PERMISSION:
	case ACCEL_FAULT_REVOKED:
		return -EFAULT;
	default:
		return -EIO;
	}
}

static int stream_queue_execute_batch(struct stream_queue *queue,
				      const struct accel_command *commands, unsigned n)
{
	struct accel_queue_submit submit;
	int r = queue->ring ? 0 : stream_queue_begin(queue);

	if (r < 0)
		return r;
	memset(&submit, 0, offsetof(struct accel_queue_submit, commands));
	submit.size = (uint32_t)offsetof(struct accel_queue_submit, commands[n]);
	submit.queue = queue->id;
	submit.count = n;
	memcpy(submit.commands, commands, n * sizeof(*commands));
	/* The ring is empty: all earlier commands have completed. */
	r = accel_queue_submit(queue->device->context, &submit);
	if (r == 0)
		r = ring_wait(queue->ring, submit.index + n - 1, -1);
	return r < 0 ? stream_queue_recover(queue) : 0;
}

int stream_queue_execute(struct stream_queue *queue, const struct accel_command *commands,
			 unsigned n)
{
	int r = 0;

	for (unsigned done = 0; done < n && r == 0; done += ENTRIES)
		r = stream_queue_execute_batch(queue, commands + done,
					       MIN(n - done, ENTRIES));
	return r;
}

/* ---- staging ----------------------------------------------------------------------- */

static int stream_queue_map_here(int fd, void **ret_memory)
{
	void *memory =
		mmap(NULL, STAGING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

/*
 * An ASID uses the addresses of the process, so a mapping at the staging buffer's own
 * address cannot collide with an allocation.
 */
static int stream_queue_map_for_device(struct device *device, uint32_t buffer,
				       void *memory)
{
	struct accel_asid_map map = {
		.size = sizeof(map),
		.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED,
		.asid = device->asid,
		.buffer = buffer,
		.length = STAGING_BYTES,
		.iova = (uintptr_t)memory,
	};

	return accel_asid_map(device->context, &map);
}

/*
 * Private memory instead of device memory, which the program may have used up. Sealed, so
 * that it cannot be truncated while the CPU accesses it.
 */
static int stream_queue_import_memory(struct device *device, uint32_t *ret_buffer,
				      void **ret_memory)
{
	_cleanup_close_ int fd = memfd_new("hipsoft-staging", STAGING_BYTES,
					   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	int r;

	if (fd < 0)
		return fd;
	r = stream_queue_map_here(fd, ret_memory);
	if (r < 0)
		return r;
	r = accel_buffer_import(device->context, fd, ret_buffer);
	if (r < 0) {
		(void)munmap(*ret_memory, STAGING_BYTES);
		return r;
	}
	(void)TAKE_FD(fd);
	return 0;
}

int stream_queue_make_staging(struct stream_queue *queue)
{
	struct accel_object object = {.size = sizeof(object)};
	struct device *device = queue->device;
	void *memory = NULL;
	int r;

	if (queue->staging)
		return 0;
	r = stream_queue_import_memory(device, &object.id, &memory);
	if (r < 0)
		return r;
	r = stream_queue_map_for_device(device, object.id, memory);
	if (r < 0) {
		(void)accel_buffer_free(device->context, &object);
		(void)munmap(memory, STAGING_BYTES);
		return r;
	}
	queue->staging_buffer = object.id;
	queue->staging = memory;
	return 0;
}
