/* SPDX-License-Identifier: MIT */
#include "base/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/owners.h"
#include "locked.h"
#include "util.h"

/*
 * Exists while its uid holds anything, or owns the user namespace of one that does.
 * Protected by limits.lock.
 */
struct user {
	struct htab_node node;
	uid_t uid;
	bool owner_known;
	uint32_t token;     /* of limits_ops, once the owner is known */
	struct user *owner; /* of its user namespace, see owners.h; fixed once known */
	size_t n_owned;     /* users whose owner this is */
	uint64_t used[RES_COUNT]; /* by itself and by all users below */
};

void limits_init(struct limits *limits, const struct limits_config *config)
{
	*limits = (struct limits){.config = *config};
	limits_config_derive(&limits->config);
	pthread_mutex_init(&limits->lock, NULL);
}

static void limits_free_user(struct htab_node *node, void *data)
{
	free(container_of(node, struct user, node));
}

void limits_finish(struct limits *limits)
{
	htab_drain(&limits->users, limits_free_user, NULL);
	htab_finish(&limits->users);
	pthread_mutex_destroy(&limits->lock);
}

static struct user *limits_find_user_locked(struct limits *limits, uid_t uid)
{
	ASSERT_LOCKED(&limits->lock);
	return htab_item(htab_first(&limits->users, uid), struct user, node);
}

static struct user *limits_get_user_locked(struct limits *limits, uid_t uid)
{
	struct user *user = limits_find_user_locked(limits, uid);

	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	if (htab_insert(&limits->users, &user->node, uid) < 0) {
		free(user);
		return NULL;
	}
	return user;
}

static void limits_drop_if_idle_locked(struct limits *limits, struct user *user)
{
	static const uint64_t nothing[RES_COUNT];

	ASSERT_LOCKED(&limits->lock);
	while (user && !user->n_owned && !memcmp(user->used, nothing, sizeof(nothing))) {
		struct user *owner = user->owner;

		if (owner)
			owner->n_owned--;
		if (user->owner_known && limits->ops)
			limits->ops->forgotten(limits->ops_data, user->token);
		htab_remove(&limits->users, &user->node);
		free(user);
		user = owner;
	}
}

/* What the user holds by now counts for its owners from here on, over limits or not. */
static void limits_set_owner_locked(struct user *user, struct user *owner)
{
	user->owner_known = true;
	user->owner = owner;
	if (owner)
		owner->n_owned++;
	for (; owner; owner = owner->owner)
		for (int i = 0; i < RES_COUNT; i++)
			owner->used[i] += user->used[i];
}

static void limits_learn_owner_locked(struct limits *limits, struct user *user,
				      struct user *owner)
{
	ASSERT_LOCKED(&limits->lock);
	limits_set_owner_locked(user, owner);
	if (limits->ops)
		user->token = limits->ops->known(limits->ops_data, user->uid,
						 owner ? owner->uid : (uid_t)-1);
}

/*
 * Adds @uid and its @n owners, innermost first. An owner is in the parent namespace of
 * what it owns, so the rest of the list are its own owners. A user that is known already
 * stays as it is: therefore no circle can arise.
 */
static struct user *limits_add_chain_locked(struct limits *limits, uid_t uid,
					    const uid_t *owners, int n)
{
	struct user *user = NULL;

	ASSERT_LOCKED(&limits->lock);
	for (int i = n - 1; i >= -1; i--) {
		struct user *owner = user;

		user = limits_get_user_locked(limits, i >= 0 ? owners[i] : uid);
		if (!user) {
			limits_drop_if_idle_locked(limits, owner);
			return NULL;
		}
		if (!user->owner_known)
			limits_learn_owner_locked(limits, user, owner);
	}
	return user;
}

/* No sum can wrap: @used never exceeds a limit, and @n is compared with the rest. */
static bool limits_has_room(uint64_t used, uint64_t limit, uint64_t n)
{
	return n <= limit && used <= limit - n;
}

static bool limits_chain_has_room(const struct user *user, enum resource resource,
				  uint64_t limit, uint64_t n)
{
	for (; user; user = user->owner)
		if (!limits_has_room(user->used[resource], limit, n))
			return false;
	return true;
}

