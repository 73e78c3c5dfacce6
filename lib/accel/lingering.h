/* SPDX-License-Identifier: MIT */
/*
 * lingering.h - device memory that was freed while importers still hold it
 *
 * Its pages stay in use for as long as an importer has it open or mapped, so it stays
 * charged until the kernel reports that none does (lease.h). The kernel sends no
 * notification of that: the reaper's thread checks now and then, and before memory is
 * reported as exhausted.
 *
 * Thread safe; the lock inside is a leaf, and not held over a check.
 */
#ifndef ACCEL_LINGERING_H
#define ACCEL_LINGERING_H

#include <pthread.h>
#include <stdbool.h>

#include "list.h"

/* Embedded in what lingers; nothing else refers to that any more. */
struct accel_lingering_entry {
	struct list item;
	int fd; /* of the memfd, our own description */
	void (*release)(struct accel_lingering_entry *entry); /* frees it */
};

struct accel_lingering {
	pthread_mutex_t lock;
	struct list entries; /* struct accel_lingering_entry; protected by lock */
};

void accel_lingering_init(struct accel_lingering *lingering);
/* The list must be empty: see accel_lingering_release_all(). */
void accel_lingering_finish(struct accel_lingering *lingering);

void accel_lingering_add(struct accel_lingering *lingering,
			 struct accel_lingering_entry *entry);

/* Releases what no importer holds any more; true: something is still held. */
bool accel_lingering_sweep(struct accel_lingering *lingering);

/* Releases everything, for the end of the device. */
void accel_lingering_release_all(struct accel_lingering *lingering);

#endif
