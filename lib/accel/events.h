/* SPDX-License-Identifier: MIT */
/*
 * events.h - the unread events of a context
 *
 * At most ACCEL_EVENTS_MAX are kept; then the oldest is dropped, and the next one read
 * has ACCEL_EVENT_LOST. Thread safe; the lock inside is a leaf.
 */
#ifndef ACCEL_EVENTS_H
#define ACCEL_EVENTS_H

#include <accel.h>
#include <pthread.h>

#include "records.h"

struct accel_events {
	pthread_mutex_t lock;
	/* All below: protected by lock. */
	struct accel_event *slots;   /* allocated with the first event, owned */
	uint64_t sequence;           /* of the next event */
	struct accel_record *record; /* of the context, which follows it; or NULL */
	unsigned first, n;
	bool lost;
	void (*notify)(void *data); /* NULL: no listener, or muted */
	void *data;
};

void accel_events_init(struct accel_events *events, void (*notify)(void *data),
		       void *data);
void accel_events_finish(struct accel_events *events);

/* After a takeover, which has lost what was not read. */
void accel_events_resume(struct accel_events *events, uint64_t sequence);

/* From its return on, notify is not called any more. */
void accel_events_mute(struct accel_events *events);

/* Adds an event; sequence, flags and time are filled in here. */
void accel_events_post(struct accel_events *events, const struct accel_event *event);

size_t accel_events_take(struct accel_events *events, struct accel_event *ret_events,
			 size_t n);
bool accel_events_any(struct accel_events *events);

#endif
