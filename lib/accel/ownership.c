/* SPDX-License-Identifier: MIT */
#include "ownership.h"

#include <errno.h>
#include <time.h>

#include "buffer.h"
#include "device.h"
#include "lease.h"
#include "registry.h"

#define FINISH_SECONDS 2
#define ANSWER_NS      UINT64_C(200000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What cannot be taken back and has an importer. When the kernel cannot tell: yes. */
static bool is_held(const struct accel_buffer *buffer)
{
	return (buffer->flags & ACCEL_BUFFER_PINNED) && lease_held(buffer->fd) != 0;
}

static bool any_held(const struct accel_ownership *ownership)
{
	struct accel_buffer *buffer;

	for (buffer = ownership->first; buffer; buffer = buffer->owned_next)
		if (is_held(buffer))
			return true;
	return false;
}

/* ---- the janitor ------------------------------------------------------------------- */

/* Makes sure that nobody sees it again, or false: it is held. */
static bool settle(struct accel_device *device, struct accel_buffer *buffer)
{
	/* An owner may keep the inode's lock, and us waiting: no lock of ours is held. */
	if (!(buffer->flags & ACCEL_BUFFER_PINNED))
		return accel_buffer_truncate(buffer) == 0;
	/* One more reference than the list's: something of ours still has it. */
	if (is_held(buffer) || buffer->base.refs > 1)
		return false;
	accel_buffer_unmap(buffer);
	return device->backend->memory_scrub(device->private, buffer->fd,
					     buffer->bytes) == 0;
}

/* Settles the list; what is still held stays on it. */
static struct accel_buffer *settle_all(struct accel_device *device,
				       struct accel_buffer *list)
{
	struct accel_buffer *kept = NULL, *next;

	for (; list; list = next) {
		next = list->owned_next;
		if (settle(device, list)) {
			list->owned = false;
			accel_base_unref(&list->base);
			continue;
		}
		list->owned_next = kept;
		kept = list;
	}
	return kept;
}

static void *clean(void *arg)
{
	struct accel_device *device = arg;
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *list;

	pthread_mutex_lock(&device->lock);
	list = ownership->first;
	ownership->first = NULL;
	pthread_mutex_unlock(&device->lock);
	list = settle_all(device, list);
	/* The next owner finds all of the memory, not just most of it. */
	accel_reaper_flush(&device->registry->reaper);
	pthread_mutex_lock(&device->lock);
	ownership->first = list;
	ownership->pinned = list != NULL;
	ownership->looked_ns = now_ns();
	ownership->scrubbing = false;
	pthread_cond_broadcast(&device->idle);
	pthread_mutex_unlock(&device->lock);
	return NULL;
}

/* The lock is held; the former thread, if any, has nothing left to do but to return. */
static void start_cleaning(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	if (ownership->thread_started)
		pthread_join(ownership->thread, NULL);
	ownership->scrubbing = true;
	ownership->thread_started =
		pthread_create(&ownership->thread, NULL, clean, device) == 0;
	if (!ownership->thread_started)
		ownership->scrubbing = false; /* the next open tries again */
}

/* ---- who has the device ------------------------------------------------------------ */

static int acquire(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	if (ownership->owned)
		return -EBUSY;
	if (ownership->scrubbing)
		return -EAGAIN;
	if (any_held(ownership))
		return -EBUSY;
	/* Pins take time to ask for, so an answer holds for a moment. */
	if (ownership->first && ownership->pinned &&
	    now_ns() - ownership->looked_ns < ANSWER_NS)
		return -EBUSY;
	if (ownership->first) {
		start_cleaning(device);
		return -EAGAIN;
	}
	ownership->owned = true;
	return 0;
}

int accel_ownership_acquire(struct accel_device *device)
{
	int r;

	if (!device->params.exclusive)
		return 0;
	pthread_mutex_lock(&device->lock);
	r = acquire(device);
	pthread_mutex_unlock(&device->lock);
	return r;
}

void accel_ownership_release(struct accel_device *device)
{
	if (!device->params.exclusive)
		return;
	pthread_mutex_lock(&device->lock);
	device->ownership.owned = false;
	if (device->ownership.first)
		start_cleaning(device);
	pthread_mutex_unlock(&device->lock);
}

void accel_ownership_add(struct accel_device *device, struct accel_buffer *buffer)
{
	if (!device->params.exclusive)
		return;
	accel_base_ref(&buffer->base);
	pthread_mutex_lock(&device->lock);
	buffer->owned = true;
	buffer->owned_next = device->ownership.first;
	device->ownership.first = buffer;
	pthread_mutex_unlock(&device->lock);
}

/* The lock is held. False: it was not there. */
static bool forget(struct accel_ownership *ownership, struct accel_buffer *buffer)
{
	struct accel_buffer **place = &ownership->first;

	while (*place && *place != buffer)
		place = &(*place)->owned_next;
	if (!*place)
		return false;
	*place = buffer->owned_next;
	buffer->owned = false;
	return true;
}

void accel_ownership_drop(struct accel_device *device, struct accel_buffer *buffer)
{
	bool forgotten = false;

	if (!device->params.exclusive)
		return;
	pthread_mutex_lock(&device->lock);
	/* Revocable memory that somebody maps is still to be revoked with the owner's
	 * end. */
	if (lease_held(buffer->fd) == 0)
		forgotten = forget(&device->ownership, buffer);
	pthread_mutex_unlock(&device->lock);
	if (forgotten)
		accel_base_unref(&buffer->base);
}

static bool wait_clean(struct accel_device *device)
{
	struct timespec deadline;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += FINISH_SECONDS;
	while (device->ownership.scrubbing && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&device->idle, &device->lock, &deadline);
	return !device->ownership.scrubbing;
}

bool accel_ownership_finish(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *list = NULL, *next;
	bool clean_now;

	pthread_mutex_lock(&device->lock);
	clean_now = wait_clean(device);
	if (clean_now) {
		list = ownership->first;
		ownership->first = NULL;
	}
	pthread_mutex_unlock(&device->lock);
	if (!clean_now)
		return false;
	if (ownership->thread_started)
		pthread_join(ownership->thread, NULL);
	ownership->thread_started = false;
	for (; list; list = next) {
		next = list->owned_next;
		accel_base_unref(&list->base);
	}
	return true;
}
