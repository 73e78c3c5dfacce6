/* SPDX-License-Identifier: MIT */
#include "lingering.h"

#include "buffer.h"
#include "device.h"
#include "lease.h"

void accel_lingering_add(struct accel_device *device, struct accel_buffer *buffer)
{
	pthread_mutex_lock(&device->lock);
	buffer->owned_next = device->lingering.first;
	device->lingering.first = buffer;
	pthread_mutex_unlock(&device->lock);
}

/* Those of the list that nobody has go to *ret_free, or all. */
static struct accel_buffer *lingering_sort_out(struct accel_buffer *list, bool all,
					       struct accel_buffer **ret_free)
{
	struct accel_buffer *kept = NULL, *next;

	*ret_free = NULL;
	for (; list; list = next) {
		struct accel_buffer **to = ret_free;

		next = list->owned_next;
		if (!all && lease_held(list->fd) != 0)
			to = &kept;
		list->owned_next = *to;
		*to = list;
	}
	return kept;
}

static void lingering_put_back(struct accel_device *device, struct accel_buffer *list)
{
	struct accel_buffer *next;

	pthread_mutex_lock(&device->lock);
	for (; list; list = next) {
		next = list->owned_next;
		list->owned_next = device->lingering.first;
		device->lingering.first = list;
	}
	pthread_mutex_unlock(&device->lock);
}

/* The kernel is asked without the lock, in which others wait. True: some are still had.
 */
static bool lingering_give_back(struct accel_device *device, bool all)
{
	struct accel_buffer *buffer, *kept, *next;

	pthread_mutex_lock(&device->lock);
	buffer = device->lingering.first;
	device->lingering.first = NULL;
	pthread_mutex_unlock(&device->lock);
	kept = lingering_sort_out(buffer, all, &buffer);
	lingering_put_back(device, kept);
	for (; buffer; buffer = next) {
		next = buffer->owned_next;
		accel_buffer_release(buffer);
	}
	return kept;
}

bool accel_lingering_sweep(struct accel_device *device)
{
	return lingering_give_back(device, false);
}

void accel_lingering_finish(struct accel_device *device)
{
	lingering_give_back(device, true);
}
