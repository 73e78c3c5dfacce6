/* SPDX-License-Identifier: MIT */
/*
 * fake-device.h - accelerators whose replies the test defines
 *
 * The client tests are linked with --wrap=ioctl and --wrap=openat64, which routes
 * libdmabuffs's system calls here. The devices are empty files in a fake broker's
 * directory.
 */
#ifndef DMABUFFS_TESTS_FAKE_DEVICE_H
#define DMABUFFS_TESTS_FAKE_DEVICE_H

#include "fake-broker.h"

/* Returns 0 or a negative errno; NULL: the real ioctl(2). */
extern int (*fake_device_command)(int fd, unsigned long request, void *arg);

/* Number of opens that find a device being scrubbed, and number of all opens. */
extern _Atomic unsigned int fake_device_scrubs, fake_device_opens;

/* Creates `.accel` with a device in the directory of a started broker; and removes it. */
void fake_device_add(const struct fake_broker *broker, const char *name);
void fake_device_remove(const struct fake_broker *broker, const char *name);

#endif
