/* SPDX-License-Identifier: MIT */
/*
 * lingering.h - device memory that was freed while others still have it
 *
 * Its pages are in use for as long as an importer has it open or mapped, so it stays
 * charged until the kernel says that nobody does (lease.h). Nobody tells us when that
 * happens: it is asked when somebody wants to know, or needs the memory.
 *
 * Protected by the device's lock, which the functions take.
 */
#ifndef ACCEL_LINGERING_H
#define ACCEL_LINGERING_H

#include <stdint.h>

struct accel_buffer;
struct accel_device;

struct accel_lingering {
	struct accel_buffer *first; /* by owned_next; nothing else refers to them */
	uint64_t looked_ns;	    /* when it was last swept, CLOCK_MONOTONIC */
};

void accel_lingering_add(struct accel_device *device, struct accel_buffer *buffer);

/* Gives back what nobody has any more. */
void accel_lingering_sweep(struct accel_device *device);

/* The same, unless it was done a moment ago: for who just wants to know. */
void accel_lingering_look(struct accel_device *device);

/* At the end: gives back everything. */
void accel_lingering_finish(struct accel_device *device);

#endif
