/* SPDX-License-Identifier: MIT */
#include "object.h"

#include <stddef.h>

void accel_base_init(struct accel_base *base, const struct accel_base_ops *ops)
{
	atomic_init(&base->refs, 1);
	atomic_init(&base->is_signaller, false);
	base->ops = ops;
	base->record = NULL;
}

struct accel_base *accel_base_ref(struct accel_base *base)
{
	/* The caller has a reference already, so this one needs no ordering. */
	atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
	return base;
}

void accel_base_unref(struct accel_base *base)
{
	if (!base)
		return;
	/* Accesses of other threads before their unref happen before the free. */
	if (atomic_fetch_sub_explicit(&base->refs, 1, memory_order_acq_rel) == 1)
		base->ops->free(base);
}
