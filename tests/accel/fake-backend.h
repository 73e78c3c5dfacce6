/* SPDX-License-Identifier: MIT */
/*
 * fake-backend.h - a device that does nothing, for tests of what surrounds one
 *
 * Its memory is memfds; its engines run no command and end when they are told to.
 */
#ifndef ACCEL_TESTS_FAKE_BACKEND_H
#define ACCEL_TESTS_FAKE_BACKEND_H

#include <accel-backend.h>

/* What the next device is like. To begin with: all operations, 4 KiB pages, any address.
 */
extern struct accel_properties fake_properties;

extern const struct accel_backend fake_backend;

#endif
