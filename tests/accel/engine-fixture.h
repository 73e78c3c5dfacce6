/* SPDX-License-Identifier: MIT */
/* engine-fixture.h - a mediated queue and a user-mode queue, for the tests of the engine
 */
#ifndef ACCEL_TESTS_ENGINE_FIXTURE_H
#define ACCEL_TESTS_ENGINE_FIXTURE_H

#include "soft-fixture.h"
#include "user-queue.h"

#define ENTRIES 64

extern struct soft_job engine_job; /* of the mediated queue */
extern struct user_queue engine_queue;

/* For wait_until(): the device has so many queues that are not in use. */
struct engine_idle {
	struct accel_device *device;
	uint32_t queues_free;
};
bool engine_is_idle(void *idle);

/* For wait_until(): the device "soft" has a queue that is not in use. */
bool engine_has_free_queue(void *unused);

#endif
