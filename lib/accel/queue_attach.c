/* SPDX-License-Identifier: MIT */
/* queue_attach.c - the ASIDs that are attached to a queue */

#include "asid.h"
#include "context.h"
#include "locked.h"
#include "queue.h"

static unsigned queue_attach_find_locked(struct accel_queue *queue, uint32_t id)
{
	unsigned i = 0;

	ASSERT_LOCKED(&queue->lock);
	while (i < queue->n_asids && queue->asids[i].id != id)
		i++;
	return i;
}

static int queue_attach_make_record(struct accel_queue *queue, uint32_t id,
				    struct accel_record **ret_record)
{
	struct accel_device *device = queue->context->device;
	struct accel_record *record;
	int r = accel_record_make(device, ACCEL_RECORD_ATTACHMENT, &record);

	if (r < 0)
		return r;
	if (record) {
		record->owner = queue->base.record->number;
		record->id = id;
		accel_record_commit(device, record);
	}
	*ret_record = record;
	return 0;
}

static int queue_attach_check_locked(struct accel_queue *queue, uint32_t id,
				     const struct accel_asid *asid)
{
	ASSERT_LOCKED(&queue->lock);
	if (queue->set && asid->set != queue->set)
		return -EPERM;
	if (queue_attach_find_locked(queue, id) < queue->n_asids)
		return -EEXIST;
	if (queue->n_asids == ACCEL_QUEUE_MAX_ASIDS)
		return -ENOSPC;
	return 0;
}

/* @record: of a restored one; NULL: a new one. */
static int queue_attach_add_locked(struct accel_queue *queue, uint32_t id,
				   struct accel_asid *asid, struct accel_record *record)
{
	int r = queue_attach_check_locked(queue, id, asid);

	if (r == 0 && !record)
		r = queue_attach_make_record(queue, id, &record);
	if (r < 0)
		return r;
	accel_base_ref(&asid->base);
	queue->asids[queue->n_asids].id = id;
	queue->asids[queue->n_asids].record = record;
	queue->asids[queue->n_asids++].asid = asid;
	return 0;
}

static int queue_attach_remove_locked(struct accel_queue *queue, uint32_t id)
{
	unsigned i = queue_attach_find_locked(queue, id);

	ASSERT_LOCKED(&queue->lock);
	if (i == queue->n_asids)
		return -ENOENT;
	accel_record_drop(queue->context->device, queue->asids[i].record);
	queue->asids[i] = queue->asids[--queue->n_asids];
	return 0;
}

/* Accesses of engines to mapped memory are over once the lock was taken. */
static void queue_attach_wait_for_access(struct accel_asid *asid)
{
	pthread_rwlock_wrlock(&asid->lock);
	pthread_rwlock_unlock(&asid->lock);
}

/* Attaches (@add) or detaches. */
static int queue_attach_change_locked(struct accel_context *context,
				      const struct accel_queue_attach *arg, bool add)
{
	struct accel_handle *queue =
		accel_context_find_locked(context, ACCEL_TYPE_QUEUE, arg->queue);
	struct accel_handle *asid =
		accel_context_find_locked(context, ACCEL_TYPE_ASID, arg->asid);
	int r;

	ASSERT_LOCKED(&context->lock);
	if (!queue || !asid)
		return -ENOENT;
	pthread_mutex_lock(&accel_queue_of(queue->base)->lock);
	r = add ? queue_attach_add_locked(accel_queue_of(queue->base), arg->asid,
					  accel_asid_of(asid->base), NULL)
		: queue_attach_remove_locked(accel_queue_of(queue->base), arg->asid);
	pthread_mutex_unlock(&accel_queue_of(queue->base)->lock);
	if (r < 0)
		return r;
	asid->attached += add ? 1U : -1U;
	if (!add) {
		queue_attach_wait_for_access(accel_asid_of(asid->base));
		/* The id keeps the ASID alive, so this is never the last reference. */
		accel_base_unref(asid->base);
	}
	return 0;
}

int accel_queue_restore_attachment(struct accel_context *context,
				   struct accel_queue *queue, struct accel_record *record)
{
	SCOPED_LOCK(&context->lock);
	struct accel_handle *handle =
		accel_context_find_locked(context, ACCEL_TYPE_ASID, record->id);
	int r;

	if (!handle)
		return -ENOENT;
	pthread_mutex_lock(&queue->lock);
	r = queue_attach_add_locked(queue, record->id, accel_asid_of(handle->base),
				    record);
	pthread_mutex_unlock(&queue->lock);
	if (r == 0)
		handle->attached++;
	return r;
}

static int queue_attach_or_detach(struct accel_context *context,
				  const struct accel_queue_attach *arg, bool add)
{
	SCOPED_LOCK(&context->lock);
	int r = accel_check_flags(arg->flags, 0);

	return r < 0 ? r : queue_attach_change_locked(context, arg, add);
}

int accel_queue_attach(struct accel_context *context, struct accel_queue_attach *arg)
{
	return queue_attach_or_detach(context, arg, true);
}

int accel_queue_detach(struct accel_context *context, struct accel_queue_attach *arg)
{
	return queue_attach_or_detach(context, arg, false);
}

struct accel_asid *accel_queue_asid(struct accel_queue *queue, uint32_t id)
{
	SCOPED_LOCK(&queue->lock);
	unsigned i = queue_attach_find_locked(queue, id);

	return i < queue->n_asids ? accel_asid_ref(queue->asids[i].asid) : NULL;
}

bool accel_queue_has(struct accel_queue *queue, uint32_t id,
		     const struct accel_asid *asid)
{
	SCOPED_LOCK(&queue->lock);
	unsigned i = queue_attach_find_locked(queue, id);

	return i < queue->n_asids && queue->asids[i].asid == asid;
}

void accel_queue_release_asids_locked(struct accel_context *context,
				      struct accel_queue *queue)
{
	SCOPED_LOCK(&queue->lock);

	ASSERT_LOCKED(&context->lock);
	for (unsigned i = 0; i < queue->n_asids; i++) {
		struct accel_handle *handle = accel_context_find_locked(
			context, ACCEL_TYPE_ASID, queue->asids[i].id);

		if (handle)
			handle->attached--;
	}
}
