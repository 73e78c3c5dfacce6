/* SPDX-License-Identifier: MIT */
/*
 * set.h - a set of ASIDs: quota, guest ids, events
 *
 * It belongs to the context that made it: its events go there, and only there its id is
 * good for anything.
 */
#ifndef ACCEL_SET_H
#define ACCEL_SET_H

#include <accel.h>
#include <pthread.h>

#include "htab.h"
#include "object.h"
#include "payer.h"

struct set_member;

struct accel_set {
	struct accel_base base;
	/* Fixed. */
	struct accel_device *device;
	struct accel_payer *payer; /* a reference */
	struct accel_context
		*context; /* who owns it; compared, and followed only by its calls */
	uint32_t id;
	uint32_t quota;
	struct htab_node by_id; /* in device->sets; protected by the device's lock */

	pthread_mutex_t lock;
	/* All below: protected by lock. */
	struct set_member **members; /* ascending by ASID id, owned */
	size_t n_members, n_allocated;
	struct htab by_guest;
	uint32_t bound;
	uint32_t live;   /* ASIDs, shared ones whose id is gone included: the quota */
	uint32_t guards; /* queues */
};

/* A set of the context with a reference. -ENOENT, or -EPERM: it is another context's. */
int accel_set_get(struct accel_context *context, uint32_t id, struct accel_set **ret_set);

/* Room for one more ASID, and giving it back. 0 or -EDQUOT. */
int accel_set_reserve(struct accel_set *set);
void accel_set_unreserve(struct accel_set *set);

/* The ASID with this id belongs to the set now, and no longer. -ENOMEM. */
int accel_set_join(struct accel_set *set, uint32_t asid);
void accel_set_leave(struct accel_set *set, uint32_t asid);

/* A queue is guarded by the set, and no longer. */
void accel_set_guard(struct accel_set *set);
void accel_set_unguard(struct accel_set *set);

#endif
