/* SPDX-License-Identifier: MIT */
#include "payer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "records.h"
#include "sized.h"

/* Of the first version of struct accel_owner. */
#define OWNER_MIN_SIZE (offsetof(struct accel_owner, data) + sizeof(void *))

static int payer_copy_owner(const struct accel_owner *owner,
			    struct accel_owner *ret_owner)
{
	int r = sized_take(owner, SIZE_MAX, OWNER_MIN_SIZE, ret_owner,
			   sizeof(*ret_owner));

	return r == 0 && ret_owner->flags ? -EOPNOTSUPP : r;
}

int accel_payer_create(const struct accel_owner *owner, struct accel_payer **ret_payer)
{
	struct accel_owner own = {0};
	struct accel_payer *payer;
	int r = owner ? payer_copy_owner(owner, &own) : 0;

	if (r < 0)
		return r;
	payer = calloc(1, sizeof(*payer));
	if (!payer)
		return -ENOMEM;
	atomic_init(&payer->refs, 1);
	payer->owner = own;
	*ret_payer = payer;
	return 0;
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
	accel_record_drop(payer->device, payer->record);
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
