/* SPDX-License-Identifier: MIT */
/*
 * context.h - a context: ids and the objects that they name
 *
 * Reference counted: the user has a reference until accel_context_destroy(), and each
 * queue until its engine has stopped. The payer lives as long as anything is charged.
 */
#ifndef ACCEL_CONTEXT_H
#define ACCEL_CONTEXT_H

#include <accel.h>
#include <errno.h>
#include <pthread.h>

#include "events.h"
#include "htab.h"
#include "object.h"
#include "payer.h"
#include "records.h"

/* Ids of sets are numbers of the device with this bit, so they never collide. */
#define ACCEL_SET_ID (1U << 31)

/* An id in a context. */
struct accel_handle {
	struct htab_node node;
	uint32_t id;
	unsigned attached;           /* ASID: to how many queues of this context */
	struct accel_base *base;     /* a reference */
	struct accel_record *record; /* of the object; of an import: owned */
};

struct accel_context {
	/* Fixed. */
	struct accel_device *device;
	struct accel_payer *payer; /* a reference */

	_Atomic unsigned refs;
	struct accel_events events;

	pthread_mutex_t lock;
	/* All below: protected by lock. */
	struct htab handles; /* struct accel_handle by id */
	uint32_t next_id;
	bool dead; /* no object is added any more */
};

struct accel_context *accel_context_ref(struct accel_context *context);
void accel_context_unref(struct accel_context *context);

/* The handle of that id and type, or NULL. */
struct accel_handle *accel_context_find_locked(struct accel_context *context,
					       enum accel_type type, uint32_t id);

/* The object with a reference, or NULL. */
struct accel_base *accel_context_get(struct accel_context *context, enum accel_type type,
				     uint32_t id);

/* An id for an object that must know it before it is added. 0: no id is left. */
uint32_t accel_context_new_id(struct accel_context *context);

/*
 * Gives the object an id, and takes the caller's reference over on success. @id: 0 for
 * the next one, or one that is known to be free. -ENOSPC: no id is left; -ENODEV: the
 * context is dead; -ENOMEM.
 */
int accel_context_add(struct accel_context *context, struct accel_base *base, uint32_t id,
		      uint32_t *ret_id);

/*
 * The same, with the record of an import, which is taken over on success. The record of
 * an object is committed under the lock of the context.
 */
int accel_context_add_import(struct accel_context *context, struct accel_base *base,
			     struct accel_record *record, uint32_t id, uint32_t *ret_id);

/* Removes the id, if it is of @type: its reference, or NULL. */
struct accel_base *accel_context_take(struct accel_context *context, enum accel_type type,
				      uint32_t id);

/* Removes an id; its reference becomes the caller's. */
struct accel_base *accel_context_remove_locked(struct accel_context *context,
					       struct accel_handle *handle);

/*
 * As a predecessor left it. @owner and the record are taken over on success. As
 * accel_context_create().
 */
int accel_context_restore(struct accel_device *device, const struct accel_owner *owner,
			  struct accel_record *record,
			  struct accel_context **ret_context);

/* Checks the head of an argument that allows the flags @known. 0 or -EOPNOTSUPP. */
static inline int accel_check_flags(uint32_t flags, uint32_t known)
{
	return flags & ~known ? -EOPNOTSUPP : 0;
}

/* The same for a whole struct accel_object. 0, -EOPNOTSUPP, -EINVAL. */
static inline int accel_check_object(const struct accel_object *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	return r == 0 && arg->reserved ? -EINVAL : r;
}

#endif
