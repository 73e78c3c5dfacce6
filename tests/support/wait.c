/* SPDX-License-Identifier: MIT */
#include "wait.h"

#include <clock.h>

#define STEP_NS (200 * 1000)

bool wait_until(bool (*holds)(void *data), void *data)
{
	const struct timespec step = {.tv_nsec = STEP_NS};
	uint64_t end = now_ms() + WAIT_MS;

	while (!holds(data)) {
		if (now_ms() > end)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}
