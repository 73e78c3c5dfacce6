/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

_Atomic uint64_t owner_charged[ACCEL_RES_COUNT];
uint64_t owner_limits[ACCEL_RES_COUNT] = {[0 ... ACCEL_RES_COUNT - 1] = UINT64_MAX};
_Atomic unsigned owner_notified, owner_released, owner_opened;

static int owner_charge(void *data, enum accel_resource resource, uint64_t n)
{
	uint64_t before = atomic_fetch_add(&owner_charged[resource], n);

	if (before + n <= owner_limits[resource])
		return 0;
	atomic_fetch_sub(&owner_charged[resource], n);
	return -EDQUOT;
}

static void owner_uncharge(void *data, enum accel_resource resource, uint64_t n)
{
	if (atomic_fetch_sub(&owner_charged[resource], n) >= n)
		return;
	fprintf(stderr, "resource %d: more given back than taken\n", resource);
	abort();
}

static void owner_notify(void *data)
{
	owner_notified++;
}

static void owner_release(void *data)
{
	owner_released++;
}

const struct accel_owner owner_counting = {
	.size = sizeof(owner_counting),
	.charge = owner_charge,
	.uncharge = owner_uncharge,
	.notify = owner_notify,
	.release = owner_release,
};

int owner_open(const struct accel_owner *owner, struct accel_device *device,
	       struct accel_context **ret_context)
{
	int r;

	/* Before the context exists, which another thread can close at once. */
	owner_opened++;
	r = accel_context_create(device, owner, ret_context);
	if (r < 0)
		owner_opened--;
	return r;
}
