/* SPDX-License-Identifier: MIT */
/* event_private.h - shared by event.c and event_api.c */
#ifndef HIPSOFT_EVENT_PRIVATE_H
#define HIPSOFT_EVENT_PRIVATE_H

#include <htab.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "event.h"
#include "event_page.h"
#include "mark.h"

/**
 * struct event - an event
 * @node: in the registry
 * @id: its handle, never reused
 * @refs: one of the registry, one per call that uses it
 * @flags: hipEvent*
 * @exported: libhipipc must be notified when it is destroyed. Protected by event_lock
 * @mark: the last record of a local event; NULL: never recorded. Protected by event_lock
 * @page: of an interprocess event, else NULL
 */
struct event {
	struct htab_node node;
	uint64_t id;
	atomic_uint refs;
	unsigned flags;
	bool exported;
	struct mark *mark;
	struct shared_event *page;
};

/* Innermost lock. */
extern pthread_mutex_t event_lock;

/* A reference, or NULL. */
struct event *event_get(uint64_t id);
void event_unref(struct event *event); /* NULL is allowed */

static inline uint64_t event_id(const void *handle)
{
	return (uintptr_t)handle;
}

static inline void event_cleanup(struct event **event)
{
	event_unref(*event);
}

#define _cleanup_event_ _cleanup_(event_cleanup)

#endif
