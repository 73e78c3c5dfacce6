/* SPDX-License-Identifier: MIT */
/*
 * payer.h - the owner of a context, for as long as anything is charged to it
 *
 * An object that outlives its context (a shared ASID, a mapped buffer) stays charged.
 * Reference counted; thread safe.
 */
#ifndef ACCEL_PAYER_H
#define ACCEL_PAYER_H

#include <accel.h>

struct accel_record;

struct accel_payer {
	_Atomic unsigned refs;
	struct accel_owner owner;
	/* Set by its context, and fixed then; owned. */
	struct accel_device *device;
	struct accel_record *record;
};

/*
 * @owner is copied, and may be NULL: nothing is charged. -ENOMEM, or the errors of
 * accel_context_create() for the struct.
 */
int accel_payer_create(const struct accel_owner *owner, struct accel_payer **ret_payer);
struct accel_payer *accel_payer_ref(struct accel_payer *payer);
void accel_payer_unref(struct accel_payer *payer); /* NULL is allowed */

/* 0, -EDQUOT, -ENOSPC, -ENOMEM. */
int accel_payer_charge(struct accel_payer *payer, enum accel_resource resource,
		       uint64_t n);
void accel_payer_uncharge(struct accel_payer *payer, enum accel_resource resource,
			  uint64_t n);

#endif
