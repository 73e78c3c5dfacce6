/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stdlib.h>

#include "clock.h"
#include "locked.h"
#include "util.h"

void accel_events_init(struct accel_events *events, void (*notify)(void *data),
		       void *data)
{
	*events = (struct accel_events){.notify = notify, .data = data};
	pthread_mutex_init(&events->lock, NULL);
}

void accel_events_finish(struct accel_events *events)
{
	free(events->slots);
	pthread_mutex_destroy(&events->lock);
}

void accel_events_resume(struct accel_events *events, uint64_t sequence)
{
	SCOPED_LOCK(&events->lock);

	events->sequence = sequence;
	events->lost = sequence > 0;
}

void accel_events_mute(struct accel_events *events)
{
	SCOPED_LOCK(&events->lock);

	events->notify = NULL;
}

/* The slot of the next event, or NULL: no memory. */
static struct accel_event *events_next_slot_locked(struct accel_events *events)
{
	ASSERT_LOCKED(&events->lock);
	if (!events->slots)
		events->slots = calloc(ACCEL_EVENTS_MAX, sizeof(*events->slots));
	if (!events->slots) {
		events->lost = true;
		return NULL;
	}
	if (events->n == ACCEL_EVENTS_MAX) {
		events->first = (events->first + 1) % ACCEL_EVENTS_MAX;
		events->n--;
		events->lost = true;
	}
	return &events->slots[(events->first + events->n++) % ACCEL_EVENTS_MAX];
}

void accel_events_post(struct accel_events *events, const struct accel_event *event)
{
	SCOPED_LOCK(&events->lock);
	struct accel_event *slot = events_next_slot_locked(events);

	if (slot) {
		*slot = *event;
		slot->sequence = events->sequence;
		slot->flags = 0;
		slot->time_ns = now_ns();
	}
	events->sequence++;
	ACCEL_RECORD_STORE(events->record, context.sequence, events->sequence);
	if (events->notify)
		events->notify(events->data);
}

size_t accel_events_take(struct accel_events *events, struct accel_event *ret_events,
			 size_t n)
{
	SCOPED_LOCK(&events->lock);

	n = MIN(n, (size_t)events->n);
	for (size_t i = 0; i < n; i++)
		ret_events[i] = events->slots[(events->first + i) % ACCEL_EVENTS_MAX];
	if (n) {
		if (events->lost)
			ret_events[0].flags |= ACCEL_EVENT_LOST;
		events->lost = false;
		events->first = (events->first + (unsigned)n) % ACCEL_EVENTS_MAX;
		events->n -= (unsigned)n;
	}
	return n;
}

bool accel_events_any(struct accel_events *events)
{
	SCOPED_LOCK(&events->lock);

	return events->n > 0;
}
