/* SPDX-License-Identifier: MIT */
#include "set.h"

#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "info.h"
#include "locked.h"
#include "sorted.h"

struct set_member {
	uint32_t asid; /* its id in the set's context */
	bool bound;
	uint64_t guest;            /* valid when bound */
	struct htab_node by_guest; /* in the set, when bound */
};

static struct accel_set *set_of(struct accel_base *base)
{
	return (struct accel_set *)base;
}

/* ---- life -------------------------------------------------------------------------- */

static void set_free_member(struct accel_set *set, struct set_member *member)
{
	if (member->bound)
		htab_remove(&set->by_guest, &member->by_guest);
	free(member);
}

static void set_free(struct accel_base *base)
{
	struct accel_set *set = set_of(base);

	for (size_t i = 0; i < set->n_members; i++)
		set_free_member(set, set->members[i]);
	free(set->members);
	htab_finish(&set->by_guest);
	pthread_mutex_destroy(&set->lock);
	accel_payer_uncharge(set->payer, ACCEL_RES_SETS, 1);
	accel_payer_unref(set->payer);
	free(set);
}

/* Its id is unique in the device, so that another context gets EPERM, not ENOENT. */
static int set_publish(struct accel_set *set)
{
	struct accel_device *device = set->device;
	SCOPED_LOCK(&device->lock);
	uint32_t number;
	int r = accel_ids_get(&device->set_ids, &number);

	if (r < 0)
		return r;
	r = htab_insert(&device->sets, &set->by_id, number | ACCEL_SET_ID);
	if (r < 0)
		accel_ids_put(&device->set_ids, number);
	else
		set->id = number | ACCEL_SET_ID;
	return r;
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

static int set_make(struct accel_context *context, uint32_t quota,
		    struct accel_set **ret_set)
{
	struct accel_set *set;
	int r = accel_payer_charge(context->payer, ACCEL_RES_SETS, 1);

	if (r < 0)
		return r;
	set = calloc(1, sizeof(*set));
	if (!set) {
		accel_payer_uncharge(context->payer, ACCEL_RES_SETS, 1);
		return -ENOMEM;
	}
	accel_base_init(&set->base, &set_ops);
	set->device = context->device;
	set->payer = accel_payer_ref(context->payer);
	set->context = context;
	set->quota = quota;
	pthread_mutex_init(&set->lock, NULL);
	r = set_publish(set);
	if (r < 0)
		accel_base_unref(&set->base);
	else
		*ret_set = set;
	return r;
}

int accel_set_create(struct accel_context *context, struct accel_set_create *arg)
{
	struct accel_set *set;
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && !arg->quota)
		r = -EINVAL;
	if (r == 0)
		r = set_make(context, arg->quota, &set);
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

/* The place of the first member whose id is not below @asid. */
static size_t set_place_locked(struct accel_set *set, uint32_t asid)
{
	ASSERT_LOCKED(&set->lock);
	return sorted_place(set->n_members, i, set->members[i]->asid < asid);
}

static struct set_member *set_member_locked(struct accel_set *set, uint32_t asid)
{
	size_t place = set_place_locked(set, asid);

	if (place == set->n_members || set->members[place]->asid != asid)
		return NULL;
	return set->members[place];
}

static struct set_member *set_member_by_guest_locked(struct accel_set *set,
						     uint64_t guest)
{
	ASSERT_LOCKED(&set->lock);
	return htab_item(htab_first(&set->by_guest, guest), struct set_member, by_guest);
}

static int set_insert_locked(struct accel_set *set, struct set_member *member)
{
	size_t place = set_place_locked(set, member->asid);
	int r = array_reserve(&set->members, &set->n_allocated, set->n_members + 1,
			      sizeof(struct set_member *));

	if (r == 0)
		*sorted_open(set->members, set->n_members++, place) = member;
	return r;
}

int accel_set_join(struct accel_set *set, uint32_t asid)
{
	struct set_member *member = calloc(1, sizeof(*member));
	int r;

	if (!member)
		return -ENOMEM;
	member->asid = asid;
	pthread_mutex_lock(&set->lock);
	r = set_insert_locked(set, member);
	pthread_mutex_unlock(&set->lock);
	if (r < 0)
		free(member);
	return r;
}

static void set_post(struct accel_set *set, enum accel_event_type type, uint32_t asid,
		     uint64_t guest)
{
	const struct accel_event event = {
		.type = type,
		.object = asid,
		.set = set->id,
		.asid = asid,
		.value = guest,
	};

	accel_events_post(&set->context->events, &event);
}

void accel_set_leave(struct accel_set *set, uint32_t asid)
{
	SCOPED_LOCK(&set->lock);
	struct set_member *member = set_member_locked(set, asid);

	if (!member)
		return;
	sorted_close(set->members, --set->n_members, set_place_locked(set, asid));
	if (member->bound) {
		set->bound--;
		set_post(set, ACCEL_EVENT_UNBIND, asid, member->guest);
	}
	set_post(set, ACCEL_EVENT_FREE, asid, 0);
	set_free_member(set, member);
}

/* ---- guest ids --------------------------------------------------------------------- */

static int set_bind_locked(struct accel_set *set, const struct accel_set_entry *arg)
{
	struct set_member *member = set_member_locked(set, arg->asid);
	int r;

	if (!member)
		return -EPERM;
	if (member->bound || set_member_by_guest_locked(set, arg->guest))
		return -EEXIST;
	r = htab_insert(&set->by_guest, &member->by_guest, arg->guest);
	if (r < 0)
		return r;
	member->bound = true;
	member->guest = arg->guest;
	set->bound++;
	set_post(set, ACCEL_EVENT_BIND, arg->asid, arg->guest);
	return 0;
}

static int set_unbind_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	struct set_member *member = set_member_by_guest_locked(set, arg->guest);

	if (!member)
		return -ENOENT;
	htab_remove(&set->by_guest, &member->by_guest);
	member->bound = false;
	set->bound--;
	set_post(set, ACCEL_EVENT_UNBIND, member->asid, arg->guest);
	return 0;
}

