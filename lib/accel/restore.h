/* SPDX-License-Identifier: MIT */
/*
 * restore.h - a registry made again from the records that a predecessor left
 *
 * After the devices were created as they were, and before anything else is called: begin,
 * each committed record in the order of its kind, end. Every field is checked; nothing is
 * expected of a record but that no other process changes it. Charges are taken again.
 * Unread events are lost, which the next event says.
 *
 * Queues begin to execute at the end. One with commands of unknown outcome is FAULTED
 * instead, with ACCEL_FAULT_OWNER, until it is reset; fences that they were to raise
 * fail. What was submitted through a ring, and not fetched, is executed.
 *
 * By one thread.
 */
#ifndef ACCEL_RESTORE_H
#define ACCEL_RESTORE_H

#include <accel.h>

#include "records.h"

struct accel_base;
struct accel_buffer;
struct accel_payer;
struct accel_queue;
struct accel_restore;
struct accel_set;

/* 0 or -ENOMEM. */
int accel_restore_begin(struct accel_registry *registry,
			struct accel_restore **ret_restore);

/*
 * A context, or if it was being destroyed what it still pays for: then *ret_context is
 * NULL. @owner and the record are taken over on success. -EINVAL: the record is damaged;
 * or as accel_context_create().
 */
int accel_restore_context(struct accel_restore *restore, struct accel_record *record,
			  const struct accel_owner *owner,
			  struct accel_context **ret_context);

/*
 * Any other record, with its @n files. Both are taken over on success. -ESTALE: what it
 * belongs to has ended, so nothing is lost; -EINVAL, -ENOENT, -EEXIST: the record is
 * damaged; -EBADFD: it has other files; -EDQUOT, -ENOSPC, -ENOMEM, -errno.
 */
int accel_restore_object(struct accel_restore *restore, struct accel_record *record,
			 const int *fds, unsigned n);

/* The ASID of that number, with a reference; NULL: there is none. */
struct accel_asid *accel_restore_asid(struct accel_restore *restore, uint32_t number);

void accel_restore_end(struct accel_restore *restore); /* NULL is allowed */

/* The number of its record, for accel_restore_asid(); 0: it has none. */
uint32_t accel_asid_record(const struct accel_asid *asid);

uint32_t accel_context_record(const struct accel_context *context);

/* What a successor is to know of a context that may have been closed, not 0. */
void accel_context_set_cookie(struct accel_context *context, uint64_t cookie);

/*
 * ---- the objects, each in its own file ----
 *
 * They have no id yet but queues' attachments, and take files and record over on success.
 * @context: NULL if it was being destroyed; @set, @signaller: NULL, or the record's.
 */
int accel_context_restore(struct accel_device *device, const struct accel_owner *owner,
			  struct accel_record *record,
			  struct accel_context **ret_context);
int accel_buffer_restore(struct accel_payer *payer, struct accel_record *record, int fd,
			 struct accel_base **ret_buffer);
int accel_set_restore(struct accel_payer *payer, struct accel_context *context,
		      struct accel_record *record, struct accel_base **ret_set);
int accel_asid_restore(struct accel_payer *payer, struct accel_context *context,
		       struct accel_set *set, struct accel_record *record, const int *fds,
		       unsigned n, struct accel_base **ret_asid);
int accel_asid_restore_import(struct accel_context *context, struct accel_asid *asid,
			      struct accel_record *record);
int accel_asid_restore_mapping(struct accel_asid *asid, struct accel_buffer *buffer,
			       struct accel_record *record);
int accel_set_restore_member(struct accel_set *set, struct accel_record *record);
int accel_queue_restore(struct accel_context *context, struct accel_set *set,
			struct accel_record *record, int fd,
			struct accel_base **ret_queue);
int accel_queue_restore_attachment(struct accel_context *context,
				   struct accel_queue *queue,
				   struct accel_record *record);
int accel_fence_restore(struct accel_context *context, struct accel_base *signaller,
			struct accel_record *record, struct accel_base **ret_fence);

/* All objects of the queue's context are there. Starts its engine. */
void accel_queue_resume(struct accel_queue *queue);

#endif
