/* SPDX-License-Identifier: MIT */
/*
 * neighbour.h - a well-behaved client of a device, which misbehaving clients must not
 * affect
 *
 *
 * A process of another user computes continuously and checks each result. Periodically it
 * opens another context, queries the device, imports and maps.
 */
#ifndef DMABUFFS_TEST_NEIGHBOUR_H
#define DMABUFFS_TEST_NEIGHBOUR_H

#include "child.h"
#include "raw-accel.h"

struct neighbour_record; /* shared with the child process */

struct neighbour {
	const struct instance *instance;
	struct child child;
	struct neighbour_record *record;
};

/* Returns once the neighbour computes. */
void neighbour_start(struct neighbour *neighbour, const struct instance *instance);

/* Waits for @n further rounds; asserts. */
void neighbour_expect(struct neighbour *neighbour, uint64_t n);

/* Stops it after some further rounds; asserts that all were correct and in time. */
void neighbour_end(struct neighbour *neighbour);

#endif
