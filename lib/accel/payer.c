/* SPDX-License-Identifier: MIT */
#include "payer.h"

#include <stdatomic.h>
#include <stdlib.h>

struct accel_payer *accel_payer_create(const struct accel_owner *owner)
{
	struct accel_payer *payer = calloc(1, sizeof(*payer));

	if (!payer)
		return NULL;
	atomic_init(&payer->refs, 1);
	if (owner)
		payer->owner = *owner;
	return payer;
}

struct accel_payer *accel_payer_ref(struct accel_payer *payer)
{
	atomic_fetch_add_explicit(&payer->refs, 1, memory_order_relaxed);
	return payer;
}

void accel_payer_unref(struct accel_payer *payer)
{
	if (!payer ||
	    atomic_fetch_sub_explicit(&payer->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (payer->owner.release)
		payer->owner.release(payer->owner.data);
	free(payer);
}

int accel_payer_charge(struct accel_payer *payer, enum accel_resource resource,
		       uint64_t n)
{
	const struct accel_owner *owner = &payer->owner;

	return owner->charge ? owner->charge(owner->data, resource, n) : 0;
}

void accel_payer_uncharge(struct accel_payer *payer, enum accel_resource resource,
			  uint64_t n)
{
	const struct accel_owner *owner = &payer->owner;

	if (owner->uncharge)
		owner->uncharge(owner->data, resource, n);
}
