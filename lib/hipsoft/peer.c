/* SPDX-License-Identifier: MIT */
/* peer.c - mapping memory of one device for others */
#include "peer.h"

#include <fcntl.h>

#include "area.h"
#include "freed.h"

/* ---- one area ---------------------------------------------------------------------- */

/* Imports the area's buffer to @device's context. */
static int peer_import_buffer(const struct area *area, struct device *device,
			      uint32_t *ret_buffer)
{
	const struct allocation *allocation = &area->allocation;
	_cleanup_close_ int fd = -1;
	int r = accel_buffer_open(allocation->device->context, allocation->buffer,
				  area->access & ACCEL_MAP_WRITE ? O_RDWR : O_RDONLY,
				  &fd);

	if (r == 0)
		r = accel_buffer_import_file(device->context, fd, ret_buffer);
	if (r == 0)
		fd = -1;
	return r;
}

static int peer_try_map(const struct area *area, struct device *device,
			uint32_t *ret_buffer)
{
	uint32_t buffer;
	int r = peer_import_buffer(area, device, &buffer);

	if (r < 0)
		return r;
	r = area_map(area, device, buffer);
	if (r < 0) {
		struct accel_object object = {.size = sizeof(object), .id = buffer};

		(void)accel_buffer_free(device->context, &object);
		return r;
	}
	*ret_buffer = buffer;
	return 0;
}

/* Revoked memory cannot be mapped. That is no error here: accesses to it fault. */
static bool peer_is_revoked(const struct area *area, int r)
{
	return area->allocation.imported && r < 0 && r != -ENOMEM && r != -EMFILE &&
	       r != -ENFILE && r != -ENOSPC && r != -EDQUOT;
}

static int peer_map(const struct area *area, struct device *device, uint32_t *ret_buffer)
{
	int r = RETRY_SETTLED(peer_try_map(area, device, ret_buffer));

	if (!peer_is_revoked(area, r))
		return r;
	*ret_buffer = 0;
	return 0;
}

int peer_map_all_locked(struct area *area)
{
	const uint32_t mine = 1U << area->allocation.device->ordinal;

	for (int i = 0; i < runtime_n_devices(); i++) {
		int r = 0;

		if (runtime_device(i)->peers & mine)
			r = peer_map(area, runtime_device(i),
				     &area->allocation.peer_buffers[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

void peer_unmap_all(struct area *area)
{
	for (int i = 0; i < runtime_n_devices(); i++)
		if (area->allocation.peer_buffers[i])
			area_unmap(area, runtime_device(i),
				   area->allocation.peer_buffers[i]);
}

/* ---- all areas --------------------------------------------------------------------- */

struct pair {
	struct device *device, *peer;
};

static void peer_set_buffer(struct area *area, const struct device *device,
			    uint32_t buffer)
{
	table_write_begin();
	area->allocation.peer_buffers[device->ordinal] = buffer;
	table_write_end();
}

static int peer_map_one(struct area *area, void *data)
{
	const struct pair *pair = data;
	uint32_t buffer;
	int r;

	if (area->allocation.device != pair->peer)
		return 0;
	r = peer_map(area, pair->device, &buffer);
	if (r == 0)
		peer_set_buffer(area, pair->device, buffer);
	return r;
}

static int peer_unmap_one(struct area *area, void *data)
{
	const struct pair *pair = data;
	uint32_t buffer = area->allocation.peer_buffers[pair->device->ordinal];

	if (area->allocation.device != pair->peer || !buffer)
		return 0;
	peer_set_buffer(area, pair->device, 0);
	area_unmap(area, pair->device, buffer);
	return 0;
}

int peer_enable_locked(struct device *device, struct device *peer)
{
	struct pair pair = {device, peer};
	int r;

	ASSERT_LOCKED(&device->lock);
	table_lock();
	r = table_each_locked(peer_map_one, &pair);
	if (r < 0)
		(void)table_each_locked(peer_unmap_one, &pair);
	else
		device->peers |= 1U << peer->ordinal;
	table_unlock();
	return r;
}

void peer_disable_locked(struct device *device, struct device *peer)
{
	struct pair pair = {device, peer};

	ASSERT_LOCKED(&device->lock);
	table_lock();
	device->peers &= ~(1U << peer->ordinal);
	(void)table_each_locked(peer_unmap_one, &pair);
	table_unlock();
}
