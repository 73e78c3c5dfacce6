/* SPDX-License-Identifier: MIT */
/* registry.h - the devices of a process, and what they share */
#ifndef ACCEL_REGISTRY_H
#define ACCEL_REGISTRY_H

#include <accel.h>
#include <pthread.h>

#include "reaper.h"

struct accel_registry {
	accel_log_fn log; /* may be NULL */
	void *log_data;
	struct accel_reaper reaper;
	pthread_mutex_t lock;
	struct accel_device *first; /* protected by lock; in the order they were made */
};

#endif
