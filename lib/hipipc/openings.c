/* SPDX-License-Identifier: MIT */
/*
 * openings.c - the registry of opens
 *
 * A mapping is one buffer mapped for one device. An opening is an address in it, since
 * handles may have different offsets. The lock is not held while a mapping is made or
 * removed: other threads wait for a mapping that is being made, and make a second one
 * next to a mapping that is being removed.
 */
#include "openings.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <htab.h>
#include <locked.h>
#include <util.h>

#include "fetch.h"
#include "reason.h"

enum mapping_state { MAPPING_MAKING, MAPPING_READY };

/**
 * struct mapping - an imported buffer
 * @by_uuid: in the table of mappings
 * @provider: the provider that mapped it
 * @key: the buffer, and the part of it that is mapped
 * @place: the context and device that have it open
 * @state: MAPPING_*
 * @pointer: where it is mapped, once READY
 * @opens: sum of the counts of its openings
 */
struct mapping {
	struct htab_node by_uuid;
	const struct hipipc_provider *provider;
	struct hipipc_handle key;
	struct hipipc_place place;
	enum mapping_state state;
	uint64_t pointer;
	uint64_t opens;
};

/* An address that open returned, and how often. */
struct opening {
	struct htab_node by_pointer;
	struct mapping *mapping;
	uint64_t pointer;
	uint64_t count;
};

/* Protects the tables and their entries. */
static pthread_mutex_t openings_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t openings_made = PTHREAD_COND_INITIALIZER;
static struct htab openings_mappings;
static struct htab openings;

/* ---- tables ------------------------------------------------------------------------ */

/* The low bits of page addresses are equal. */
static uint64_t openings_hash_pointer(uint64_t pointer)
{
	return (pointer * UINT64_C(0x9e3779b97f4a7c15)) >> 12;
}

static bool openings_same_part(const struct hipipc_handle *a,
			       const struct hipipc_handle *b)
{
	return a->kind == b->kind && a->base == b->base && a->bytes == b->bytes;
}

/* *@ret_mapping becomes NULL if there is none. -EBUSY: another context has the buffer. */
static int openings_find_mapping_locked(const struct hipipc_handle *handle,
					const struct hipipc_place *place,
					struct mapping **ret_mapping)
{
	struct mapping *mapping, *found = NULL;

	ASSERT_LOCKED(&openings_lock);
	htab_for_each_hash(mapping, &openings_mappings, handle_hash(&handle->uuid),
			   by_uuid) {
		if (memcmp(&mapping->key.uuid, &handle->uuid, sizeof(handle->uuid)) !=
			    0 ||
		    mapping->place.device != place->device)
			continue;
		if (mapping->place.context != place->context)
			return reason(-EBUSY, "another context of device %d has it open",
				      place->device);
		if (openings_same_part(&mapping->key, handle))
			found = mapping;
	}
	*ret_mapping = found;
	return 0;
}

static struct opening *openings_find_opening_locked(uint64_t pointer)
{
	struct opening *opening;

	ASSERT_LOCKED(&openings_lock);
	htab_for_each_hash(opening, &openings, openings_hash_pointer(pointer), by_pointer)
		if (opening->pointer == pointer)
			break;
	return opening;
}

static int openings_add_mapping_locked(const struct hipipc_provider *provider,
				       const struct hipipc_handle *handle,
				       const struct hipipc_place *place,
				       struct mapping **ret_mapping)
{
	_cleanup_free_ struct mapping *mapping = calloc(1, sizeof(*mapping));
	int r;

	ASSERT_LOCKED(&openings_lock);
	if (!mapping)
		return -ENOMEM;
	mapping->provider = provider;
	mapping->key = *handle;
	mapping->place = *place;
	r = htab_insert(&openings_mappings, &mapping->by_uuid,
			handle_hash(&handle->uuid));
	if (r < 0)
		return r;
	*ret_mapping = TAKE_PTR(mapping);
	return 0;
}

static int openings_add_opening_locked(struct mapping *mapping, uint64_t pointer,
				       struct opening **ret_opening)
{
	_cleanup_free_ struct opening *opening = calloc(1, sizeof(*opening));
	int r;

	ASSERT_LOCKED(&openings_lock);
	if (!opening)
		return -ENOMEM;
	opening->mapping = mapping;
	opening->pointer = pointer;
	r = htab_insert(&openings, &opening->by_pointer, openings_hash_pointer(pointer));
	if (r < 0)
		return r;
	*ret_opening = TAKE_PTR(opening);
	return 0;
}

/* One more open of an address of a READY mapping. */
static int openings_count_locked(struct mapping *mapping, uint64_t pointer)
{
	struct opening *opening = openings_find_opening_locked(pointer);
	int r = opening ? 0 : openings_add_opening_locked(mapping, pointer, &opening);

	if (r < 0)
		return r;
	opening->count++;
	mapping->opens++;
	return 0;
}

/* ---- mappings ---------------------------------------------------------------------- */

/*
 * Maps the opened name itself if the provider can, which saves a request and makes the
 * service count this process as an importer; else exchanges it for the buffer.
 */
