/* SPDX-License-Identifier: MIT */
#include "device.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "info.h"
#include "locked.h"
#include "services.h"
#include "sized.h"
#include "util.h"

/* Of the first version of struct accel_device_params. */
#define PARAMS_MIN_SIZE 64

#define DEFAULT_QUEUES    64
#define DEFAULT_ASID_BITS 16
#define DEFAULT_MEMORY    (UINT64_C(1) << 30)
#define MAX_QUEUES        1024
#define MAX_ASID_BITS     20
#define MAX_MEMORY        (UINT64_C(1) << 46)
#define MAX_LATENCY       1000000000
#define SET_ID_BITS       20
#define IDLE_MS           2000

/* ---- creation ---------------------------------------------------------------------- */

static bool device_name_is_valid(const char name[ACCEL_NAME_SIZE])
{
	size_t length = strnlen(name, ACCEL_NAME_SIZE);

	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_", name[i]))
			return false;
	return length > 0 && length < ACCEL_NAME_SIZE;
}

static bool device_backend_is_whole(const struct accel_backend *backend)
{
	return backend->version == ACCEL_BACKEND_VERSION && backend->name &&
	       strlen(backend->name) < ACCEL_NAME_SIZE && backend->device_start &&
	       backend->device_stop && backend->memory_alloc && backend->memory_scrub &&
	       backend->queue_start && backend->queue_kick && backend->queue_stop;
}

static void device_fill_defaults(struct accel_device_params *params)
{
	params->queues = params->queues ?: DEFAULT_QUEUES;
	params->asid_bits = params->asid_bits ?: DEFAULT_ASID_BITS;
	params->memory = params->memory ?: DEFAULT_MEMORY;
}

static bool device_params_are_valid(const struct accel_device_params *params)
{
	return device_name_is_valid(params->name) && params->queues <= MAX_QUEUES &&
	       params->asid_bits <= MAX_ASID_BITS && params->memory <= MAX_MEMORY &&
	       params->latency_ns <= MAX_LATENCY &&
	       sized_is_zero(params->reserved, sizeof(params->reserved));
}

static bool device_properties_are_valid(const struct accel_properties *properties)
{
	uint64_t page = properties->page_size, next = properties->aperture.first;

	if (!(properties->operations & (1U << ACCEL_OP_NOP)) || page < 4096 ||
	    page & (page - 1) || properties->n_reserved > ACCEL_MAX_RANGES ||
	    properties->aperture.first > properties->aperture.last)
		return false;
	for (uint32_t i = 0; i < properties->n_reserved; i++) {
		const struct accel_range *range = &properties->reserved[i];

		/* No range can follow one that includes the last address. */
		if (range->first < next || range->last < range->first ||
		    range->last > properties->aperture.last || (i && !next))
			return false;
		next = range->last + 1;
	}
	return true;
}

static int device_start_backend(struct accel_device *device)
{
	const struct accel_backend *backend = device->backend;
	int r = backend->device_start(&device->params, &device->properties,
				      &device->private);

	if (r < 0)
		return r;
	if (!device_properties_are_valid(&device->properties) ||
	    device->params.memory % device->properties.page_size) {
		backend->device_stop(device->private);
		return -EINVAL;
	}
	return 0;
}

static void device_init(struct accel_device *device)
{
	accel_lingering_init(&device->lingering);
	pthread_mutex_init(&device->lock, NULL);
	pthread_cond_init(&device->idle, NULL);
	list_init(&device->ownership.memory);
	accel_ids_init(&device->asid_numbers, device->params.asid_bits);
	accel_ids_init(&device->set_ids, SET_ID_BITS);
}

static void device_finish(struct accel_device *device)
{
	accel_ids_finish(&device->asid_numbers);
	accel_ids_finish(&device->set_ids);
	htab_finish(&device->sets);
	htab_finish(&device->shares);
	pthread_cond_destroy(&device->idle);
	pthread_mutex_destroy(&device->lock);
	accel_lingering_finish(&device->lingering);
	free(device);
}

int accel_device_start(struct accel_services *services,
		       const struct accel_backend *backend,
		       const struct accel_device_params *params,
		       struct accel_device **ret_device)
{
	struct accel_device *device;
	struct accel_device_params own;
	int r = sized_take(params, SIZE_MAX, PARAMS_MIN_SIZE, &own, sizeof(own));

