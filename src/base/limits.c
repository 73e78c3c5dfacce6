/* SPDX-License-Identifier: MIT */
#include "base/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "locked.h"
#include "util.h"

/* Exists while its uid holds anything; protected by limits.lock. */
struct user {
	struct htab_node node;
	uid_t uid;
	uint64_t used[RES_COUNT];
};

static const struct {
	uint64_t per_uid, per_mount;
} limits_defaults[RES_COUNT] = {
	[RES_EXPORTS] = {16384, 262144},
	[RES_BYTES] = {UINT64_C(1) << 40, UINT64_C(1) << 42},
	[RES_ROOTS] = {4096, 65536},
	[RES_CONNECTIONS] = {128, 4096},
	[RES_TICKETS] = {64, 1024},
	[RES_CLOSES] = {32, 4096},
	[RES_OFFLOADS] = {32, 4096},
	[RES_IO] = {64, 4096},
	[RES_CONTEXTS] = {2048, 16384},
	[RES_ASIDS] = {16384, 131072},
	[RES_SETS] = {1024, 16384},
	[RES_QUEUES] = {32, 2048},
	[RES_FILES] = {1024, 8192},
	[RES_MAPPINGS] = {262144, 2097152},
	[RES_FENCES] = {4096, 65536},
	[RES_MEMORY] = {UINT64_C(1) << 29, UINT64_C(1) << 46},
	[RES_PINNED] = {UINT64_C(1) << 38, UINT64_C(1) << 42},
};

void limits_config_default(struct limits_config *ret_config)
{
	for (size_t i = 0; i < RES_COUNT; i++) {
		ret_config->per_uid[i] = limits_defaults[i].per_uid;
		ret_config->per_mount[i] = limits_defaults[i].per_mount;
	}
}

static void limits_bound(struct limits_config *config, enum resource resource, uint64_t n)
{
	config->per_mount[resource] =
		MIN(config->per_mount[resource], MAX(n, UINT64_C(1)));
	config->per_uid[resource] =
		MIN(config->per_uid[resource], MAX(n / 4, UINT64_C(1)));
}

void limits_fit_descriptors(struct limits *limits, uint64_t n)
{
	limits_bound(&limits->config, RES_CONNECTIONS, n / 2);
	limits_bound(&limits->config, RES_TICKETS, n / 8);
	limits_bound(&limits->config, RES_FILES, n / 4);
}

void limits_init(struct limits *limits, const struct limits_config *config)
{
	*limits = (struct limits){.config = *config};
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
	if (memcmp(user->used, nothing, sizeof(nothing)))
		return;
	htab_remove(&limits->users, &user->node);
	free(user);
}

/* No sum can wrap: @used never exceeds a limit, and @n is compared with the rest. */
static bool limits_has_room(uint64_t used, uint64_t limit, uint64_t n)
{
	return n <= limit && used <= limit - n;
}

/* The user's part only. */
static int limits_charge_user_locked(struct limits *limits, uid_t uid,
				     enum resource resource, uint64_t n)
{
	struct user *user = limits_get_user_locked(limits, uid);
	int r = 0;

	if (!user)
		return -ENOMEM;
	if (limits_has_room(user->used[resource], limits->config.per_uid[resource], n))
		user->used[resource] += n;
	else
		r = -EDQUOT;
	limits_drop_if_idle_locked(limits, user);
	return r;
}

static void limits_uncharge_user_locked(struct limits *limits, uid_t uid,
					enum resource resource, uint64_t n)
{
	struct user *user = limits_find_user_locked(limits, uid);

	if (!user)
		return;
	user->used[resource] -= n;
	limits_drop_if_idle_locked(limits, user);
}

int limits_charge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	SCOPED_LOCK(&limits->lock);
	int r = limits_charge_user_locked(limits, uid, resource, n);

	if (r < 0)
		return r;
	if (!limits_has_room(limits->used[resource], limits->config.per_mount[resource],
			     n)) {
		limits_uncharge_user_locked(limits, uid, resource, n);
		return -ENOSPC;
	}
	limits->used[resource] += n;
	return 0;
}

int limits_transfer(struct limits *limits, uid_t from, uid_t to, enum resource resource,
		    uint64_t n)
{
	SCOPED_LOCK(&limits->lock);
	int r = limits_charge_user_locked(limits, to, resource, n);

	if (r == 0)
		limits_uncharge_user_locked(limits, from, resource, n);
	return r;
}

void limits_uncharge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	SCOPED_LOCK(&limits->lock);

	limits_uncharge_user_locked(limits, uid, resource, n);
	limits->used[resource] -= n;
}

uint64_t limits_used(struct limits *limits, enum resource resource)
{
	SCOPED_LOCK(&limits->lock);

	return limits->used[resource];
}