static int openings_import_descriptor(const struct hipipc_provider *provider,
				      const struct hipipc_handle *handle,
				      struct hipipc_backing *backing,
				      uint64_t *ret_pointer)
{
	int r = -ENODEV;

	if (handle->kind == HIPIPC_KIND_MEMFD)
		r = provider->import_memory(backing, handle->bytes, ret_pointer);
	if (r != -ENODEV)
		return r;
	r = fetch_exchange(handle, &backing->fd);
	if (r == 0)
		r = provider->import_memory(backing, handle->bytes, ret_pointer);
	return r == -ENODEV ? -EBADMSG : r;
}

static int openings_import(const struct hipipc_provider *provider,
			   const struct hipipc_handle *handle, uint64_t *ret_pointer)
{
	struct hipipc_backing backing = {
		.fd = -1,
		.kind = handle->kind,
		.offset = handle->base,
	};
	int r = fetch_name(handle, &backing.fd);

	if (r < 0)
		return r;
	r = openings_import_descriptor(provider, handle, &backing, ret_pointer);
	close_keep_errno(backing.fd);
	if (r < 0)
		return reason(r, "%s cannot map %" PRIu64 " bytes at %" PRIu64 ": %s",
			      provider->name, handle->bytes, handle->base, strerror(-r));
	return 0;
}

/* Maps an entry that is MAKING and the caller's. Drops the lock meanwhile. */
static int openings_fill_mapping_locked(struct mapping *mapping)
{
	uint64_t pointer = 0;
	int r;

	ASSERT_LOCKED(&openings_lock);
	pthread_mutex_unlock(&openings_lock);
	r = openings_import(mapping->provider, &mapping->key, &pointer);
	pthread_mutex_lock(&openings_lock);
	mapping->pointer = pointer;
	mapping->state = MAPPING_READY;
	if (r < 0) {
		htab_remove(&openings_mappings, &mapping->by_uuid);
		free(mapping);
	}
	pthread_cond_broadcast(&openings_made);
	return r;
}

/* The READY mapping of a handle, found or made. Drops the lock while it waits. */
static int openings_get_mapping_locked(const struct hipipc_provider *provider,
				       const struct hipipc_handle *handle,
				       const struct hipipc_place *place,
				       struct mapping **ret_mapping)
{
	struct mapping *mapping = NULL;
	int r;

	ASSERT_LOCKED(&openings_lock);
	while ((r = openings_find_mapping_locked(handle, place, &mapping)) == 0 &&
	       mapping) {
		if (mapping->state == MAPPING_READY) {
			*ret_mapping = mapping;
			return 0;
		}
		pthread_cond_wait(&openings_made, &openings_lock);
	}
	if (r == 0)
		r = openings_add_mapping_locked(provider, handle, place, &mapping);
	if (r == 0)
		r = openings_fill_mapping_locked(mapping);
	if (r == 0)
		*ret_mapping = mapping;
	return r;
}

/* Removes a mapping without opens from the table and returns it; else NULL. */
static struct mapping *openings_take_unused_locked(struct mapping *mapping)
{
	ASSERT_LOCKED(&openings_lock);
	if (mapping->opens)
		return NULL;
	htab_remove(&openings_mappings, &mapping->by_uuid);
	return mapping;
}

/* Without the lock. NULL is allowed. */
static int openings_unmap(struct mapping *mapping)
{
	int r;

	if (!mapping)
		return 0;
	r = mapping->provider->release_memory(mapping->pointer);
	free(mapping);
	return r;
}

/* ------------------------------------------------------------------------------------ */

int openings_open(const struct hipipc_provider *provider,
		  const struct hipipc_handle *handle, uint64_t *ret_pointer)
{
	struct mapping *mapping = NULL, *unused = NULL;
	struct hipipc_place place;
	uint64_t pointer = 0;
	int r = provider->place(&place);

	if (r < 0)
		return r;
	pthread_mutex_lock(&openings_lock);
	r = openings_get_mapping_locked(provider, handle, &place, &mapping);
	if (r == 0) {
		pointer = mapping->pointer + handle->offset;
		r = openings_count_locked(mapping, pointer);
		if (r < 0)
			unused = openings_take_unused_locked(mapping);
	}
	pthread_mutex_unlock(&openings_lock);
	(void)openings_unmap(unused);
	if (r == 0)
		*ret_pointer = pointer;
	return r;
}

int openings_close(uint64_t pointer)
{
	struct mapping *unused = NULL;
	struct opening *opening;

	pthread_mutex_lock(&openings_lock);
	opening = openings_find_opening_locked(pointer);
	if (opening) {
		opening->mapping->opens--;
		unused = openings_take_unused_locked(opening->mapping);
		if (--opening->count == 0) {
			htab_remove(&openings, &opening->by_pointer);
			free(opening);
		}
	}
	pthread_mutex_unlock(&openings_lock);
	if (!opening)
		return reason(-EINVAL, "%#" PRIx64 " is not open in this process",
			      pointer);
	return openings_unmap(unused);
}
