/* SPDX-License-Identifier: MIT */
#include "lingering.h"

#include "lease.h"

void accel_lingering_init(struct accel_lingering *lingering)
{
	lingering->first = NULL;
	pthread_mutex_init(&lingering->lock, NULL);
}

void accel_lingering_finish(struct accel_lingering *lingering)
{
	pthread_mutex_destroy(&lingering->lock);
}

void accel_lingering_add(struct accel_lingering *lingering,
			 struct accel_lingering_entry *entry)
{
	pthread_mutex_lock(&lingering->lock);
	entry->next = lingering->first;
	lingering->first = entry;
	pthread_mutex_unlock(&lingering->lock);
}

static struct accel_lingering_entry *lingering_take_all(struct accel_lingering *lingering)
{
	struct accel_lingering_entry *first;

	pthread_mutex_lock(&lingering->lock);
	first = lingering->first;
	lingering->first = NULL;
	pthread_mutex_unlock(&lingering->lock);
	return first;
}

bool accel_lingering_sweep(struct accel_lingering *lingering)
{
	struct accel_lingering_entry *entry = lingering_take_all(lingering), *next;
	bool held = false;

	for (; entry; entry = next) {
		next = entry->next;
		if (lease_held(entry->fd) == 0) {
			entry->release(entry);
		} else {
			held = true;
			accel_lingering_add(lingering, entry);
		}
	}
	return held;
}

void accel_lingering_release_all(struct accel_lingering *lingering)
{
	struct accel_lingering_entry *entry = lingering_take_all(lingering), *next;

	for (; entry; entry = next) {
		next = entry->next;
		entry->release(entry);
	}
}