/* What users who hold much leave over. Where one user may have all, there is none. */
static uint64_t limits_reserve(const struct limits_config *config, enum resource resource)
{
	uint64_t per_mount = config->per_mount[resource];
	uint64_t per_uid = config->per_uid[resource];

	return per_uid < per_mount ? MIN(per_mount / 8, per_mount - per_uid) : 0;
}

/* How much a user may hold, and still take from the reserve. */
static uint64_t limits_little(const struct limits_config *config, enum resource resource)
{
	return MAX(MIN(config->per_mount[resource] / 1024, config->per_uid[resource] / 8),
		   UINT64_C(1));
}

static bool limits_mount_has_room(const struct limits *limits, const struct user *user,
				  enum resource resource, uint64_t n)
{
	const struct limits_config *config = &limits->config;
	uint64_t used = limits->used[resource], all = config->per_mount[resource];

	if (limits_has_room(used, all - limits_reserve(config, resource), n))
		return true;
	return limits_has_room(used, all, n) &&
	       limits_chain_has_room(user, resource, limits_little(config, resource), n);
}

static void limits_add(struct user *user, enum resource resource, uint64_t n)
{
	for (; user; user = user->owner)
		user->used[resource] += n;
}

static void limits_subtract(struct user *user, enum resource resource, uint64_t n)
{
	for (; user; user = user->owner)
		user->used[resource] -= n;
}

static int limits_charge_user_locked(struct limits *limits, struct user *user,
				     enum resource resource, uint64_t n)
{
	int r = 0;

	if (!user)
		return -ENOMEM;
	if (!limits_chain_has_room(user, resource, limits->config.per_uid[resource], n))
		r = -EDQUOT;
	else if (!limits_mount_has_room(limits, user, resource, n))
		r = -ENOSPC;
	if (r == 0) {
		limits_add(user, resource, n);
		limits->used[resource] += n;
	}
	limits_drop_if_idle_locked(limits, user);
	return r;
}

int limits_charge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	SCOPED_LOCK(&limits->lock);

	return limits_charge_user_locked(limits, limits_get_user_locked(limits, uid),
					 resource, n);
}

static bool limits_knows_owners(struct limits *limits, uid_t uid)
{
	SCOPED_LOCK(&limits->lock);
	const struct user *user = limits_find_user_locked(limits, uid);

	return user && user->owner_known;
}

static int limits_add_anyway_locked(struct limits *limits, struct user *user,
				    enum resource resource, uint64_t n)
{
	ASSERT_LOCKED(&limits->lock);
	if (!user)
		return -ENOMEM;
	limits_add(user, resource, n);
	limits->used[resource] += n;
	return 0;
}

/* With @add, one of the two functions that charge a user. */
static int limits_charge_payer(struct limits *limits, const struct payer *payer,
			       enum resource resource, uint64_t n,
			       int (*add)(struct limits *limits, struct user *user,
					  enum resource resource, uint64_t n))
{
	uid_t owners[OWNERS_MAX];
	int n_owners = -ESRCH;
	struct user *user;

	if (!limits_knows_owners(limits, payer->uid))
		n_owners = owners_read(payer->pid, payer->uid, owners);
	if (n_owners < 0 && n_owners != -ESRCH)
		return n_owners;
	SCOPED_LOCK(&limits->lock);
	user = n_owners < 0
		       ? limits_get_user_locked(limits, payer->uid)
		       : limits_add_chain_locked(limits, payer->uid, owners, n_owners);
	return add(limits, user, resource, n);
}

int limits_charge_process(struct limits *limits, const struct payer *payer,
			  enum resource resource, uint64_t n)
{
	return limits_charge_payer(limits, payer, resource, n, limits_charge_user_locked);
}

int limits_charge_process_anyway(struct limits *limits, const struct payer *payer,
				 enum resource resource, uint64_t n)
{
	return limits_charge_payer(limits, payer, resource, n, limits_add_anyway_locked);
}

void limits_charge_anyway(struct limits *limits, uid_t uid, enum resource resource,
			  uint64_t n)
{
	pthread_mutex_lock(&limits->lock);
	limits_add(limits_find_user_locked(limits, uid), resource, n);
	limits->used[resource] += n;
	pthread_mutex_unlock(&limits->lock);
}

static bool limits_is_nothing(const struct charge *charges, size_t n_charges)
{
	for (size_t i = 0; i < n_charges; i++)
		if (charges[i].n)
			return false;
	return true;
}

