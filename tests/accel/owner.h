/* SPDX-License-Identifier: MIT */
/*
 * owner.h - an owner of contexts that counts what it is charged
 *
 * All contexts of a test have this owner, also on several threads.
 */
#ifndef ACCEL_TESTS_OWNER_H
#define ACCEL_TESTS_OWNER_H

#include <accel.h>
#include <stdatomic.h>

extern const struct accel_owner owner_counting;

/* Charged now, and the limits, which are UINT64_MAX until a test sets them. */
extern _Atomic uint64_t owner_charged[ACCEL_RES_COUNT];
extern uint64_t owner_limits[ACCEL_RES_COUNT];

/* Calls of notify() and release(), and contexts opened; each is to be released once. */
extern _Atomic unsigned owner_notified, owner_released, owner_opened;

/* Creates a context of @owner, which is owner_counting or differs from it in a callback.
 */
int owner_open(const struct accel_owner *owner, struct accel_device *device,
	       struct accel_context **ret_context);

#endif
