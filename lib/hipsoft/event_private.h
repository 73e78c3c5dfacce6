/* SPDX-License-Identifier: MIT */
/* event_private.h - for event.c and event_api.c alone */
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
 * @id: its handle, never used twice
 * @refs: the registry's and those of calls
 * @flags: hipEvent*
 * @exported: libhipipc wants to hear of its end. Under event_lock, like @mark
 * @mark: the last record of a local one; NULL: there was none
 * @page: of an interprocess one, else NULL
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

/* A leaf. */
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
