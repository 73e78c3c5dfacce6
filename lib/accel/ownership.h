/* SPDX-License-Identifier: MIT */
/*
 * ownership.h - an exclusive device has one user at a time, and so does its memory
 *
 * The attack to defeat ("Add p2p via dmabuf to habanalabs", LKML, 16 September 2021):
 * memory of the last user that an importer still holds must not become the next user's.
 * So an exclusive device keeps a list of all memory that its user allocated. When the
 * context is gone, a thread revokes what is revocable, queries who holds the rest (the
 * kernel, see lease.h, and the backend for pages that drivers have pinned), and frees
 * what is not held. Until the list is empty no other context gets the device: -EAGAIN
 * while engines of the last one still run or the thread works, -EBUSY while importers
 * hold something.
 * The end of a pin is no event, so while there is one the thread checks again and again,
 * and an open stays -EBUSY meanwhile.
 *
 * Protected by the device's lock, which the functions take.
 */
#ifndef ACCEL_OWNERSHIP_H
#define ACCEL_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct accel_buffer;
struct accel_device;

/* 0; -EBUSY or -EAGAIN as above. Devices that are not exclusive: always 0. */
int accel_ownership_acquire(struct accel_device *device);

/* The context is gone; engines of it may still run. */
void accel_ownership_leave(struct accel_device *device);
/* Then they are gone, too. */
void accel_ownership_release(struct accel_device *device);

/* Adds memory that was allocated from the device. */
void accel_ownership_add(struct accel_device *device, struct accel_buffer *buffer);

/* Whether the memfd is on the list, and pinned. */
bool accel_ownership_has(struct accel_device *device, uint64_t dev, uint64_t ino);

/* The owner freed it: it leaves the list if nothing else holds it. */
void accel_ownership_drop(struct accel_device *device, struct accel_buffer *buffer);

/* Drops what was freed and is not held any more; true: freed memory is still held. */
bool accel_ownership_sweep(struct accel_device *device);

/* At the end: empties the list. False: a thread is stuck, and nothing was changed. */
bool accel_ownership_finish(struct accel_device *device);

#endif
