/* SPDX-License-Identifier: MIT */
/*
 * object.h - what has an id in a context: ASID, set, buffer, queue, fence
 *
 * Each object is counted: by the context (its id), by other objects, and by whoever uses
 * it at the moment. It is freed with the last reference, in the thread that drops it; so
 * the free function must not wait for anybody.
 *
 * Lock order of the whole core: importing (of an ASID), registry, context, set, ASID (two
 * of them in the order of their addresses), fence, queue, then device; the leaves are
 * events, the reaper, leases (lease.h) and the payer's callbacks.
 */
#ifndef ACCEL_OBJECT_H
#define ACCEL_OBJECT_H

#include <stdatomic.h>

enum accel_type {
	ACCEL_TYPE_ASID,
	ACCEL_TYPE_SET,
	ACCEL_TYPE_BUFFER,
	ACCEL_TYPE_QUEUE,
	ACCEL_TYPE_FENCE,
};

/* The first member of every object. */
struct accel_base {
	_Atomic unsigned refs;
	enum accel_type type;
	void (*free)(struct accel_base *base);
};

/* One reference, the caller's. */
void accel_base_init(struct accel_base *base, enum accel_type type,
		     void (*free)(struct accel_base *base));
void accel_base_ref(struct accel_base *base);
void accel_base_unref(struct accel_base *base); /* NULL is allowed */

#endif
