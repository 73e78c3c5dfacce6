/* SPDX-License-Identifier: MIT */
#include "context.h"

#include <stdlib.h>

#include "device.h"
#include "info.h"
#include "locked.h"
#include "ownership.h"
#include "registry.h"
#include "util.h"

/* ---- life -------------------------------------------------------------------------- */

/* Where it is in the registry. */
static uint32_t context_device_index(struct accel_device *device)
{
	struct accel_registry *registry =
		container_of(device->services, struct accel_registry, services);
	uint32_t index = 0;

	while (accel_device_at(registry, index) != device)
		index++;
	return index;
}

static int context_make_record(struct accel_payer *payer, struct accel_device *device)
{
	int r = accel_record_make(device, ACCEL_RECORD_CONTEXT, &payer->record);

	if (r == 0 && payer->record) {
		payer->record->context.device = context_device_index(device);
		payer->record->context.next_id = 1;
	}
	return r;
}

/* @record: NULL for a new one. */
static int context_init(struct accel_context *context, struct accel_device *device,
			const struct accel_owner *owner, struct accel_record *record)
{
	int r;

	r = accel_payer_create(owner, &context->payer);
	if (r < 0)
		return r;
	context->payer->device = device;
	if (!record)
		r = context_make_record(context->payer, device);
	if (r < 0)
		return r;
	r = accel_payer_charge(context->payer, ACCEL_RES_CONTEXTS, 1);
	if (r < 0)
		return r;
	r = accel_ownership_acquire(device);
	if (r < 0) {
		accel_payer_uncharge(context->payer, ACCEL_RES_CONTEXTS, 1);
		return r;
	}
	context->device = device;
	context->refs = 1;
	context->next_id = record ? record->context.next_id : 1;
	pthread_mutex_init(&context->lock, NULL);
	accel_events_init(&context->events, context->payer->owner.notify,
			  context->payer->owner.data);
	if (record)
		accel_events_resume(&context->events, record->context.sequence);
	context->payer->record = record ?: context->payer->record;
	context->events.record = context->payer->record;
	return 0;
}

static int context_open(struct accel_device *device, const struct accel_owner *owner,
			struct accel_record *record, struct accel_context **ret_context)
{
	struct accel_context *context = calloc(1, sizeof(*context));
	int r;

	if (!context)
		return -ENOMEM;
	r = context_init(context, device, owner, record);
	if (r < 0) {
		/* On failure the owner stays the caller's. */
		if (context->payer)
			context->payer->owner.release = NULL;
		accel_payer_unref(context->payer);
		free(context);
		return r;
	}
	accel_device_count_context(device, 1);
	*ret_context = context;
	return 0;
}

int accel_context_create(struct accel_device *device, const struct accel_owner *owner,
			 struct accel_context **ret_context)
{
	int r = context_open(device, owner, NULL, ret_context);

	if (r == 0)
		accel_record_commit(device, (*ret_context)->payer->record);
	return r;
}

int accel_context_restore(struct accel_device *device, const struct accel_owner *owner,
			  struct accel_record *record, struct accel_context **ret_context)
{
	return context_open(device, owner, record, ret_context);
}

uint32_t accel_context_record(const struct accel_context *context)
{
	return accel_record_number(context->payer->record);
}

void accel_context_set_cookie(struct accel_context *context, uint64_t cookie)
{
	ACCEL_RECORD_STORE(context->payer->record, context.cookie, cookie);
}

struct accel_context *accel_context_ref(struct accel_context *context)
{
	context->refs++;
	return context;
}

