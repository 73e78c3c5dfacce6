/* SPDX-License-Identifier: MIT */
/* set_member.c - the ASIDs of a set, and the guest ids that are bound to them */

#include <stdlib.h>

#include "context.h"
#include "locked.h"
#include "set.h"
#include "sorted.h"

struct set_member {
	uint32_t asid;               /* its id in the set's context */
	struct accel_record *record; /* of the ASID, or NULL */
	bool bound;
	uint64_t guest;            /* valid when bound */
	struct htab_node by_guest; /* in the set, when bound */
};

/* ---- members ---------------------------------------------------------------------- */

static void set_member_free(struct accel_set *set, struct set_member *member)
{
	if (member->bound)
		htab_remove(&set->by_guest, &member->by_guest);
	free(member);
}

void accel_set_free_members(struct accel_set *set)
{
	for (size_t i = 0; i < set->n_members; i++)
		set_member_free(set, set->members[i]);
	free(set->members);
	htab_finish(&set->by_guest);
}

/* The place of the first member whose id is not below @asid. */
static size_t set_member_place_locked(struct accel_set *set, uint32_t asid)
{
	ASSERT_LOCKED(&set->lock);
	return sorted_place(set->n_members, i, set->members[i]->asid < asid);
}

static struct set_member *set_member_find_locked(struct accel_set *set, uint32_t asid)
{
	size_t place = set_member_place_locked(set, asid);

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

static int set_member_insert_locked(struct accel_set *set, struct set_member *member)
{
	size_t place = set_member_place_locked(set, member->asid);
	int r = array_reserve(&set->members, &set->n_allocated, set->n_members + 1,
			      sizeof(struct set_member *));

	if (r == 0)
		*sorted_open(set->members, set->n_members++, place) = member;
	return r;
}

int accel_set_join(struct accel_set *set, uint32_t asid, struct accel_record *record)
{
	struct set_member *member = calloc(1, sizeof(*member));
	int r;

	if (!member)
		return -ENOMEM;
	member->asid = asid;
	member->record = record;
	pthread_mutex_lock(&set->lock);
	r = set_member_insert_locked(set, member);
	pthread_mutex_unlock(&set->lock);
	if (r < 0)
		free(member);
	return r;
}

static void set_member_post(struct accel_set *set, enum accel_event_type type,
			    uint32_t asid, uint64_t guest)
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
	struct set_member *member = set_member_find_locked(set, asid);

	if (!member)
		return;
	sorted_close(set->members, --set->n_members, set_member_place_locked(set, asid));
	if (member->bound) {
		set->bound--;
		set_member_post(set, ACCEL_EVENT_UNBIND, asid, member->guest);
	}
	set_member_post(set, ACCEL_EVENT_FREE, asid, 0);
	set_member_free(set, member);
}

static int set_member_restore_locked(struct accel_set *set,
				     const struct accel_record *record)
{
	struct set_member *member = set_member_find_locked(set, record->id);
	int r;

	if (!record->asid.bound)
		return 0;
	if (!member || set_member_by_guest_locked(set, record->asid.guest))
		return -EEXIST;
	r = htab_insert(&set->by_guest, &member->by_guest, record->asid.guest);
	if (r < 0)
		return r;
	member->bound = true;
	member->guest = record->asid.guest;
	set->bound++;
	return 0;
}

int accel_set_restore_member(struct accel_set *set, struct accel_record *record)
{
	int r = accel_set_join(set, record->id, record);

	if (r < 0)
		return r;
	pthread_mutex_lock(&set->lock);
	r = set_member_restore_locked(set, record);
	pthread_mutex_unlock(&set->lock);
	if (r < 0)
		accel_set_leave(set, record->id);
	return r;
}

/* ---- guest ids --------------------------------------------------------------------- */

static int set_member_bind_locked(struct accel_set *set,
				  const struct accel_set_entry *arg)
{
	struct set_member *member = set_member_find_locked(set, arg->asid);
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
	ACCEL_RECORD_STORE(member->record, asid.guest, arg->guest);
	ACCEL_RECORD_STORE(member->record, asid.bound, 1);
	set->bound++;
	set_member_post(set, ACCEL_EVENT_BIND, arg->asid, arg->guest);
	return 0;
}

static int set_member_unbind_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	struct set_member *member = set_member_by_guest_locked(set, arg->guest);

	if (!member)
		return -ENOENT;
	htab_remove(&set->by_guest, &member->by_guest);
	member->bound = false;
	ACCEL_RECORD_STORE(member->record, asid.bound, 0);
	set->bound--;
	set_member_post(set, ACCEL_EVENT_UNBIND, member->asid, arg->guest);
	return 0;
}

static int set_member_lookup_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	struct set_member *member;

	if (arg->flags & ACCEL_SET_BY_ASID)
		member = set_member_find_locked(set, arg->asid);
	else
		member = set_member_by_guest_locked(set, arg->guest);
	if (!member || !member->bound)
		return -ENOENT;
	arg->asid = member->asid;
	arg->guest = member->guest;
	return 0;
}

static int set_member_next_locked(struct accel_set *set, struct accel_set_entry *arg)
{
	size_t place = set_member_place_locked(set, arg->asid);

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
static int set_member_bind(struct accel_context *context, struct accel_set *set,
			   const struct accel_set_entry *arg)
{
	SCOPED_LOCK(&context->lock);
	SCOPED_LOCK(&set->lock);

	if (!accel_context_find_locked(context, ACCEL_TYPE_ASID, arg->asid))
		return -ENOENT;
	return set_member_bind_locked(set, arg);
}

int accel_set_bind(struct accel_context *context, struct accel_set_entry *arg)
{
	_cleanup_unref_ struct accel_set *set = NULL;
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && arg->guest == ACCEL_NO_GUEST)
		r = -EINVAL;
	if (r == 0)
		r = accel_set_get(context, arg->set, &set);
	return r < 0 ? r : set_member_bind(context, set, arg);
}

/* Calls a function with the set locked. */
static int set_member_with(struct accel_context *context, struct accel_set_entry *arg,
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
	return r < 0 ? r : set_member_with(context, arg, set_member_unbind_locked);
}

int accel_set_lookup(struct accel_context *context, struct accel_set_entry *arg)
{
	int r = accel_check_flags(arg->flags, ACCEL_SET_BY_ASID);

	return r < 0 ? r : set_member_with(context, arg, set_member_lookup_locked);
}

int accel_set_next(struct accel_context *context, struct accel_set_entry *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	return r < 0 ? r : set_member_with(context, arg, set_member_next_locked);
}
