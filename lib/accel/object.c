/* SPDX-License-Identifier: MIT */
#include "object.h"

#include <stddef.h>

void accel_base_init(struct accel_base *base, enum accel_type type,
		     void (*free)(struct accel_base *base))
{
	atomic_init(&base->refs, 1);
	base->type = type;
	base->free = free;
}

void accel_base_ref(struct accel_base *base)
{
	/* The caller has a reference already, so nothing is ordered by this one. */
	atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
}

void accel_base_unref(struct accel_base *base)
{
	if (!base)
		return;
	/* What others did before they let go happens before the free. */
	if (atomic_fetch_sub_explicit(&base->refs, 1, memory_order_acq_rel) == 1)
		base->free(base);
}
