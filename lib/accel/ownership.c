/* SPDX-License-Identifier: MIT */
#include "ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "buffer.h"
#include "clock.h"
#include "device.h"
#include "lease.h"
#include "locked.h"
#include "services.h"
#include "thread.h"

#define FINISH_MS 2000
#define FLUSH_MS  500
#define REVOKE_MS 200
/* Between two queries for pins, each of which takes about as long. */
#define PINNED_MS 100

/* Not revocable, and held by an importer. If the kernel cannot say: yes. */
static bool ownership_is_held(const struct accel_buffer *buffer)
{
	return (buffer->flags & ACCEL_BUFFER_PINNED) && lease_held(buffer->fd) != 0;
}

static bool ownership_any_held_locked(struct accel_device *device)
{
	struct accel_buffer *buffer;

	ASSERT_LOCKED(&device->lock);
	list_for_each(buffer, &device->ownership.memory, owned_item)
		if (ownership_is_held(buffer))
			return true;
	return false;
}

/* ---- the cleaning thread ----------------------------------------------------------- */

static void *ownership_revoke_memory(void *arg)
{
	struct accel_buffer *buffer = arg;
	struct accel_device *device = buffer->device;

	accel_buffer_truncate(buffer);
	/* From the unlock on, the buffer may be freed. */
	pthread_mutex_lock(&device->lock);
	buffer->revoking = false;
	device->ownership.revoking--;
	pthread_cond_broadcast(&device->idle);
	pthread_mutex_unlock(&device->lock);
	return NULL;
}

