/* SPDX-License-Identifier: MIT */
/* registry.h - the devices of a process, and what they share */
#ifndef ACCEL_REGISTRY_H
#define ACCEL_REGISTRY_H

#include <accel.h>
#include <pthread.h>

#include "list.h"
#include "services.h"

struct accel_registry {
	struct accel_services services;
	pthread_mutex_t lock;
	struct list devices; /* struct accel_device by item, oldest first; by lock */
};

#endif