	if (r < 0)
		return r;
	if (!device_backend_is_whole(backend) || !device_params_are_valid(&own))
		return -EINVAL;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->services = services;
	device->backend = backend;
	device->params = own;
	device_fill_defaults(&device->params);
	device_init(device);
	r = device_start_backend(device);
	if (r < 0)
		device_finish(device);
	else
		*ret_device = device;
	return r;
}

void accel_device_free(struct accel_device *device)
{
	device->backend->device_stop(device->private);
	device_finish(device);
}

/* ---- end of a device --------------------------------------------------------------- */

bool accel_device_wait_idle(struct accel_device *device)
{
	const struct timespec deadline = deadline_ms(IDLE_MS);
	SCOPED_LOCK(&device->lock);
	int r = 0;

	while (device->engines && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&device->idle, &device->lock, CLOCK_MONOTONIC,
					   &deadline);
	return !device->engines;
}

/* ---- what is counted --------------------------------------------------------------- */

void accel_device_give_engine(struct accel_device *device)
{
	SCOPED_LOCK(&device->lock);

	device->engines--;
	pthread_cond_broadcast(&device->idle);
}

int accel_device_take_memory(struct accel_device *device, uint64_t bytes)
{
	SCOPED_LOCK(&device->lock);

	if (bytes > device->params.memory - device->memory_used)
		return -ENOSPC;
	device->memory_used += bytes;
	return 0;
}

void accel_device_give_memory(struct accel_device *device, uint64_t bytes)
{
	SCOPED_LOCK(&device->lock);

	device->memory_used -= bytes;
}

int accel_device_take_asid(struct accel_device *device, uint32_t *ret_number)
{
	SCOPED_LOCK(&device->lock);

	return accel_ids_get(&device->asid_numbers, ret_number);
}

int accel_device_claim_asid(struct accel_device *device, uint32_t number)
{
	SCOPED_LOCK(&device->lock);

	return accel_ids_claim(&device->asid_numbers, number);
}

void accel_device_give_asid(struct accel_device *device, uint32_t number)
{
	SCOPED_LOCK(&device->lock);

	accel_ids_put(&device->asid_numbers, number);
}

void accel_device_count_context(struct accel_device *device, int n)
{
	SCOPED_LOCK(&device->lock);

	device->contexts += (unsigned)n;
}

/* ---- reports ----------------------------------------------------------------------- */

static void device_count(struct accel_device *device, struct accel_device_info *info)
{
	SCOPED_LOCK(&device->lock);

	info->memory_free = device->params.memory - device->memory_used;
	info->asids = device->asid_numbers.n_used;
	info->queues_free =
		device->params.queues - MIN(device->params.queues, device->queues_used);
	info->contexts = device->contexts;
}

void accel_device_query(struct accel_device *device, struct accel_device_info *ret_info)
{
	const struct accel_device_params *params = &device->params;
	const struct accel_properties *properties = &device->properties;
	struct accel_device_info info = {
		.flags = properties->flags |
			 (params->exclusive ? ACCEL_DEVICE_EXCLUSIVE : 0),
		.operations = properties->operations,
		.memory = params->memory,
		.page_size = properties->page_size,
		.asid_bits = params->asid_bits,
		.queues = params->queues,
		.latency_ns = params->latency_ns,
		.n_reserved = properties->n_reserved,
		.aperture = properties->aperture,
	};

	memcpy(info.name, params->name, sizeof(info.name));
	strncpy(info.backend, device->backend->name, sizeof(info.backend) - 1);
	memcpy(info.reserved_ranges, properties->reserved, sizeof(info.reserved_ranges));
	device_count(device, &info);
	accel_info_give(&info, sizeof(info), ret_info);
}

void accel_device_log(struct accel_device *device, int level, const char *format, ...)
{
	const struct accel_services *services = device->services;
	char text[256];
	va_list args;
	int n;

	if (!services->log)
		return;
	n = snprintf(text, sizeof(text), "%s: ", device->params.name);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	services->log(services->log_data, level, text);
}
