/* SPDX-License-Identifier: MIT */
#include "devices/devices.h"

#include <string.h>

#include "base/log.h"
#include "devices/device_file.h"
#include "devices/device_records.h"
#include "util.h"

#define DIRECTORY_MODE (S_IFDIR | 0755)
#define DEVICE_MODE    (S_IFREG | 0666)
#define DEFAULT_DEVICE "soft0"

static void devices_log_line(void *data, int level, const char *text)
{
	log_message(level, "%s", text);
}

static int devices_add_device(struct devices *devices,
			      const struct accel_device_params *params)
{
	int r = accel_device_create(devices->registry, &accel_soft_backend, params,
				    &devices->list[devices->n]);

	if (r < 0) {
		log_error("accel=%s: %s", params->name,
			  r == -EINVAL ? "a parameter is out of range" : strerror(-r));
		return r;
	}
	devices->n++;
	return 0;
}

static int devices_add_all(struct devices *devices, const struct options *options)
{
	static const struct accel_device_params defaults = {
		.size = sizeof(defaults),
		.name = DEFAULT_DEVICE,
	};
	int r = 0;

	if (!options->n_devices)
		return devices_add_device(devices, &defaults);
	for (size_t i = 0; i < options->n_devices && r == 0; i++)
		r = devices_add_device(devices, &options->devices[i]);
	return r;
}

int devices_start(struct devices *devices, const struct options *options)
{
	int r;

	pthread_mutex_init(&devices->lock, NULL);
	list_init(&devices->files);
	flushed_init(&devices->flushed);
	if (!options->accel)
		return 0;
	r = accel_registry_create(devices_log_line, NULL, &devices->registry);
	if (r == 0) {
		device_records_keep(devices);
		r = devices_add_all(devices, options);
	}
	node_init(&devices->directory, DIRECTORY_MODE, options->uid, options->gid);
	for (size_t i = 0; i < devices->n; i++)
		node_init(&devices->nodes[i], DEVICE_MODE, options->uid, options->gid);
	return r;
}

void devices_close(struct devices *devices)
{
	struct device_file *file, *after;

	list_for_each_safe(file, after, &devices->files, of_devices)
		device_file_close(file);
}

bool devices_stop(struct devices *devices)
{
	if (!accel_registry_destroy(devices->registry))
		return false;
	devices->registry = NULL;
	node_finish(&devices->directory);
	for (size_t i = 0; i < devices->n; i++)
		node_finish(&devices->nodes[i]);
	flushed_finish(&devices->flushed);
	htab_finish(&devices->files_by_handle);
	pthread_mutex_destroy(&devices->lock);
	return true;
}

bool devices_keep_seals(const struct devices *devices, int fd)
{
	return devices->registry && accel_registry_keeps_seals(devices->registry, fd);
}

struct accel_device *devices_by_ino(const struct devices *devices, uint64_t ino)
{
	if (ino < INO_FIRST_DEVICE || ino >= INO_FIRST_DEVICE + devices->n)
		return NULL;
	return devices->list[ino - INO_FIRST_DEVICE];
}

uint64_t devices_find(const struct devices *devices, const char *name)
{
	struct accel_device *device =
		devices->registry ? accel_device_find(devices->registry, name) : NULL;

	for (size_t i = 0; i < devices->n; i++)
		if (devices->list[i] == device)
			return INO_FIRST_DEVICE + i;
	return 0;
}

struct node *devices_node(struct devices *devices, uint64_t ino)
{
	if (!devices->registry)
		return NULL;
	if (ino == INO_ACCEL)
		return &devices->directory;
	return devices_by_ino(devices, ino) ? &devices->nodes[ino - INO_FIRST_DEVICE]
					    : NULL;
}
