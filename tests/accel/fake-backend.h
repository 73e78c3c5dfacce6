/* SPDX-License-Identifier: MIT */
/*
 * fake-backend.h - a device that does nothing, for tests of the core
 *
 * Its memory is memfds; its engines run no command and exit on request.
 */
#ifndef ACCEL_TESTS_FAKE_BACKEND_H
#define ACCEL_TESTS_FAKE_BACKEND_H

#include <accel-backend.h>

/* Properties of the next device. Default: all operations, 4 KiB pages, any address. */
extern struct accel_properties fake_properties;

extern const struct accel_backend fake_backend;

#endif
