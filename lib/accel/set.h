/* SPDX-License-Identifier: MIT */
/*
 * set.h - a set of ASIDs: quota, guest ids, events
 *
 * It belongs to the context that created it: its events go there, and its id is valid
 * only there. set.c creates and destroys sets, set_member.c has the ASIDs in them.
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
	struct accel_payer *payer;     /* a reference */
	struct accel_context *context; /* the owner; followed only in its own calls */
	uint32_t id;
	uint32_t quota;
	struct htab_node by_id; /* in device->sets; protected by the device's lock */

	pthread_mutex_t lock;
	/* All below: protected by lock. */
	struct set_member **members; /* ascending by ASID id, owned */
	size_t n_members, n_allocated;
	struct htab by_guest;
	uint32_t bound;
	uint32_t live;   /* ASIDs for the quota, also shared ones whose id is gone */
	uint32_t guards; /* queues */
};

/* A set of the context with a reference. -ENOENT, or -EPERM: it is another context's. */
int accel_set_get(struct accel_context *context, uint32_t id, struct accel_set **ret_set);

/* Room for one more ASID, and giving it back. 0 or -EDQUOT. */
int accel_set_reserve(struct accel_set *set);
void accel_set_unreserve(struct accel_set *set);

/* For the end of the set. */
void accel_set_free_members(struct accel_set *set);

/* Adds the ASID with this id and record to the set, and removes it. -ENOMEM. */
int accel_set_join(struct accel_set *set, uint32_t asid, struct accel_record *record);
void accel_set_leave(struct accel_set *set, uint32_t asid);

/* Count the queues that the set guards. */
void accel_set_guard(struct accel_set *set);
void accel_set_unguard(struct accel_set *set);

/*
 * As a predecessor left them, and a set without an id yet. The record is taken over on
 * success. @context: NULL if it was being destroyed.
 */
int accel_set_restore(struct accel_payer *payer, struct accel_context *context,
		      struct accel_record *record, struct accel_base **ret_set);
int accel_set_restore_member(struct accel_set *set, struct accel_record *record);

#endif
