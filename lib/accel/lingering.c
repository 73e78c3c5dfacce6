/* SPDX-License-Identifier: MIT */
#include "lingering.h"

#include "lease.h"
#include "locked.h"

void accel_lingering_init(struct accel_lingering *lingering)
{
	list_init(&lingering->entries);
	pthread_mutex_init(&lingering->lock, NULL);
}

void accel_lingering_finish(struct accel_lingering *lingering)
{
	pthread_mutex_destroy(&lingering->lock);
}

void accel_lingering_add(struct accel_lingering *lingering,
			 struct accel_lingering_entry *entry)
{
	SCOPED_LOCK(&lingering->lock);

	list_add_tail(&lingering->entries, &entry->item);
}

/* Releases the entries that no importer holds, or all; true: some are held. */
static bool lingering_release(struct accel_lingering *lingering, bool all)
{
	struct accel_lingering_entry *entry, *next;
	struct list taken;
	bool held = false;

	list_init(&taken);
	pthread_mutex_lock(&lingering->lock);
	list_splice_tail(&taken, &lingering->entries);
	pthread_mutex_unlock(&lingering->lock);
	list_for_each_safe(entry, next, &taken, item) {
		list_remove(&entry->item);
		if (all || lease_held(entry->fd) == 0) {
			entry->release(entry);
		} else {
			held = true;
			accel_lingering_add(lingering, entry);
		}
	}
	return held;
}

bool accel_lingering_sweep(struct accel_lingering *lingering)
{
	return lingering_release(lingering, false);
}

void accel_lingering_release_all(struct accel_lingering *lingering)
{
	lingering_release(lingering, true);
}