static int set_lookup_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	struct set_member *member;

	if (arg->flags & ACCEL_SET_BY_ASID)
		member = set_member_locked(set, arg->asid);
	else
		member = set_member_by_guest_locked(set, arg->guest);
	if (!member || !member->bound)
		return -ENOENT;
	arg->asid = member->asid;
	arg->guest = member->guest;
	return 0;
}

static int set_next_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	size_t place = set_place_locked(set, arg->asid);

	if (place < set->n_members && set->members[place]->asid == arg->asid)
		place++;
	if (place == set->n_members)
		return -ENOENT;
	arg->asid = set->members[place]->asid;
	arg->guest =
		set->members[place]->bound ? set->members[place]->guest : ACCEL_NO_GUEST;
	return 0;
}

/* ---- calls ------------------------------------------------------------------------- */

/* While the context is locked the ASID cannot leave the set. */
static int set_bind(struct accel_context *context, struct accel_set *set,
		    const struct accel_set_entry *arg)
{
	SCOPED_LOCK(&context->lock);
	SCOPED_LOCK(&set->lock);

	if (!accel_context_find_locked(context, ACCEL_TYPE_ASID, arg->asid))
		return -ENOENT;
	return set_bind_locked(set, arg);
}

int accel_set_bind(struct accel_context *context, struct accel_set_entry *arg)
{
	_cleanup_unref_ struct accel_set *set = NULL;
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && arg->guest == ACCEL_NO_GUEST)
		r = -EINVAL;
	if (r == 0)
		r = accel_set_get(context, arg->set, &set);
	return r < 0 ? r : set_bind(context, set, arg);
}

/* Calls a function with the set locked. */
static int set_with(struct accel_context *context, struct accel_set_entry *arg,
		    int (*call_locked)(struct accel_set *set,
				       struct accel_set_entry *arg))
{
	_cleanup_unref_ struct accel_set *set = NULL;
	int r = accel_set_get(context, arg->set, &set);

	if (r < 0)
		return r;
	SCOPED_LOCK(&set->lock);
	return call_locked(set, arg);
}

int accel_set_unbind(struct accel_context *context, struct accel_set_entry *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && arg->asid)
		r = -EINVAL;
	return r < 0 ? r : set_with(context, arg, set_unbind_locked);
}

int accel_set_lookup(struct accel_context *context, struct accel_set_entry *arg)
{
	int r = accel_check_flags(arg->flags, ACCEL_SET_BY_ASID);

	return r < 0 ? r : set_with(context, arg, set_lookup_locked);
}

int accel_set_next(struct accel_context *context, struct accel_set_entry *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	return r < 0 ? r : set_with(context, arg, set_next_locked);
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
