/* SPDX-License-Identifier: MIT */
/* device.h - a context of a software device, in a separate daemon */
#ifndef DMABUFFS_BENCH_DEVICE_H
#define DMABUFFS_BENCH_DEVICE_H

#include <dmabuffs-accel.h>

#include "../support/server.h"

struct device {
	struct server daemon;
	struct dmabuffs *instance; /* owned */
	int context;               /* -1: not open */
};

#define DEVICE_INIT ((struct device){.daemon = SERVER_INIT, .context = -1})
#define DEVICE_NAME "soft0"

/* Starts a daemon on the new directory @dir/@name. */
int device_start(struct device *device, const char *dir, const char *name) _must_check_;

/* Allowed after a failed or missing start. */
void device_stop(struct device *device);

int device_create_queue(struct device *device, uint32_t flags, uint32_t entries,
			struct dmabuffs_accel_queue **ret_queue) _must_check_;

#endif
