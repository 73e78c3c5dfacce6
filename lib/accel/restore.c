/* SPDX-License-Identifier: MIT */
/*
 * restore.c - a registry made again from the records that a predecessor left, see
 * accel-records.h
 */
#include <accel-records.h>
#include <errno.h>
#include <stdlib.h>

#include "asid.h"
#include "buffer.h"
#include "context.h"
#include "device.h"
#include "fence.h"
#include "htab.h"
#include "queue.h"
#include "registry.h"
#include "set.h"
#include "util.h"

/* What a record was made into. */
struct restored {
	struct htab_node by_number;
	struct accel_record *record;
	struct accel_base *base; /* a reference; of a context: NULL */
	/* Of a context, else NULL. */
	struct accel_payer *payer;     /* a reference */
	struct accel_context *context; /* NULL: it was being destroyed */
};

struct accel_restore {
	struct accel_registry *registry;
	struct htab restored; /* struct restored, owned, but of mappings */
};

int accel_restore_begin(struct accel_registry *registry,
			struct accel_restore **ret_restore)
{
	struct accel_restore *restore = calloc(1, sizeof(*restore));

	if (!restore)
		return -ENOMEM;
	restore->registry = registry;
	*ret_restore = restore;
	return 0;
}

static struct restored *restore_find(struct accel_restore *restore, uint32_t number,
				     enum accel_record_kind kind)
{
	struct restored *restored = htab_item(htab_first(&restore->restored, number),
					      struct restored, by_number);

	return restored && restored->record->kind == kind ? restored : NULL;
}

/* The object of a number, or NULL. */
static struct accel_base *restore_find_base(struct accel_restore *restore,
					    uint32_t number, enum accel_record_kind kind)
{
	struct restored *restored = restore_find(restore, number, kind);

	return restored ? restored->base : NULL;
}

static int restore_new(struct accel_restore *restore, struct accel_record *record,
		       struct restored **ret_restored)
{
	struct restored *restored;
	int r;

	if (!record->number || htab_first(&restore->restored, record->number))
		return -EEXIST;
	restored = calloc(1, sizeof(*restored));
	if (!restored)
		return -ENOMEM;
	restored->record = record;
	r = htab_insert(&restore->restored, &restored->by_number, record->number);
	if (r < 0)
		free(restored);
	else
		*ret_restored = restored;
	return r;
}

static void restore_undo(struct accel_restore *restore, struct restored *restored)
{
	htab_remove(&restore->restored, &restored->by_number);
	free(restored);
}

/* ---- contexts ---------------------------------------------------------------------- */

static int restore_open(struct accel_device *device, const struct accel_owner *owner,
			struct restored *restored)
{
	int r = accel_context_restore(device, owner, restored->record,
				      &restored->context);

	if (r == 0)
		restored->payer = accel_payer_ref(restored->context->payer);
	return r;
}

static int restore_closed(struct accel_device *device, const struct accel_owner *owner,
			  struct restored *restored)
{
	int r = accel_payer_create(owner, &restored->payer);

	if (r < 0)
		return r;
	restored->payer->device = device;
	restored->payer->record = restored->record;
	return 0;
}

int accel_restore_context(struct accel_restore *restore, struct accel_record *record,
			  const struct accel_owner *owner,
			  struct accel_context **ret_context)
{
	struct accel_device *device =
		accel_device_at(restore->registry, record->context.device);
	struct restored *restored;
	int r;

	if (record->kind != ACCEL_RECORD_CONTEXT || !device || !record->context.next_id ||
	    record->context.next_id > ACCEL_SET_ID)
		return -EINVAL;
	r = restore_new(restore, record, &restored);
	if (r < 0)
		return r;
	r = record->context.closed ? restore_closed(device, owner, restored)
				   : restore_open(device, owner, restored);
	if (r < 0)
		restore_undo(restore, restored);
	else
		*ret_context = restored->context;
	return r;
}

