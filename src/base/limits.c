/* SPDX-License-Identifier: MIT */
#include "base/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Exists while its uid holds anything. */
struct user {
	struct htab_node node;
	uid_t uid;
	uint64_t used[RES_COUNT];
};

void limits_config_default(struct limits_config *ret_config)
{
	*ret_config = (struct limits_config){
		.per_uid =
			{
				[RES_EXPORTS] = 16384,
				[RES_BYTES] = UINT64_C(1) << 40,
				[RES_ROOTS] = 4096,
				[RES_CONNECTIONS] = 128,
				[RES_TICKETS] = 64,
				[RES_CLOSES] = 32,
				[RES_OFFLOADS] = 32,
				[RES_IO] = 64,
				[RES_CONTEXTS] = 2048,
				[RES_ASIDS] = 16384,
				[RES_SETS] = 1024,
				[RES_QUEUES] = 32,
				[RES_FILES] = 1024,
				[RES_MAPPINGS] = 262144,
				[RES_FENCES] = 4096,
				[RES_MEMORY] = UINT64_C(1) << 29,
				[RES_PINNED] = UINT64_C(1) << 38,
			},
		.per_mount =
			{
				[RES_EXPORTS] = 262144,
				[RES_BYTES] = UINT64_C(1) << 42,
				[RES_ROOTS] = 65536,
				[RES_CONNECTIONS] = 4096,
				[RES_TICKETS] = 1024,
				[RES_CLOSES] = 4096,
				[RES_OFFLOADS] = 4096,
				[RES_IO] = 4096,
				[RES_CONTEXTS] = 16384,
				[RES_ASIDS] = 131072,
				[RES_SETS] = 16384,
				[RES_QUEUES] = 2048,
				[RES_FILES] = 8192,
				[RES_MAPPINGS] = 2097152,
				[RES_FENCES] = 65536,
				[RES_MEMORY] = UINT64_C(1) << 46,
				[RES_PINNED] = UINT64_C(1) << 42,
			},
	};
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

static struct user *limits_find_user(struct limits *limits, uid_t uid)
{
	struct htab_node *node = htab_first(&limits->users, uid);

	return node ? container_of(node, struct user, node) : NULL;
}

static struct user *limits_get_user(struct limits *limits, uid_t uid)
{
	struct user *user = limits_find_user(limits, uid);

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

static void limits_drop_if_idle(struct limits *limits, struct user *user)
{
	static const uint64_t nothing[RES_COUNT];

	if (memcmp(user->used, nothing, sizeof(nothing)))
		return;
	htab_remove(&limits->users, &user->node);
	free(user);
}

/* Neither sum can wrap: the part used never exceeds a limit, n is compared to the rest.
 */
static bool limits_has_room(uint64_t used, uint64_t limit, uint64_t n)
{
	return n <= limit && used <= limit - n;
}

/* The user's part only. The lock is held. */
static int limits_charge_user(struct limits *limits, uid_t uid, enum resource resource,
			      uint64_t n)
{
	struct user *user = limits_get_user(limits, uid);
	int r = 0;

	if (!user)
		return -ENOMEM;
	if (limits_has_room(user->used[resource], limits->config.per_uid[resource], n))
		user->used[resource] += n;
	else
		r = -EDQUOT;
	limits_drop_if_idle(limits, user);
	return r;
}

static void limits_uncharge_user(struct limits *limits, uid_t uid, enum resource resource,
				 uint64_t n)
{
	struct user *user = limits_find_user(limits, uid);

	if (!user)
		return;
	user->used[resource] -= n;
	limits_drop_if_idle(limits, user);
}

int limits_charge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	int r;

	pthread_mutex_lock(&limits->lock);
	r = limits_charge_user(limits, uid, resource, n);
	if (r == 0) {
		if (limits_has_room(limits->used[resource],
				    limits->config.per_mount[resource], n)) {
			limits->used[resource] += n;
		} else {
			limits_uncharge_user(limits, uid, resource, n);
			r = -ENOSPC;
		}
	}
	pthread_mutex_unlock(&limits->lock);
	return r;
}

int limits_transfer(struct limits *limits, uid_t from, uid_t to, enum resource resource,
		    uint64_t n)
{
	int r;

	pthread_mutex_lock(&limits->lock);
	r = limits_charge_user(limits, to, resource, n);
	if (r == 0)
		limits_uncharge_user(limits, from, resource, n);
	pthread_mutex_unlock(&limits->lock);
	return r;
}

void limits_uncharge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	pthread_mutex_lock(&limits->lock);
	limits_uncharge_user(limits, uid, resource, n);
	limits->used[resource] -= n;
	pthread_mutex_unlock(&limits->lock);
}

uint64_t limits_used(struct limits *limits, enum resource resource)
{
	uint64_t used;

	pthread_mutex_lock(&limits->lock);
	used = limits->used[resource];
	pthread_mutex_unlock(&limits->lock);
	return used;
}
