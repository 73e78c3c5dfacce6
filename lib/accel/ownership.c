/* SPDX-License-Identifier: MIT */
#include "ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "buffer.h"
#include "device.h"
#include "lease.h"
#include "services.h"
#include "thread.h"

#define FINISH_SECONDS 2
#define FLUSH_MS       500
#define ANSWER_NS      UINT64_C(200000000)
#define REVOKE_NS      UINT64_C(200000000)

static uint64_t ownership_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What cannot be taken back and has an importer. When the kernel cannot tell: yes. */
static bool ownership_is_held(const struct accel_buffer *buffer)
{
	return (buffer->flags & ACCEL_BUFFER_PINNED) && lease_held(buffer->fd) != 0;
}

static bool ownership_any_held(const struct accel_ownership *ownership)
{
	struct accel_buffer *buffer;

	for (buffer = ownership->first; buffer; buffer = buffer->owned_next)
		if (ownership_is_held(buffer))
			return true;
	return false;
}

/* ---- the janitor ------------------------------------------------------------------- */

static void *ownership_revoke_memory(void *arg)
{
	struct accel_buffer *buffer = arg;
	struct accel_device *device = buffer->device;

	accel_buffer_truncate(buffer);
	/* The last that this thread does: its reference is dropped by who waits for it.
	 */
	pthread_mutex_lock(&device->lock);
	buffer->revoking = false;
	device->ownership.revoking--;
	pthread_cond_broadcast(&device->idle);
	pthread_mutex_unlock(&device->lock);
	return NULL;
}

/* The lock is held. */
static void ownership_start_revoking(struct accel_device *device,
				     struct accel_buffer *buffer)
{
	if (buffer->revoke_ref)
		return;
	accel_base_ref(&buffer->base);
	if (thread_start(ownership_revoke_memory, buffer, 0, NULL) < 0) {
		accel_base_unref(&buffer->base);
		return;
	}
	buffer->revoking = buffer->revoke_ref = true;
	device->ownership.revoking++;
}

/* False: the thread is still at it. The lock is held, and the list has a reference. */
static bool ownership_drop_revoke_ref(struct accel_buffer *buffer)
{
	if (buffer->revoking)
		return false;
	if (buffer->revoke_ref)
		accel_base_unref(&buffer->base);
	buffer->revoke_ref = false;
	return true;
}

/*
 * Who has it can keep its inode locked, by a write(2) whose source never comes, and then
 * the truncation waits for as long. So it has a thread of its own, and is waited for only
 * a moment: after that it is as good as pinned.
 */
static bool ownership_take_back(struct accel_device *device, struct accel_buffer *buffer)
{
	const uint64_t end = ownership_now_ns() + REVOKE_NS;
	const struct timespec deadline = {
		.tv_sec = (time_t)(end / 1000000000),
		.tv_nsec = (long)(end % 1000000000),
	};
	bool done;
	int r = 0;

	pthread_mutex_lock(&device->lock);
	ownership_start_revoking(device, buffer);
	while (buffer->revoking && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&device->idle, &device->lock, &deadline);
	done = ownership_drop_revoke_ref(buffer) && buffer->revoked;
	pthread_mutex_unlock(&device->lock);
	return done;
}

/* Nobody can add seals any more, nor take one that was added back. */
static bool ownership_is_frozen(const struct accel_buffer *buffer)
{
	return fcntl(buffer->fd, F_GET_SEALS) & F_SEAL_SEAL;
}

/* Makes sure that nobody sees it again, or false: it is held. */
static bool ownership_settle(struct accel_device *device, struct accel_buffer *buffer)
{
	if (!(buffer->flags & ACCEL_BUFFER_PINNED))
		return ownership_take_back(device, buffer);
	if (ownership_is_held(buffer))
		return false;
	if (!ownership_is_frozen(buffer))
		accel_buffer_unmap(buffer);
	return device->backend->memory_scrub(device->private, buffer->fd, buffer->memory,
					     buffer->bytes) == 0;
}

/* Settles the list; what is still held stays on it. */
static struct accel_buffer *ownership_settle_all(struct accel_device *device,
						 struct accel_buffer *list)
{
	struct accel_buffer *kept = NULL, *next;

	for (; list; list = next) {
		next = list->owned_next;
		if (ownership_settle(device, list)) {
			list->owned = false;
			accel_base_unref(&list->base);
			continue;
		}
		list->owned_next = kept;
		kept = list;
	}
	return kept;
}

