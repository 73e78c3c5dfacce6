/* SPDX-License-Identifier: MIT */
/*
 * openings.c - the registry of opens
 *
 * A mapping is of one buffer for one device; the openings in it are of the addresses that
 * handles with different offsets lead to. The lock is not held while a mapping is made or
 * ended: others that want it wait for a mapping that is being made, and make another one
 * beside one that is being ended.
 */
#include "openings.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <htab.h>
#include <util.h>

#include "fetch.h"
#include "reason.h"

enum mapping_state { MAPPING_MAKING, MAPPING_READY };

/**
 * struct mapping - an imported buffer
 * @by_uuid: in the table of mappings
 * @provider: which mapped it
 * @key: which part of which buffer
 * @place: which context of which device has it
 * @state: MAPPING_*
 * @pointer: where it is mapped, once READY
 * @opens: how many in all
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

/* An address that open gave, and how often. In the table of openings. */
struct opening {
	struct htab_node by_pointer;
	struct mapping *mapping;
	uint64_t pointer;
	uint64_t count;
};

/* Protects the tables and what is in them. */
static pthread_mutex_t openings_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t openings_made = PTHREAD_COND_INITIALIZER;
static struct htab openings_mappings;
static struct htab openings;

/* ---- tables, under the lock -------------------------------------------------------- */

/* Addresses of pages: the low bits are the same in all. */
static uint64_t openings_hash_pointer(uint64_t pointer)
{
	return (pointer * UINT64_C(0x9e3779b97f4a7c15)) >> 12;
}

static bool openings_same_part(const struct hipipc_handle *a,
			       const struct hipipc_handle *b)
{
	return a->kind == b->kind && a->base == b->base && a->bytes == b->bytes;
}

/* -EBUSY: another context of the device has the buffer; *@ret_mapping may become NULL. */
static int openings_find_mapping(const struct hipipc_handle *handle,
				 const struct hipipc_place *place,
				 struct mapping **ret_mapping)
{
	struct htab_node *node =
		htab_first(&openings_mappings, handle_hash(&handle->uuid));
	struct mapping *found = NULL;

	for (; node; node = htab_next(node)) {
		struct mapping *mapping = container_of(node, struct mapping, by_uuid);

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

static struct opening *openings_find_opening(uint64_t pointer)
{
	struct htab_node *node = htab_first(&openings, openings_hash_pointer(pointer));

	while (node && container_of(node, struct opening, by_pointer)->pointer != pointer)
		node = htab_next(node);
	return node ? container_of(node, struct opening, by_pointer) : NULL;
}

static int openings_add_mapping(const struct hipipc_provider *provider,
				const struct hipipc_handle *handle,
				const struct hipipc_place *place,
				struct mapping **ret_mapping)
{
	_cleanup_free_ struct mapping *mapping = calloc(1, sizeof(*mapping));
	int r;

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

static int openings_add_opening(struct mapping *mapping, uint64_t pointer,
				struct opening **ret_opening)
{
	_cleanup_free_ struct opening *opening = calloc(1, sizeof(*opening));
	int r;

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
static int openings_count_open(struct mapping *mapping, uint64_t pointer)
{
	struct opening *opening = openings_find_opening(pointer);
	int r = opening ? 0 : openings_add_opening(mapping, pointer, &opening);

	if (r < 0)
		return r;
	opening->count++;
	mapping->opens++;
	return 0;
}

/* ---- making and ending mappings ---------------------------------------------------- */

/*
 * The name itself where it can be mapped, which saves a round trip and lets the service
 * count us as an importer; else the buffer's descriptor.
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
		return reason(r,
			      "%s cannot map it (%" PRIu64 " bytes at %" PRIu64 "): %s",
			      provider->name, handle->bytes, handle->base, strerror(-r));
	return 0;
}

/* Lets the lock go for a while; @mapping is MAKING and the caller's. */
static int openings_fill_mapping(struct mapping *mapping)
{
	uint64_t pointer = 0;
	int r;

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

/* Under the lock, which is let go meanwhile: a READY mapping. */
static int openings_get_mapping(const struct hipipc_provider *provider,
				const struct hipipc_handle *handle,
				const struct hipipc_place *place,
				struct mapping **ret_mapping)
{
	struct mapping *mapping = NULL;
	int r;

	while ((r = openings_find_mapping(handle, place, &mapping)) == 0 && mapping) {
		if (mapping->state == MAPPING_READY) {
			*ret_mapping = mapping;
			return 0;
		}
		pthread_cond_wait(&openings_made, &openings_lock);
	}
	if (r == 0)
		r = openings_add_mapping(provider, handle, place, &mapping);
	if (r == 0)
		r = openings_fill_mapping(mapping);
	if (r == 0)
		*ret_mapping = mapping;
	return r;
}

/* Under the lock: if nobody has it open, it is the caller's, to be ended. */
static struct mapping *openings_take_unused(struct mapping *mapping)
{
	if (mapping->opens)
		return NULL;
	htab_remove(&openings_mappings, &mapping->by_uuid);
	return mapping;
}

static int openings_end_mapping(struct mapping *mapping)
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
	r = openings_get_mapping(provider, handle, &place, &mapping);
	if (r == 0) {
		pointer = mapping->pointer + handle->offset;
		r = openings_count_open(mapping, pointer);
		if (r < 0)
			unused = openings_take_unused(mapping);
	}
	pthread_mutex_unlock(&openings_lock);
	(void)openings_end_mapping(unused);
	if (r == 0)
		*ret_pointer = pointer;
	return r;
}

int openings_close(uint64_t pointer)
{
	struct mapping *unused = NULL;
	struct opening *opening;

	pthread_mutex_lock(&openings_lock);
	opening = openings_find_opening(pointer);
	if (opening) {
		opening->mapping->opens--;
		unused = openings_take_unused(opening->mapping);
		if (--opening->count == 0) {
			htab_remove(&openings, &opening->by_pointer);
			free(opening);
		}
	}
	pthread_mutex_unlock(&openings_lock);
	if (!opening)
		return reason(-EINVAL, "this pointer is not one that is open here");
	return openings_end_mapping(unused);
}
