/* SPDX-License-Identifier: MIT */
/*
 * fake-device.h - accelerators whose replies the test defines
 *
 * System calls of libdmabuffs come here: the client tests are linked with
 * --wrap=ioctl and --wrap=openat64. The devices are empty files in the directory of a
 * fake broker.
 */
#ifndef DMABUFFS_TESTS_FAKE_DEVICE_H
#define DMABUFFS_TESTS_FAKE_DEVICE_H

#include "fake-broker.h"

/* 0 or a negative errno; NULL: the real ioctl(2). */
extern int (*fake_device_command)(int fd, unsigned long request, void *arg);

/* How many opens of a device find it being scrubbed, and how many there were. */
extern _Atomic unsigned int fake_device_scrubs, fake_device_opens;

/* Makes `.accel` beside a broker that was started, and a device in it; and the reverse.
 */
void fake_device_add(const struct fake_broker *broker, const char *name);
void fake_device_remove(const struct fake_broker *broker, const char *name);

#endif
