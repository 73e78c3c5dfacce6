/* SPDX-License-Identifier: MIT */
/*
 * ownership.h - an exclusive device has one user at a time, and so does its memory
 *
 * The attack to defeat (seed mail 004): memory of the last user that an importer still
 * holds must not become the next user's. So an exclusive device remembers all memory that
 * its user had from it. When the context is gone, a thread takes back what can be taken
 * back, asks the kernel which of the rest is still held (lease.h, and the backend for
 * what drivers have pinned), and frees what is not. Until nothing is left, nobody else
 * gets the device: -EAGAIN while the thread is at work, -EBUSY while importers hold
 * something.
 *
 * Protected by the device's lock.
 */
#ifndef ACCEL_OWNERSHIP_H
#define ACCEL_OWNERSHIP_H

#include <stdbool.h>

struct accel_buffer;
struct accel_device;

/* 0; -EBUSY or -EAGAIN as above. Devices that are not exclusive: always 0. */
int accel_ownership_acquire(struct accel_device *device);

/* The context and its engines are gone. */
void accel_ownership_release(struct accel_device *device);

/* Memory that was allocated from the device. */
void accel_ownership_add(struct accel_device *device, struct accel_buffer *buffer);

/* Its owner freed it: it is forgotten if nobody holds it. */
void accel_ownership_drop(struct accel_device *device, struct accel_buffer *buffer);

/* Forgets what was freed and is had by nobody any more; true: there is more of it. */
bool accel_ownership_sweep(struct accel_device *device);

/* At the end: false if the thread does not come back. Then forgets everything. */
bool accel_ownership_finish(struct accel_device *device);

#endif