static void ownership_start_revoking_locked(struct accel_device *device,
					    struct accel_buffer *buffer)
{
	ASSERT_LOCKED(&device->lock);
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

/* False: the thread is still working. Never the last reference: the list has another. */
static bool ownership_drop_revoke_ref_locked(struct accel_buffer *buffer)
{
	ASSERT_LOCKED(&buffer->device->lock);
	if (buffer->revoking)
		return false;
	if (buffer->revoke_ref)
		accel_base_unref(&buffer->base);
	buffer->revoke_ref = false;
	return true;
}

/*
 * A holder can keep the inode locked, by a write(2) whose source does not come, and the
 * truncation waits for as long. So it has a thread of its own, and is waited for briefly:
 * memory that is not revoked by then counts as pinned.
 */
static bool ownership_take_back(struct accel_device *device, struct accel_buffer *buffer)
{
	const struct timespec deadline = deadline_ms(REVOKE_MS);
	SCOPED_LOCK(&device->lock);
	int r = 0;

	ownership_start_revoking_locked(device, buffer);
	while (buffer->revoking && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&device->idle, &device->lock, CLOCK_MONOTONIC,
					   &deadline);
	return ownership_drop_revoke_ref_locked(buffer) && buffer->revoked;
}

/* Seals can neither be added nor undone any more. */
static bool ownership_is_frozen(const struct accel_buffer *buffer)
{
	return fcntl(buffer->fd, F_GET_SEALS) & F_SEAL_SEAL;
}

/* Makes sure that no process sees the contents again; false: it is held. */
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

/*
 * Settles the list; what is still held stays on it. True: something there is not held by
 * a file, for which the next open looks, but otherwise, by a pin.
 */
static bool ownership_settle_all(struct accel_device *device, struct list *list)
{
	struct accel_buffer *buffer, *next;
	bool pinned = false;

	list_for_each_safe(buffer, next, list, owned_item) {
		if (!ownership_settle(device, buffer)) {
			pinned |= !ownership_is_held(buffer);
			continue;
		}
		list_remove(&buffer->owned_item);
		accel_base_unref(&buffer->base);
	}
	return pinned;
}

/* True: check again, since no event reports the end of a pin. */
static bool ownership_clean_once(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct list list;
	bool pinned;

	list_init(&list);
	pthread_mutex_lock(&device->lock);
	list_splice_tail(&list, &ownership->memory);
	pthread_mutex_unlock(&device->lock);
	/* Mappings in ASIDs are freed first, so that only the list refers to the memory.
	 */
	accel_reaper_flush(&device->services->reaper, FLUSH_MS);
	pinned = ownership_settle_all(device, &list);
	/* The next owner finds all of the memory free, not most of it. */
	accel_reaper_flush(&device->services->reaper, FLUSH_MS);
	pthread_mutex_lock(&device->lock);
	list_splice_tail(&ownership->memory, &list);
	ownership->pinned = pinned;
	ownership->scrubbing = pinned && !ownership->finishing;
	pinned = ownership->scrubbing;
	pthread_cond_broadcast(&device->idle);
	pthread_mutex_unlock(&device->lock);
	return pinned;
}

static void ownership_wait_for_pin(struct accel_device *device)
{
	const struct timespec deadline = deadline_ms(PINNED_MS);
	int r = 0;

	pthread_mutex_lock(&device->lock);
	while (!device->ownership.finishing && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&device->idle, &device->lock, CLOCK_MONOTONIC,
					   &deadline);
	pthread_mutex_unlock(&device->lock);
}

static void *ownership_clean(void *arg)
{
	struct accel_device *device = arg;

	while (ownership_clean_once(device))
		ownership_wait_for_pin(device);
	return NULL;
}

/* A former thread has nothing left to do but to return. */
static void ownership_start_cleaning_locked(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	ASSERT_LOCKED(&device->lock);
	if (ownership->thread_started)
		pthread_join(ownership->thread, NULL);
	/* If it does not start, the next open tries again. */
	ownership->thread_started =
		thread_start(ownership_clean, device, 0, &ownership->thread) == 0;
	ownership->scrubbing = ownership->thread_started;
}

/* ---- the device's one context ------------------------------------------------------ */

static int ownership_acquire_locked(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;

	ASSERT_LOCKED(&device->lock);
	/* A pin has no end that could be waited for. */
	if ((ownership->owned && !ownership->leaving) || ownership->pinned)
		return -EBUSY;
	if (ownership->owned || ownership->scrubbing)
		return -EAGAIN;
	if (ownership_any_held_locked(device))
		return -EBUSY;
	if (list_is_empty(&ownership->memory)) {
		ownership->owned = true;
		return 0;
	}
	ownership_start_cleaning_locked(device);
	return -EAGAIN;
}

int accel_ownership_acquire(struct accel_device *device)
{
	SCOPED_LOCK(&device->lock);

	return device->params.exclusive ? ownership_acquire_locked(device) : 0;
}

void accel_ownership_leave(struct accel_device *device)
{
	SCOPED_LOCK(&device->lock);

	device->ownership.leaving = true;
}

void accel_ownership_release(struct accel_device *device)
{
	SCOPED_LOCK(&device->lock);

	device->ownership.owned = device->ownership.leaving = false;
	if (!list_is_empty(&device->ownership.memory))
		ownership_start_cleaning_locked(device);
}

bool accel_ownership_has(struct accel_device *device, uint64_t dev, uint64_t ino)
{
	SCOPED_LOCK(&device->lock);
	struct accel_buffer *buffer;
	bool has = false;

	list_for_each(buffer, &device->ownership.memory, owned_item)
		has |= buffer->flags & ACCEL_BUFFER_PINNED && buffer->dev == dev &&
		       buffer->ino == ino;
	return has;
}

void accel_ownership_add(struct accel_device *device, struct accel_buffer *buffer)
{
	SCOPED_LOCK(&device->lock);
	struct stat st;

	if (!device->params.exclusive)
		return;
	if (fstat(buffer->fd, &st) == 0) {
		buffer->dev = st.st_dev;
		buffer->ino = st.st_ino;
	}
	accel_base_ref(&buffer->base);
	list_add_tail(&device->ownership.memory, &buffer->owned_item);
}

/*
 * Freed by its owner, mapped nowhere, and not held by an importer. Revocable memory that
 * one holds stays on the list: it is revoked when the owner is gone.
 */
static bool ownership_is_done_with(const struct accel_buffer *buffer, unsigned refs)
{
	return buffer->freed && buffer->base.refs == refs && lease_held(buffer->fd) == 0;
}

bool accel_ownership_sweep(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *buffer, *next;
	struct list done;
	bool more = false;

	list_init(&done);
	pthread_mutex_lock(&device->lock);
	list_for_each_safe(buffer, next, &ownership->memory, owned_item) {
		if (!ownership->owned)
			break;
		if (ownership_is_done_with(buffer, 1)) {
			list_remove(&buffer->owned_item);
			list_add_tail(&done, &buffer->owned_item);
		} else {
			more |= buffer->freed;
		}
	}
	pthread_mutex_unlock(&device->lock);
	list_for_each_safe(buffer, next, &done, owned_item)
		accel_base_unref(&buffer->base);
	return more;
}

void accel_ownership_drop(struct accel_device *device, struct accel_buffer *buffer)
{
	bool dropped;

	if (!device->params.exclusive)
		return;
	pthread_mutex_lock(&device->lock);
	buffer->freed = true;
	/* The caller has one reference, the list the other. */
	dropped =
		list_is_linked(&buffer->owned_item) && ownership_is_done_with(buffer, 2);
	if (dropped)
		list_remove(&buffer->owned_item);
	pthread_mutex_unlock(&device->lock);
	if (dropped)
		accel_base_unref(&buffer->base);
}

static bool ownership_wait_clean_locked(struct accel_device *device)
{
	const struct timespec deadline = deadline_ms(FINISH_MS);
	struct accel_ownership *ownership = &device->ownership;
	int r = 0;

	ASSERT_LOCKED(&device->lock);
	while ((ownership->scrubbing || ownership->revoking) && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&device->idle, &device->lock, CLOCK_MONOTONIC,
					   &deadline);
	return !ownership->scrubbing && !ownership->revoking;
}

bool accel_ownership_finish(struct accel_device *device)
{
	struct accel_ownership *ownership = &device->ownership;
	struct accel_buffer *buffer, *next;
	struct list list;
	bool clean;

	list_init(&list);
	pthread_mutex_lock(&device->lock);
	ownership->finishing = true;
	pthread_cond_broadcast(&device->idle);
	clean = ownership_wait_clean_locked(device);
	if (clean)
		list_splice_tail(&list, &ownership->memory);
	list_for_each(buffer, &list, owned_item)
		ownership_drop_revoke_ref_locked(buffer);
	pthread_mutex_unlock(&device->lock);
	if (!clean)
		return false;
	if (ownership->thread_started)
		pthread_join(ownership->thread, NULL);
	ownership->thread_started = false;
	list_for_each_safe(buffer, next, &list, owned_item)
		accel_base_unref(&buffer->base);
	return true;
}
