/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <accel-records.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "device.h"
#include "guard.h"
#include "locked.h"
#include "ownership.h"

/* Frees device memory that importers have released. True: they hold more of it. */
static bool registry_sweep(void *data)
{
	struct accel_device *device;
	bool more = false;

	for (size_t i = 0; (device = accel_device_at(data, i)); i++) {
		more |= accel_lingering_sweep(&device->lingering);
		more |= accel_ownership_sweep(device);
	}
	return more;
}

int accel_registry_create(accel_log_fn log, void *data,
			  struct accel_registry **ret_registry)
{
	struct accel_registry *registry;
	int r = accel_guard_setup();

	if (r < 0)
		return r;
	registry = calloc(1, sizeof(*registry));
	if (!registry)
		return -ENOMEM;
	registry->services.log = log;
	registry->services.log_data = data;
	pthread_mutex_init(&registry->lock, NULL);
	list_init(&registry->devices);
	r = accel_reaper_start(&registry->services.reaper, registry_sweep, registry);
	if (r < 0) {
		pthread_mutex_destroy(&registry->lock);
		free(registry);
		return r;
	}
	*ret_registry = registry;
	return 0;
}

void accel_registry_keep(struct accel_registry *registry,
			 const struct accel_keeper *keeper)
{
	registry->services.keeper = *keeper;
}

/* An engine uses the memory of its queue until it has stopped. */
static bool registry_all_idle(struct accel_registry *registry)
{
	struct accel_device *device;

	list_for_each(device, &registry->devices, item)
		if (!accel_device_wait_idle(device) || !accel_ownership_finish(device))
			return false;
	return true;
}

bool accel_registry_destroy(struct accel_registry *registry)
{
	struct accel_device *device, *next;

	if (!registry)
		return true;
	if (!registry_all_idle(registry))
		return false;
	if (!accel_reaper_stop(&registry->services.reaper))
		return false;
	/* After the thread: a sweep in it takes entries out, and puts held ones back. */
	list_for_each_safe(device, next, &registry->devices, item) {
		accel_lingering_release_all(&device->lingering);
		accel_device_free(device);
	}
	pthread_mutex_destroy(&registry->lock);
	free(registry);
	return true;
}

static struct accel_device *registry_find_locked(struct accel_registry *registry,
						 const char *name)
{
	struct accel_device *device;

	ASSERT_LOCKED(&registry->lock);
	list_for_each(device, &registry->devices, item)
		if (!strcmp(device->params.name, name))
			return device;
	return NULL;
}

static int registry_add(struct accel_registry *registry, struct accel_device *device)
{
	SCOPED_LOCK(&registry->lock);

	if (registry_find_locked(registry, device->params.name))
		return -EEXIST;
	list_add_tail(&registry->devices, &device->item);
	return 0;
}

int accel_device_create(struct accel_registry *registry,
			const struct accel_backend *backend,
			const struct accel_device_params *params,
			struct accel_device **ret_device)
{
	struct accel_device *device;
	int r = accel_device_start(&registry->services, backend, params, &device);

	if (r < 0)
		return r;
	r = registry_add(registry, device);
	if (r < 0)
		accel_device_free(device);
	else if (ret_device)
		*ret_device = device;
	return r;
}

void accel_registry_settle(struct accel_registry *registry, unsigned ms)
{
	accel_reaper_flush(&registry->services.reaper, ms);
}

struct accel_device *accel_device_find(struct accel_registry *registry, const char *name)
{
	SCOPED_LOCK(&registry->lock);

	return registry_find_locked(registry, name);
}

struct accel_device *accel_device_at(struct accel_registry *registry, size_t index)
{
	SCOPED_LOCK(&registry->lock);
	struct accel_device *device;

	list_for_each(device, &registry->devices, item)
		if (!index--)
			break;
	return device;
}

bool accel_registry_keeps_seals(struct accel_registry *registry, int fd)
{
	struct accel_device *device;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; (device = accel_device_at(registry, i)); i++)
		if (device->params.exclusive &&
		    accel_ownership_has(device, st.st_dev, st.st_ino))
			return true;
	return false;
}
