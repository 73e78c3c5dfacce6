/* SPDX-License-Identifier: MIT */
/*
 * object.h - the base of every object that has an id in a context
 *
 * An object is reference counted: the context holds a reference for the id, other objects
 * hold theirs, and so does each call that works on it. The thread that drops the last
 * reference frees it, so the free operation must not wait for another thread.
 *
 * Lock order of the whole core: importing (of an ASID), registry, context, set, ASID (two
 * of them in the order of their addresses), fence, queue, then device; the leaves are
 * events, lingering memory, the reaper, leases (lease.h) and the payer's callbacks.
 */
#ifndef ACCEL_OBJECT_H
#define ACCEL_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

struct accel_base;
struct accel_context;
struct accel_record;

enum accel_type {
	ACCEL_TYPE_ASID,
	ACCEL_TYPE_SET,
	ACCEL_TYPE_BUFFER,
	ACCEL_TYPE_QUEUE,
	ACCEL_TYPE_FENCE,
};

/* What differs by kind; a const table in the file of each kind. */
struct accel_base_ops {
	enum accel_type type;
	/*
	 * The context, in which the object had @id, is being destroyed; its reference is
	 * dropped next. No lock is held. NULL: nothing to do.
	 */
	void (*leave)(struct accel_base *base, struct accel_context *context,
		      uint32_t id);
	/* Does it execute commands? NULL: it never does, and cannot signal a fence. */
	bool (*is_running)(const struct accel_base *base);
	/* The last reference is gone. */
	void (*free)(struct accel_base *base);
};

/* The first member of every object. */
struct accel_base {
	_Atomic unsigned refs;
	const struct accel_base_ops *ops;
	atomic_bool is_signaller;    /* of a fence; stays true */
	struct accel_record *record; /* fixed, owned; NULL: there is no keeper */
};

/* The caller owns the first reference. */
void accel_base_init(struct accel_base *base, const struct accel_base_ops *ops);
struct accel_base *accel_base_ref(struct accel_base *base);
void accel_base_unref(struct accel_base *base); /* NULL is allowed */

/* Drops the reference in a variable that points to an object, of any type, or is NULL. */
static inline void accel_base_unref_indirect(void *pointer)
{
	accel_base_unref(*(void **)pointer);
}
#define _cleanup_unref_ _cleanup_(accel_base_unref_indirect)

#endif
