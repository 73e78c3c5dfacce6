/* SPDX-License-Identifier: MIT */
/*
 * lingering.h - device memory that was freed while others still have it
 *
 * Its pages are in use for as long as an importer has it open or mapped, so it stays
 * charged until the kernel says that nobody does (lease.h). Nobody tells us when that
 * happens: the reaper asks now and then, and whoever needs the memory.
 *
 * Protected by the device's lock, which the functions take.
 */
#ifndef ACCEL_LINGERING_H
#define ACCEL_LINGERING_H

#include <stdbool.h>

struct accel_buffer;
struct accel_device;

struct accel_lingering {
	struct accel_buffer *first; /* by owned_next; nothing else refers to them */
};

void accel_lingering_add(struct accel_device *device, struct accel_buffer *buffer);

/* Gives back what nobody has any more; true: there is more. */
bool accel_lingering_sweep(struct accel_device *device);

/* At the end: gives back everything. */
void accel_lingering_finish(struct accel_device *device);

#endif