/* ---- objects ----------------------------------------------------------------------- */

/* What one call works on. */
struct restoring {
	struct accel_restore *restore;
	struct accel_record *record;
	const int *fds;
	unsigned n_fds;
	const struct restored *owner; /* its context's */
};

static int restore_buffer(const struct restoring *work, struct accel_base **ret_base)
{
	if (work->n_fds != 1)
		return -EBADFD;
	return accel_buffer_restore(work->owner->payer, work->record, work->fds[0],
				    ret_base);
}

static int restore_set(const struct restoring *work, struct accel_base **ret_base)
{
	if (work->n_fds)
		return -EBADFD;
	return accel_set_restore(work->owner->payer, work->owner->context, work->record,
				 ret_base);
}

/* 0 and NULL: it names none. */
static int restore_find_set(const struct restoring *work, uint32_t number,
			    struct accel_set **ret_set)
{
	struct accel_base *set =
		restore_find_base(work->restore, number, ACCEL_RECORD_SET);

	if (number && !set)
		return -ENOENT;
	*ret_set = (struct accel_set *)set;
	return 0;
}

static int restore_asid(const struct restoring *work, struct accel_base **ret_base)
{
	struct accel_set *set;
	int r = restore_find_set(work, work->record->asid.set, &set);

	return r < 0 ? r
		     : accel_asid_restore(work->owner->payer, work->owner->context, set,
					  work->record, work->fds, work->n_fds, ret_base);
}

static int restore_queue(const struct restoring *work, struct accel_base **ret_base)
{
	struct accel_set *set;
	int r = restore_find_set(work, work->record->queue.set, &set);

	/* A queue without an id was destroyed. */
	if (!work->owner->context || !work->record->id)
		return -ESTALE;
	if (work->n_fds != 1)
		return -EBADFD;
	return r < 0 ? r
		     : accel_queue_restore(work->owner->context, set, work->record,
					   work->fds[0], ret_base);
}

static int restore_fence(const struct restoring *work, struct accel_base **ret_base)
{
	const struct accel_record *record = work->record;
	struct accel_base *signaller = NULL;

	if (!work->owner->context || !record->id)
		return -ESTALE;
	/* The number of a destroyed one may be another record's by now. */
	if (record->fence.signaller && !record->fence.orphaned)
		signaller = restore_find_base(work->restore, record->fence.signaller,
					      ACCEL_RECORD_QUEUE);
	return accel_fence_restore(work->owner->context, signaller, work->record,
				   ret_base);
}

static int restore_import(const struct restoring *work, struct accel_base **ret_base)
{
	struct accel_base *asid = restore_find_base(
		work->restore, work->record->import.asid, ACCEL_RECORD_ASID);
	int r;

	if (!work->owner->context)
		return -ESTALE;
	if (!asid)
		return -ENOENT;
	r = accel_asid_restore_import(work->owner->context, accel_asid_of(asid),
				      work->record);
	if (r == 0)
		*ret_base = accel_base_ref(asid);
	return r;
}

static int (*const restore_by_kind[ACCEL_RECORD_KINDS])(const struct restoring *work,
							struct accel_base **ret_base) = {
	[ACCEL_RECORD_BUFFER] = restore_buffer, [ACCEL_RECORD_SET] = restore_set,
	[ACCEL_RECORD_ASID] = restore_asid,     [ACCEL_RECORD_IMPORT] = restore_import,
	[ACCEL_RECORD_QUEUE] = restore_queue,   [ACCEL_RECORD_FENCE] = restore_fence,
};

/* Ids of sets are checked where they are claimed. */
static int restore_check_id(const struct restoring *work)
{
	const struct accel_record *record = work->record;
	struct accel_context *context = work->owner->context;

	if (!record->id || !context || record->kind == ACCEL_RECORD_SET)
		return 0;
	if (record->id >= context->next_id)
		return -EINVAL;
	return htab_first(&context->handles, record->id) ? -EEXIST : 0;
}