static bool limits_has_room_for_all(const struct limits *limits, const struct user *user,
				    const struct charge *charges, size_t n_charges)
{
	for (size_t i = 0; i < n_charges; i++)
		if (!limits_chain_has_room(user, charges[i].resource,
					   limits->config.per_uid[charges[i].resource],
					   charges[i].n))
			return false;
	return true;
}

int limits_transfer(struct limits *limits, uid_t from, uid_t to,
		    const struct charge *charges, size_t n_charges)
{
	SCOPED_LOCK(&limits->lock);
	struct user *giver = limits_find_user_locked(limits, from), *taker;
	bool has_room;

	if (limits_is_nothing(charges, n_charges))
		return 0;
	taker = limits_get_user_locked(limits, to);
	if (!taker)
		return -ENOMEM;
	/* First, so that it does not count twice for an owner of both. */
	for (size_t i = 0; i < n_charges; i++)
		limits_subtract(giver, charges[i].resource, charges[i].n);
	has_room = limits_has_room_for_all(limits, taker, charges, n_charges);
	for (size_t i = 0; i < n_charges; i++)
		limits_add(has_room ? taker : giver, charges[i].resource, charges[i].n);
	limits_drop_if_idle_locked(limits, has_room ? giver : taker);
	return has_room ? 0 : -EDQUOT;
}

void limits_uncharge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	SCOPED_LOCK(&limits->lock);
	struct user *user = limits_find_user_locked(limits, uid);

	limits_subtract(user, resource, n);
	limits_drop_if_idle_locked(limits, user);
	limits->used[resource] -= n;
}

uid_t limits_person(struct limits *limits, uid_t uid)
{
	SCOPED_LOCK(&limits->lock);
	const struct user *user = limits_find_user_locked(limits, uid);

	for (; user && user->owner; user = user->owner)
		uid = user->owner->uid;
	return uid;
}

uid_t limits_process_person(struct limits *limits, const struct payer *payer)
{
	uid_t owners[OWNERS_MAX];
	int n = 0;

	if (!limits_knows_owners(limits, payer->uid))
		n = owners_read(payer->pid, payer->uid, owners);
	return limits_person(limits, n > 0 ? owners[n - 1] : payer->uid);
}

uint64_t limits_used_by(struct limits *limits, uid_t uid, enum resource resource)
{
	const struct user *user;
	uint64_t used;

	pthread_mutex_lock(&limits->lock);
	user = limits_find_user_locked(limits, uid);
	used = user ? user->used[resource] : 0;
	pthread_mutex_unlock(&limits->lock);
	return used;
}

uid_t limits_find_full(struct limits *limits, uid_t uid, enum resource resource)
{
	SCOPED_LOCK(&limits->lock);
	const struct user *user = limits_find_user_locked(limits, uid);

	while (user && user->used[resource] < limits->config.per_uid[resource])
		user = user->owner;
	return user ? user->uid : uid;
}

bool limits_pays_for(struct limits *limits, uid_t owner, uid_t uid)
{
	SCOPED_LOCK(&limits->lock);
	const struct user *user = limits_find_user_locked(limits, uid);

	while (user && user->uid != owner)
		user = user->owner;
	return user;
}

static bool limits_stands_behind(const struct user *owner, const struct user *user)
{
	for (; owner; owner = owner->owner)
		if (owner == user)
			return true;
	return false;
}

int limits_restore_user(struct limits *limits, uid_t uid, uid_t owner, uint32_t token)
{
	SCOPED_LOCK(&limits->lock);
	struct user *user = limits_get_user_locked(limits, uid), *payer = NULL;

	if (user && owner != (uid_t)-1)
		payer = limits_get_user_locked(limits, owner);
	if (!user || (owner != (uid_t)-1 && !payer))
		return -ENOMEM;
	if (user->owner_known || limits_stands_behind(payer, user))
		return -EINVAL;
	limits_set_owner_locked(user, payer);
	user->token = token;
	return 0;
}

void limits_forget_idle(struct limits *limits, uid_t uid)
{
	SCOPED_LOCK(&limits->lock);

	limits_drop_if_idle_locked(limits, limits_find_user_locked(limits, uid));
}

uint64_t limits_used(struct limits *limits, enum resource resource)
{
	SCOPED_LOCK(&limits->lock);

	return limits->used[resource];
}
