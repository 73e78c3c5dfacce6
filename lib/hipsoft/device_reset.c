/* SPDX-License-Identifier: MIT */
/* device_reset.c - hipDeviceReset() */
#include <sorted.h>

#include "area.h"
#include "context.h"
#include "freed.h"
#include "peer.h"
#include "stream.h"

/* The own allocations of a device, in an array that grows. */
struct bases {
	const struct device *device;
	uint64_t *base;
	size_t n, room;
};

static int device_reset_note(struct area *area, void *data)
{
	struct bases *bases = data;
	int r;

	if (area->allocation.imported || area->allocation.device != bases->device)
		return 0;
	r = array_reserve(&bases->base, &bases->room, bases->n + 1, sizeof(*bases->base));
	if (r == 0)
		bases->base[bases->n++] = area->allocation.base;
	return r;
}

static int device_reset_note_all(struct bases *bases)
{
	int r;

	table_lock();
	r = table_each_locked(device_reset_note, bases);
	table_unlock();
	return r;
}

static void device_reset_peers(struct device *device)
{
	pthread_mutex_lock(&device->lock);
	for (int i = 0; i < runtime_n_devices(); i++)
		if (peer_is_enabled_locked(device, runtime_device(i)))
			peer_disable_locked(device, runtime_device(i));
	pthread_mutex_unlock(&device->lock);
}

_public_ hipError_t hipDeviceReset(void)
{
	struct bases bases = {0};
	struct device *device;
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	device = context_current()->device;
	bases.device = device;
	r = device_reset_note_all(&bases);
	if (r == 0) {
		stream_destroy_all(device);
		for (size_t i = 0; i < bases.n; i++)
			(void)allocation_free(bases.base[i]);
		runtime_synchronize();
		device_reset_peers(device);
		freed_settle();
	}
	free(bases.base);
	return runtime_result(r);
}