/* An import has its id already. */
static int restore_add_id(const struct restoring *work, struct accel_base *base)
{
	struct accel_record *record = work->record;
	uint32_t unused;
	int r;

	if (!record->id || !work->owner->context || record->kind == ACCEL_RECORD_IMPORT)
		return 0;
	r = accel_context_add(work->owner->context, base, record->id, &unused);
	if (r == 0)
		accel_base_ref(base);
	return r;
}

static int restore_base(struct restoring *work)
{
	struct restored *restored;
	struct accel_base *base;
	int r;

	work->owner =
		restore_find(work->restore, work->record->owner, ACCEL_RECORD_CONTEXT);
	if (!work->owner)
		return -ENOENT;
	r = restore_check_id(work);
	if (r == 0)
		r = restore_new(work->restore, work->record, &restored);
	if (r < 0)
		return r;
	r = restore_by_kind[work->record->kind](work, &base);
	if (r < 0) {
		restore_undo(work->restore, restored);
		return r;
	}
	restored->base = base;
	/* Without memory it gets no id, and it ends with its record. */
	if (restore_add_id(work, base) < 0 && base->ops->leave)
		base->ops->leave(base, work->owner->context, work->record->id);
	return 0;
}

static int restore_mapping(struct restoring *work)
{
	const struct accel_record *record = work->record;
	struct accel_base *asid =
		restore_find_base(work->restore, record->owner, ACCEL_RECORD_ASID);
	struct accel_base *buffer =
		restore_find_base(work->restore, record->id, ACCEL_RECORD_BUFFER);

	if (!asid || asid->record->asid.epoch != record->mapping.epoch)
		return -ESTALE;
	if (!buffer)
		return -ENOENT;
	return accel_asid_restore_mapping(accel_asid_of(asid), accel_buffer_of(buffer),
					  work->record);
}

static int restore_attachment(struct restoring *work)
{
	struct accel_base *base =
		restore_find_base(work->restore, work->record->owner, ACCEL_RECORD_QUEUE);

	if (!base)
		return -ESTALE;
	return accel_queue_restore_attachment(accel_queue_of(base)->context,
					      accel_queue_of(base), work->record);
}

int accel_restore_object(struct accel_restore *restore, struct accel_record *record,
			 const int *fds, unsigned n)
{
	struct restoring work = {
		.restore = restore,
		.record = record,
		.fds = fds,
		.n_fds = n,
	};

	if (record->kind == ACCEL_RECORD_MAPPING)
		return restore_mapping(&work);
	if (record->kind == ACCEL_RECORD_ATTACHMENT)
		return restore_attachment(&work);
	if (record->kind >= ACCEL_RECORD_KINDS || !restore_by_kind[record->kind])
		return -EINVAL;
	return restore_base(&work);
}

struct accel_asid *accel_restore_asid(struct accel_restore *restore, uint32_t number)
{
	struct accel_base *base = restore_find_base(restore, number, ACCEL_RECORD_ASID);

	return base ? accel_asid_ref(accel_asid_of(base)) : NULL;
}

/* ---- end --------------------------------------------------------------------------- */

static void restore_resume(struct restored *restored)
{
	if (restored->record->kind == ACCEL_RECORD_QUEUE)
		accel_queue_resume(accel_queue_of(restored->base));
}

/* What nothing refers to ends here. */
static void restore_drop(struct htab_node *node, void *data)
{
	struct restored *restored = container_of(node, struct restored, by_number);

	accel_base_unref(restored->base);
	accel_payer_unref(restored->payer);
	free(restored);
}

void accel_restore_end(struct accel_restore *restore)
{
	struct htab_node *node;

	if (!restore)
		return;
	htab_for_each(node, &restore->restored)
		restore_resume(container_of(node, struct restored, by_number));
	htab_drain(&restore->restored, restore_drop, NULL);
	htab_finish(&restore->restored);
	free(restore);
}
