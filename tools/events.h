/* SPDX-License-Identifier: MIT */
/* events.h - the names that were added and removed between two listings */
#ifndef DMABUFFS_EVENTS_H
#define DMABUFFS_EVENTS_H

#include <stddef.h>

#include <dmabuffs.h>

/* A sorted set of names. All zero is the empty one. */
struct events {
	dmabuffs_uuid *names;
	size_t count;
	size_t capacity;
};

/*
 * Prints "+ UUID BYTES KIND OWNER COMM LABEL" for each name that was added since the last
 * call and "- UUID" for each that was removed. -errno: the names cannot be listed.
 */
int events_print(struct events *events, struct dmabuffs *instance);

/* The part without a mount: calls @gone or @came for each difference of two sets. */
void events_compare(const struct events *before, const struct events *after,
		    void (*gone)(const dmabuffs_uuid *uuid, void *data),
		    void (*came)(const dmabuffs_uuid *uuid, void *data), void *data);

void events_finish(struct events *events);

#endif