void accel_context_unref(struct accel_context *context)
{
	if (--context->refs)
		return;
	accel_ownership_release(context->device);
	accel_events_finish(&context->events);
	accel_payer_unref(context->payer);
	htab_finish(&context->handles);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

/* For a successor, too. The record of an import is only about the id. */
static void context_forget_id(struct accel_context *context, struct accel_handle *handle)
{
	if (handle->record && handle->record->kind == ACCEL_RECORD_IMPORT)
		accel_record_drop(context->device, handle->record);
	else
		ACCEL_RECORD_STORE(handle->record, id, 0);
}

static void context_destroy_handle(struct htab_node *node, void *context)
{
	struct accel_handle *handle = container_of(node, struct accel_handle, node);
	struct accel_base *base = handle->base;

	context_forget_id(context, handle);
	if (base->ops->leave)
		base->ops->leave(base, context, handle->id);
	accel_base_unref(base);
	free(handle);
}

void accel_context_destroy(struct accel_context *context)
{
	struct htab handles;

	if (!context)
		return;
	accel_events_mute(&context->events);
	ACCEL_RECORD_STORE(context->payer->record, context.closed, 1);
	pthread_mutex_lock(&context->lock);
	context->dead = true;
	handles = context->handles;
	context->handles = (struct htab){0};
	pthread_mutex_unlock(&context->lock);
	htab_drain(&handles, context_destroy_handle, context);
	htab_finish(&handles);
	accel_ownership_leave(context->device);
	accel_payer_uncharge(context->payer, ACCEL_RES_CONTEXTS, 1);
	accel_device_count_context(context->device, -1);
	accel_context_unref(context);
}

/* ---- ids --------------------------------------------------------------------------- */

struct accel_handle *accel_context_find_locked(struct accel_context *context,
					       enum accel_type type, uint32_t id)
{
	struct accel_handle *handle =
		htab_item(htab_first(&context->handles, id), struct accel_handle, node);

	ASSERT_LOCKED(&context->lock);
	return handle && handle->base->ops->type == type ? handle : NULL;
}

struct accel_base *accel_context_get(struct accel_context *context, enum accel_type type,
				     uint32_t id)
{
	SCOPED_LOCK(&context->lock);
	struct accel_handle *handle = accel_context_find_locked(context, type, id);

	return handle ? accel_base_ref(handle->base) : NULL;
}

/* Ids are not reused: an old one that a client still uses finds nothing. */
static uint32_t context_new_id_locked(struct accel_context *context)
{
	ASSERT_LOCKED(&context->lock);
	if (context->next_id == ACCEL_SET_ID)
		return 0;
	ACCEL_RECORD_STORE(context->payer->record, context.next_id, context->next_id + 1);
	return context->next_id++;
}

uint32_t accel_context_new_id(struct accel_context *context)
{
	SCOPED_LOCK(&context->lock);

	return context_new_id_locked(context);
}

static int context_insert_locked(struct accel_context *context,
				 struct accel_handle *handle)
{
	ASSERT_LOCKED(&context->lock);
	if (context->dead)
		return -ENODEV;
	if (!handle->id)
		handle->id = context_new_id_locked(context);
	if (!handle->id)
		return -ENOSPC;
	return htab_insert(&context->handles, &handle->node, handle->id);
}

static void context_commit_locked(struct accel_context *context,
				  struct accel_handle *handle)
{
	struct accel_record *record = handle->record;

	ASSERT_LOCKED(&context->lock);
	if (!record)
		return;
	record->owner = context->payer->record->number;
	ACCEL_RECORD_STORE(record, id, handle->id);
	accel_record_commit(context->device, record);
}

static int context_add(struct accel_context *context, struct accel_base *base,
		       struct accel_record *record, uint32_t id, uint32_t *ret_id)
{
	struct accel_handle *handle = calloc(1, sizeof(*handle));
	int r;

	if (!handle)
		return -ENOMEM;
	handle->id = id;
	handle->base = base;
	handle->record = record;
	pthread_mutex_lock(&context->lock);
	r = context_insert_locked(context, handle);
	/* From the unlock on, another thread may remove it. */
	if (r == 0) {
		*ret_id = handle->id;
		context_commit_locked(context, handle);
	}
	pthread_mutex_unlock(&context->lock);
	if (r < 0)
		free(handle);
	return r;
}

int accel_context_add(struct accel_context *context, struct accel_base *base, uint32_t id,
		      uint32_t *ret_id)
{
	return context_add(context, base, base->record, id, ret_id);
}

int accel_context_add_import(struct accel_context *context, struct accel_base *base,
			     struct accel_record *record, uint32_t id, uint32_t *ret_id)
{
	return context_add(context, base, record, id, ret_id);
}

struct accel_base *accel_context_remove_locked(struct accel_context *context,
					       struct accel_handle *handle)
{
	struct accel_base *base = handle->base;

	ASSERT_LOCKED(&context->lock);
	htab_remove(&context->handles, &handle->node);
	context_forget_id(context, handle);
	free(handle);
	return base;
}

struct accel_base *accel_context_take(struct accel_context *context, enum accel_type type,
				      uint32_t id)
{
	SCOPED_LOCK(&context->lock);
	struct accel_handle *handle = accel_context_find_locked(context, type, id);

	return handle ? accel_context_remove_locked(context, handle) : NULL;
}

/* ---- device and events ------------------------------------------------------------- */

/* Of the first version of struct accel_device_info. */
#define INFO_MIN_SIZE 272

int accel_device_get_info(struct accel_context *context, struct accel_device_info *arg)
{
	struct accel_device_info info;
	int r = accel_info_take(arg, INFO_MIN_SIZE, &info, sizeof(info));

	if (r == 0)
		accel_device_query(context->device, arg);
	return r;
}

size_t accel_events_read(struct accel_context *context, struct accel_event *events,
			 size_t n)
{
	return accel_events_take(&context->events, events, n);
}

bool accel_events_pending(struct accel_context *context)
{
	return accel_events_any(&context->events);
}
