/* SPDX-License-Identifier: MIT */
/* events.h - what came and went between two looks */
#ifndef DMABUFFS_EVENTS_H
#define DMABUFFS_EVENTS_H

#include <stdio.h>

#include <dmabuffs.h>

/* A sorted set of names. All zero is the empty one. */
struct events {
	dmabuffs_uuid *names;
	size_t count;
	size_t capacity;
};

/*
 * Prints "+ UUID BYTES KIND OWNER COMM LABEL" for each name that was not there at the
 * last look and "- UUID" for each that no longer is. -errno where it cannot look.
 */
int events_print(struct events *events, struct dmabuffs *instance, FILE *stream);

/* The part without a mount: what to call for each difference of two sorted sets. */
void events_compare(const struct events *before, const struct events *after,
		    void (*gone)(const dmabuffs_uuid *uuid, void *data),
		    void (*came)(const dmabuffs_uuid *uuid, void *data), void *data);

void events_finish(struct events *events);

#endif
