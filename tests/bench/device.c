/* SPDX-License-Identifier: MIT */
/* device.c - a context of a software device, in a separate daemon */
#include "device.h"

#include "bench.h"

int device_start(struct device *device, const char *dir, const char *name)
{
	int r = server_start_daemon(&device->daemon, dir, name, NULL);

	if (r < 0)
		return r;
	r = dmabuffs_open(device->daemon.mount, &device->instance);
	if (r < 0)
		return complain(r, "dmabuffs_open");
	r = dmabuffs_accel_open(device->instance, DEVICE_NAME, &device->context);
	return r < 0 ? complain(r, "open of the device") : 0;
}

void device_stop(struct device *device)
{
	close_keep_errno(device->context);
	dmabuffs_close(device->instance);
	server_stop(&device->daemon);
	*device = DEVICE_INIT;
}

int device_create_queue(struct device *device, uint32_t flags, uint32_t entries,
			struct dmabuffs_accel_queue **ret_queue)
{
	int r = dmabuffs_accel_queue_create(device->instance, device->context, flags,
					    entries, 0, ret_queue);

	return r < 0 ? complain(r, "dmabuffs_accel_queue_create") : 0;
}