static void *ownership_clean(void *arg)
{
	struct accel_device *device = arg;
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *list;

	pthread_mutex_lock(&device->lock);
	list = ownership->first;
	ownership->first = NULL;
	pthread_mutex_unlock(&device->lock);
	/* What was mapped in ASIDs, so that the list alone refers to the memory. */
	accel_reaper_flush(&device->services->reaper, FLUSH_MS);
	list = ownership_settle_all(device, list);
	/* The next owner finds all of the memory, not just most of it. */
	accel_reaper_flush(&device->services->reaper, FLUSH_MS);
	pthread_mutex_lock(&device->lock);
	ownership->first = list;
	ownership->pinned = list != NULL;
	ownership->checked_ns = ownership_now_ns();
	ownership->scrubbing = false;
	pthread_cond_broadcast(&device->idle);
	pthread_mutex_unlock(&device->lock);
	return NULL;
}

/* The lock is held; the former thread, if any, has nothing left to do but to return. */
static void ownership_start_cleaning(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	if (ownership->thread_started)
		pthread_join(ownership->thread, NULL);
	ownership->scrubbing = true;
	ownership->thread_started =
		thread_start(ownership_clean, device, 0, &ownership->thread) == 0;
	if (!ownership->thread_started)
		ownership->scrubbing = false; /* the next open tries again */
}

/* ---- who has the device ------------------------------------------------------------ */

static int ownership_acquire(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	if (ownership->owned)
		return -EBUSY;
	if (ownership->scrubbing)
		return -EAGAIN;
	if (ownership_any_held(ownership))
		return -EBUSY;
	/* Pins take time to ask for, so an answer holds for a moment. */
	if (ownership->first && ownership->pinned &&
	    ownership_now_ns() - ownership->checked_ns < ANSWER_NS)
		return -EBUSY;
	if (ownership->first) {
		ownership_start_cleaning(device);
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
	r = ownership_acquire(device);
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
		ownership_start_cleaning(device);
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
static bool ownership_forget(struct accel_ownership *ownership,
			     struct accel_buffer *buffer)
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

/* Freed by its owner, mapped nowhere, and nobody else has it. The lock is held. */
static bool ownership_is_done_with(const struct accel_buffer *buffer, unsigned refs)
{
	/* Revocable memory that somebody has is still to be revoked with the owner's end.
	 */
	return buffer->freed && buffer->base.refs == refs && lease_held(buffer->fd) == 0;
}

bool accel_ownership_sweep(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer **place = &ownership->first, *done = NULL, *buffer;
	bool more = false;

	pthread_mutex_lock(&device->lock);
	while (ownership->owned && (buffer = *place)) {
		if (!ownership_is_done_with(buffer, 1)) {
			more |= buffer->freed;
			place = &buffer->owned_next;
			continue;
		}
		*place = buffer->owned_next;
		buffer->owned_next = done;
		done = buffer;
	}
	pthread_mutex_unlock(&device->lock);
	for (; done; done = buffer) {
		buffer = done->owned_next;
		accel_base_unref(&done->base);
	}
	return more;
}

void accel_ownership_drop(struct accel_device *device, struct accel_buffer *buffer)
{
	bool forgotten = false;

	if (!device->params.exclusive)
		return;
	pthread_mutex_lock(&device->lock);
	buffer->freed = true;
	/* The caller has one reference, the list the other. */
	if (ownership_is_done_with(buffer, 2))
		forgotten = ownership_forget(&device->ownership, buffer);
	pthread_mutex_unlock(&device->lock);
	if (forgotten)
		accel_base_unref(&buffer->base);
}

static bool ownership_wait_clean(struct accel_device *device)
{
	struct timespec deadline;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += FINISH_SECONDS;
	while ((device->ownership.scrubbing || device->ownership.revoking) &&
	       r != ETIMEDOUT)
		r = pthread_cond_timedwait(&device->idle, &device->lock, &deadline);
	return !device->ownership.scrubbing && !device->ownership.revoking;
}

bool accel_ownership_finish(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *list = NULL, *next;
	bool clean_now;

	pthread_mutex_lock(&device->lock);
	clean_now = ownership_wait_clean(device);
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
		ownership_drop_revoke_ref(list);
		accel_base_unref(&list->base);
	}
	return true;
}
