/* SPDX-License-Identifier: MIT */
/*
 * neighbour.h - another client of a device, who must not notice those who misbehave
 *
 * A process of another user computes all the time and checks each result; now and then it
 * opens another context, asks what the device is, and imports and maps.
 */
#ifndef DMABUFFS_TEST_NEIGHBOUR_H
#define DMABUFFS_TEST_NEIGHBOUR_H

#include "child.h"
#include "raw-accel.h"

struct neighbour_record; /* shared with the process */

struct neighbour {
	const struct instance *instance;
	struct child child;
	struct neighbour_record *record;
};

/* Returns when it computes. */
void neighbour_start(struct neighbour *neighbour, const struct instance *instance);

/* Waits until it has done @n rounds more; asserts. */
void neighbour_expect(struct neighbour *neighbour, uint64_t n);

/* Ends it, after some rounds more; all of them were right and in time. */
void neighbour_end(struct neighbour *neighbour);

#endif
