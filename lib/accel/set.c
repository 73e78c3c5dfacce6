/* SPDX-License-Identifier: MIT */
#include "set.h"

#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "info.h"
#include "locked.h"

static struct accel_set *set_of(struct accel_base *base)
{
	return (struct accel_set *)base;
}

/* ---- life -------------------------------------------------------------------------- */

static void set_free(struct accel_base *base)
{
	struct accel_set *set = set_of(base);

	accel_set_free_members(set);
	pthread_mutex_destroy(&set->lock);
	accel_record_drop(set->device, set->base.record);
	accel_payer_uncharge(set->payer, ACCEL_RES_SETS, 1);
	accel_payer_unref(set->payer);
	free(set);
}

static int set_publish_locked(struct accel_device *device, struct accel_set *set,
			      uint32_t number)
{
	int r = htab_insert(&device->sets, &set->by_id, number | ACCEL_SET_ID);

	ASSERT_LOCKED(&device->lock);
	if (r < 0)
		accel_ids_put(&device->set_ids, number);
	else
		set->id = number | ACCEL_SET_ID;
	return r;
}

/*
 * Its id is unique in the device, so that another context gets EPERM, not ENOENT.
 * @number: 0 for any.
 */
static int set_publish(struct accel_set *set, uint32_t number)
{
	struct accel_device *device = set->device;
	SCOPED_LOCK(&device->lock);
	int r = number ? accel_ids_claim(&device->set_ids, number)
		       : accel_ids_get(&device->set_ids, &number);

	return r < 0 ? r : set_publish_locked(device, set, number);
}

/* Gives its id back to the device. */
static void set_close(struct accel_set *set)
{
	struct accel_device *device = set->device;
	SCOPED_LOCK(&device->lock);

	htab_remove(&device->sets, &set->by_id);
	accel_ids_put(&device->set_ids, set->id & ~ACCEL_SET_ID);
}

static void set_leave(struct accel_base *base, struct accel_context *context, uint32_t id)
{
	set_close(set_of(base));
}

static const struct accel_base_ops set_ops = {
	.type = ACCEL_TYPE_SET,
	.leave = set_leave,
	.free = set_free,
};

/* Without an id. @context: NULL if it is gone. */
static int set_make(struct accel_payer *payer, struct accel_context *context,
		    uint32_t quota, struct accel_set **ret_set)
{
	struct accel_set *set;
	int r = accel_payer_charge(payer, ACCEL_RES_SETS, 1);

	if (r < 0)
		return r;
	set = calloc(1, sizeof(*set));
	if (!set) {
		accel_payer_uncharge(payer, ACCEL_RES_SETS, 1);
		return -ENOMEM;
	}
	accel_base_init(&set->base, &set_ops);
	set->device = payer->device;
	set->payer = accel_payer_ref(payer);
	set->context = context;
	set->quota = quota;
	pthread_mutex_init(&set->lock, NULL);
	*ret_set = set;
	return 0;
}

static int set_make_and_publish(struct accel_context *context, uint32_t quota,
				struct accel_set **ret_set)
{
	struct accel_set *set;
	int r = set_make(context->payer, context, quota, &set);

	if (r < 0)
		return r;
	r = accel_record_make(context->device, ACCEL_RECORD_SET, &set->base.record);
	if (r == 0 && set->base.record)
		set->base.record->set.quota = quota;
	if (r == 0)
		r = set_publish(set, 0);
	if (r < 0)
		accel_base_unref(&set->base);
	else
		*ret_set = set;
	return r;
}

int accel_set_restore(struct accel_payer *payer, struct accel_context *context,
		      struct accel_record *record, struct accel_base **ret_set)
{
	struct accel_set *set;
	int r;

	if (!record->set.quota || (record->id && !(record->id & ACCEL_SET_ID)))
		return -EINVAL;
	r = set_make(payer, context, record->set.quota, &set);
	if (r == 0 && record->id && context) {
		r = set_publish(set, record->id & ~ACCEL_SET_ID);
		if (r < 0)
			accel_base_unref(&set->base);
	}
	if (r < 0)
		return r;
	set->base.record = record;
	*ret_set = &set->base;
	return 0;
}

int accel_set_create(struct accel_context *context, struct accel_set_create *arg)
{
	struct accel_set *set;
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && !arg->quota)
		r = -EINVAL;
	if (r == 0)
		r = set_make_and_publish(context, arg->quota, &set);
	if (r < 0)
		return r;
	r = accel_context_add(context, &set->base, set->id, &arg->id);
	if (r < 0) {
		set_close(set);
		accel_base_unref(&set->base);
	}
	return r;
}

static bool set_is_known(struct accel_device *device, uint32_t id)
{
	SCOPED_LOCK(&device->lock);

	return htab_first(&device->sets, id);
}

int accel_set_get(struct accel_context *context, uint32_t id, struct accel_set **ret_set)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_SET, id);

	if (!base)
		return set_is_known(context->device, id) ? -EPERM : -ENOENT;
	*ret_set = set_of(base);
	return 0;
}

static bool set_is_used(struct accel_set *set)
{
	SCOPED_LOCK(&set->lock);

	return set->live || set->guards;
}

static int set_remove(struct accel_context *context, uint32_t id)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	SCOPED_LOCK(&context->lock);
	struct accel_handle *handle =
		accel_context_find_locked(context, ACCEL_TYPE_SET, id);

	if (!handle)
		return set_is_known(context->device, id) ? -EPERM : -ENOENT;
	if (set_is_used(set_of(handle->base)))
		return -EBUSY;
	base = accel_context_remove_locked(context, handle);
	set_close(set_of(base));
	return 0;
}

int accel_set_destroy(struct accel_context *context, struct accel_object *arg)
{
	int r = accel_check_object(arg);

	return r < 0 ? r : set_remove(context, arg->id);
}

/* ---- members ------------------------------------------------------------------ */

int accel_set_reserve(struct accel_set *set)
{
	SCOPED_LOCK(&set->lock);

	if (set->live == set->quota)
		return -EDQUOT;
	set->live++;
	return 0;
}

void accel_set_unreserve(struct accel_set *set)
{
	SCOPED_LOCK(&set->lock);

	set->live--;
}

void accel_set_guard(struct accel_set *set)
{
	SCOPED_LOCK(&set->lock);

	set->guards++;
}

void accel_set_unguard(struct accel_set *set)
{
	SCOPED_LOCK(&set->lock);

	set->guards--;
}

/* Of the first version of struct accel_set_info. */
#define INFO_MIN_SIZE 24

static void set_fill_info(struct accel_set *set, struct accel_set_info *info)
{
	SCOPED_LOCK(&set->lock);

	info->quota = set->quota;
	info->asids = set->live;
	info->bound = set->bound;
}

int accel_set_get_info(struct accel_context *context, struct accel_set_info *arg)
{
	_cleanup_unref_ struct accel_set *set = NULL;
	struct accel_set_info info;
	int r = accel_info_take(arg, INFO_MIN_SIZE, &info, sizeof(info));

	if (r == 0)
		r = accel_set_get(context, info.id, &set);
	if (r < 0)
		return r;
	set_fill_info(set, &info);
	accel_info_give(&info, sizeof(info), arg);
	return 0;
}
