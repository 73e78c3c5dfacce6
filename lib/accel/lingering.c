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

/* Takes those off the list that nobody has, or all. The lock is held. */
static struct accel_buffer *take(struct accel_lingering *lingering, bool all)
{
	struct accel_buffer **place = &lingering->first, *taken = NULL, *buffer;

	while ((buffer = *place)) {
		if (!all && lease_held(buffer->fd) != 0) {
			place = &buffer->owned_next;
			continue;
		}
		*place = buffer->owned_next;
		buffer->owned_next = taken;
		taken = buffer;
	}
	return taken;
}

static void give_back(struct accel_device *device, bool all)
{
	struct accel_buffer *buffer, *next;

	pthread_mutex_lock(&device->lock);
	buffer = take(&device->lingering, all);
	pthread_mutex_unlock(&device->lock);
	for (; buffer; buffer = next) {
		next = buffer->owned_next;
		accel_buffer_release(buffer);
	}
}

bool accel_lingering_sweep(struct accel_device *device)
{
	bool more;

	give_back(device, false);
	pthread_mutex_lock(&device->lock);
	more = device->lingering.first;
	pthread_mutex_unlock(&device->lock);
	return more;
}

void accel_lingering_finish(struct accel_device *device)
{
	give_back(device, true);
}
