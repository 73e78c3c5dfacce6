/* SPDX-License-Identifier: MIT */
#include "names/identities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "locked.h"
#include "util.h"

struct identity_handle {
	struct identity identity; /* fixed */
	/* Protected by identities.lock. */
	struct htab_node by_token;
	bool has_token;
	uint8_t token[DMABUFFS_TOKEN_SIZE];
};

void identities_init(struct identities *identities, struct limits *limits)
{
	*identities = (struct identities){.limits = limits};
	hash_key_init(&identities->key);
	pthread_mutex_init(&identities->lock, NULL);
}

static void identities_free(struct htab_node *node, void *data)
{
	free(container_of(node, struct identity_handle, by_token));
}

void identities_finish(struct identities *identities)
{
	htab_drain(&identities->by_token, identities_free, NULL);
	htab_finish(&identities->by_token);
	pthread_mutex_destroy(&identities->lock);
}

int identities_open(struct identities *identities, const struct identity *identity,
		    pid_t pid, struct identity_handle **ret_handle)
{
	const struct payer payer = {identity->process.uid, pid};
	struct identity_handle *handle;
	int r = limits_charge_process(identities->limits, &payer, RES_ROOTS, 1);

	if (r < 0)
		return r;
	handle = calloc(1, sizeof(*handle));
	if (!handle) {
		limits_uncharge(identities->limits, payer.uid, RES_ROOTS, 1);
		return -ENOMEM;
	}
	handle->identity = *identity;
	*ret_handle = handle;
	return 0;
}

static void identities_end_token_locked(struct identities *identities,
					struct identity_handle *handle)
{
	ASSERT_LOCKED(&identities->lock);
	if (handle->has_token)
		htab_remove(&identities->by_token, &handle->by_token);
	handle->has_token = false;
}

void identities_close(struct identities *identities, struct identity_handle *handle)
{
	pthread_mutex_lock(&identities->lock);
	identities_end_token_locked(identities, handle);
	pthread_mutex_unlock(&identities->lock);
	limits_uncharge(identities->limits, handle->identity.process.uid, RES_ROOTS, 1);
	free(handle);
}

int identities_make_token(struct identities *identities, struct identity_handle *handle,
			  uint8_t ret_token[DMABUFFS_TOKEN_SIZE])
{
	SCOPED_LOCK(&identities->lock);
	int r;

	identities_end_token_locked(identities, handle);
	randombytes_buf(handle->token, sizeof(handle->token));
	r = htab_insert(
		&identities->by_token, &handle->by_token,
		keyed_hash(&identities->key, handle->token, sizeof(handle->token)));
	if (r < 0)
		return r;
	handle->has_token = true;
	memcpy(ret_token, handle->token, sizeof(handle->token));
	return 0;
}

int identities_take_token(struct identities *identities,
			  const uint8_t token[DMABUFFS_TOKEN_SIZE], struct ids process,
			  struct identity *ret_identity)
{
	SCOPED_LOCK(&identities->lock);
	struct identity_handle *handle;

	htab_for_each_hash(handle, &identities->by_token,
			   keyed_hash(&identities->key, token, DMABUFFS_TOKEN_SIZE),
			   by_token)
		if (!sodium_memcmp(handle->token, token, DMABUFFS_TOKEN_SIZE))
			break;
	if (!handle)
		return -ENOENT;
	if (!ids_are_same(handle->identity.process, process))
		return -EPERM;
	identities_end_token_locked(identities, handle);
	*ret_identity = handle->identity;
	return 0;
}
