/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Exists while its uid holds anything. */
struct user {
	struct htab_node node;
	uid_t uid;
	uint64_t used[RES_COUNT];
};

void limits_config_default(struct limits_config *ret_config)
{
	*ret_config = (struct limits_config){
		.per_uid = {
			[RES_EXPORTS] = 16384,
			[RES_BYTES] = UINT64_C(1) << 40,
			[RES_ROOTS] = 4096,
			[RES_CONNECTIONS] = 128,
			[RES_CLOSES] = 8,
			[RES_OFFLOADS] = 8,
			[RES_IO] = 64,
		},
		.per_mount = {
			[RES_EXPORTS] = 262144,
			[RES_BYTES] = UINT64_C(1) << 42,
			[RES_ROOTS] = 65536,
			[RES_CONNECTIONS] = 4096,
			[RES_CLOSES] = 256,
			[RES_OFFLOADS] = 256,
			[RES_IO] = 4096,
		},
	};
}

void limits_init(struct limits *limits, const struct limits_config *config)
{
	*limits = (struct limits){ .config = *config };
	pthread_mutex_init(&limits->lock, NULL);
}

static void free_user(struct htab_node *node, void *data)
{
	free(container_of(node, struct user, node));
}

void limits_finish(struct limits *limits)
{
	htab_drain(&limits->users, free_user, NULL);
	htab_finish(&limits->users);
	pthread_mutex_destroy(&limits->lock);
}

static struct user *find_user(struct limits *limits, uid_t uid)
{
	struct htab_node *node = htab_first(&limits->users, uid);

	return node ? container_of(node, struct user, node) : NULL;
}

static struct user *get_user(struct limits *limits, uid_t uid)
{
	struct user *user = find_user(limits, uid);

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

static void drop_if_idle(struct limits *limits, struct user *user)
{
	static const uint64_t nothing[RES_COUNT];

	if (memcmp(user->used, nothing, sizeof(nothing)))
		return;
	htab_remove(&limits->users, &user->node);
	free(user);
}

/* Neither sum can wrap: the part used never exceeds a limit, n is compared to the rest. */
static int check(const struct limits *limits, const struct user *user,
		 enum resource resource, uint64_t n)
{
	const struct limits_config *config = &limits->config;

	if (n > config->per_uid[resource] ||
	    user->used[resource] > config->per_uid[resource] - n)
		return -EDQUOT;
	if (n > config->per_mount[resource] ||
	    limits->used[resource] > config->per_mount[resource] - n)
		return -ENOSPC;
	return 0;
}

int limits_charge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	struct user *user;
	int r = -ENOMEM;

	pthread_mutex_lock(&limits->lock);
	user = get_user(limits, uid);
	if (user) {
		r = check(limits, user, resource, n);
		if (r == 0) {
			user->used[resource] += n;
			limits->used[resource] += n;
		}
		drop_if_idle(limits, user);
	}
	pthread_mutex_unlock(&limits->lock);
	return r;
}

void limits_uncharge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n)
{
	struct user *user;

	pthread_mutex_lock(&limits->lock);
	user = find_user(limits, uid);
	if (user) {
		user->used[resource] -= n;
		limits->used[resource] -= n;
		drop_if_idle(limits, user);
	}
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
