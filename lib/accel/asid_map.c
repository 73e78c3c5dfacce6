/* SPDX-License-Identifier: MIT */
#include "asid.h"

#include <fcntl.h>
#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "locked.h"
#include "mapping.h"
#include "util.h"

/* ---- where a mapping may lie ------------------------------------------------------- */

/* Whether the page table may have something at [@first, @last]. */
static bool asid_map_is_allowed(const struct accel_device *device, uint64_t first,
				uint64_t last)
{
	const struct accel_properties *properties = &device->properties;

	if (first < properties->aperture.first || last > properties->aperture.last)
		return false;
	for (uint32_t i = 0; i < properties->n_reserved; i++)
		if (first <= properties->reserved[i].last &&
		    last >= properties->reserved[i].first)
			return false;
	return true;
}

/*
 * The lowest bit of the length, so that an IOMMU can use pages as large as the mapping
 * allows. A length is a multiple of the page size.
 */
static uint64_t asid_map_alignment(const struct accel_properties *properties,
				   uint64_t length)
{
	uint64_t align = MIN(length & -length, (uint64_t)ACCEL_IOVA_MAX_ALIGN);

	return MAX(align, (uint64_t)properties->page_size);
}

/* The lowest aligned place between the reserved ranges. */
static int asid_map_find_place_locked(struct accel_asid *asid, uint64_t length,
				      uint64_t *ret_iova)
{
	const struct accel_properties *properties = &asid->device->properties;
	uint64_t align = asid_map_alignment(properties, length);
	uint64_t first = properties->aperture.first;

	ASSERT_RWLOCKED(&asid->lock);
	for (uint32_t i = 0; i < properties->n_reserved; i++) {
		const struct accel_range *reserved = &properties->reserved[i];

		if (reserved->first > first &&
		    range_tree_find_gap(&asid->mappings, first, reserved->first - 1,
					length, align, ret_iova) == 0)
			return 0;
		if (reserved->last == UINT64_MAX)
			return -ENOSPC;
		first = reserved->last + 1;
	}
	return range_tree_find_gap(&asid->mappings, first, properties->aperture.last,
				   length, align, ret_iova);
}

/* All of them or none. */
static int asid_map_insert_all_locked(struct accel_asid *asid, struct chain *chain,
				      uint64_t iova)
{
	struct accel_mapping *mapping;
	int r = 0;

	ASSERT_RWLOCKED(&asid->lock);
	for (mapping = chain->first; mapping; mapping = mapping->next) {
		mapping->range.last = iova + (mapping_length(mapping) - 1);
		mapping->range.first = iova;
		r = range_tree_insert(&asid->mappings, &mapping->range);
		if (r < 0)
			break;
		iova = mapping->range.last + 1;
	}
	if (r == 0)
		return 0;
	for (struct accel_mapping *undo = chain->first; undo != mapping;
	     undo = undo->next)
		range_tree_remove(&asid->mappings, &undo->range);
	return r;
}

void accel_asid_commit_mapping_locked(struct accel_asid *asid,
				      struct accel_mapping *mapping)
{
	struct accel_record *record = mapping->record;

	ASSERT_RWLOCKED(&asid->lock);
	record->owner = asid->base.record->number;
	record->id = mapping->buffer->base.record->number;
	record->mapping.first = mapping->range.first;
	record->mapping.last = mapping->range.last;
	record->mapping.offset = mapping->offset;
	record->mapping.access = mapping->access;
	record->mapping.epoch = asid->base.record->asid.epoch;
	accel_record_commit(asid->device, record);
}

static void asid_map_commit_all_locked(struct accel_asid *asid, const struct chain *chain)
{
	struct accel_mapping *mapping = chain->first;

	ASSERT_RWLOCKED(&asid->lock);
	for (; mapping && mapping->record; mapping = mapping->next)
		accel_asid_commit_mapping_locked(asid, mapping);
}

/* Maps the chain, of @length bytes in all, and takes it over on success. */
static int asid_map_chain(struct accel_asid *asid, struct chain *chain, uint32_t flags,
			  uint64_t length, __u64 *iova)
{
	uint64_t place = *iova;
	int r = accel_payer_charge(asid->payer, ACCEL_RES_MAPPINGS, chain->n);

	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&asid->lock);
	if (!(flags & ACCEL_MAP_FIXED))
		r = asid_map_find_place_locked(asid, length, &place);
	if (r == 0)
		r = asid_map_insert_all_locked(asid, chain, place);
	if (r == 0) {
		asid->mapped += length;
		asid_map_commit_all_locked(asid, chain);
	}
	pthread_rwlock_unlock(&asid->lock);
	if (r < 0)
		accel_payer_uncharge(asid->payer, ACCEL_RES_MAPPINGS, chain->n);
	else
		*iova = place;
	return r;
}

/* ---- checks of requests ------------------------------------------------------------ */

/* The same for map and copy: @from is the place in the buffer or in the source. */
static int asid_map_check_request(const struct accel_asid *asid, uint32_t flags,
				  uint64_t from, uint64_t length, uint64_t iova)
{
	bool fixed = flags & ACCEL_MAP_FIXED;

	if (asid->flags & ACCEL_ASID_SVA || !(flags & ACCESS_FLAGS) || !length ||
	    !asid_is_aligned(asid, from | length | iova) || (!fixed && iova))
		return -EINVAL;
	if (range_wraps(from, length) || range_wraps(iova, length))
		return -EOVERFLOW;
	return 0;
}

static int asid_map_check_place(const struct accel_asid *asid, uint32_t flags,
				uint64_t length, uint64_t iova)
{
	if (!(flags & ACCEL_MAP_FIXED))
		return 0;
	return asid_map_is_allowed(asid->device, iova, iova + (length - 1)) ? 0 : -EINVAL;
}

static int asid_map_check_buffer(const struct accel_buffer *buffer, uint32_t flags,
				 uint64_t offset, uint64_t length)
{
	uint64_t bytes;

	if (flags & ACCEL_MAP_WRITE && buffer->access == O_RDONLY)
		return -EPERM;
	bytes = accel_buffer_size(buffer);
	if (buffer->revoked || !bytes)
		return -ENODEV;
	return offset > bytes || length > bytes - offset ? -EINVAL : 0;
}

/* ---- map --------------------------------------------------------------------------- */

static int asid_map_reject_user(const struct accel_asid *asid)
{
	accel_device_log(
		asid->device, 4,
		"cannot map private memory: copy-on-write could hand its pages to a "
		"child; map a memfd, or bind the address space (SVA)");
	return -EINVAL;
}

static int asid_map_buffer(struct accel_asid *asid, struct accel_buffer *buffer,
			   struct accel_asid_map *arg)
{
	struct accel_mapping *mapping;
	struct chain chain;
	int r;

	mapping = mapping_create(buffer, arg->offset, arg->length, arg->flags);
	if (!mapping)
		return -ENOMEM;
	chain_init(&chain);
	chain_add(&chain, mapping);
	r = asid_map_chain(asid, &chain, arg->flags, arg->length, &arg->iova);
	if (r < 0)
		chain_destroy(&chain);
	return r;
}

int accel_asid_map(struct accel_context *context, struct accel_asid_map *arg)
{
	_cleanup_unref_ struct accel_asid *asid = NULL;
	_cleanup_unref_ struct accel_buffer *buffer = NULL;
	int r = accel_check_flags(arg->flags,
				  ACCESS_FLAGS | ACCEL_MAP_FIXED | ACCEL_MAP_USER);

	if (r < 0)
		return r;
	asid = asid_get(context, arg->asid);
	if (!asid)
		return -ENOENT;
	if (arg->flags & ACCEL_MAP_USER)
		return asid_map_reject_user(asid);
	buffer = accel_buffer_of(
		accel_context_get(context, ACCEL_TYPE_BUFFER, arg->buffer));
	if (!buffer)
		return -ENOENT;
	r = asid_map_check_request(asid, arg->flags, arg->offset, arg->length, arg->iova);
	if (r == 0)
		r = asid_map_check_buffer(buffer, arg->flags, arg->offset, arg->length);
	if (r == 0)
		r = asid_map_check_place(asid, arg->flags, arg->length, arg->iova);
	return r < 0 ? r : asid_map_buffer(asid, buffer, arg);
}

/* ---- copy -------------------------------------------------------------------------- */

static int asid_map_copy_piece(const struct accel_mapping *source, uint64_t first,
			       uint64_t last, uint32_t flags, struct chain *chain)
{
	uint64_t offset = source->offset + (first - source->range.first);
	struct accel_mapping *mapping;

	if (flags & ACCESS_FLAGS & ~source->access)
		return -EPERM;
	if (chain->n == ACCEL_MAX_MAPPINGS_PER_CALL)
		return -E2BIG;
	mapping = mapping_create(source->buffer, offset, last - first + 1, flags);
	if (!mapping)
		return -ENOMEM;
	chain_add(chain, mapping);
	return 0;
}

/* Fills the chain with mappings of what [@first, @last] of the source has mapped. */
static int asid_map_copy_source(struct accel_asid *source, uint64_t first, uint64_t last,
				uint32_t flags, struct chain *chain)
{
	int r;

	pthread_rwlock_rdlock(&source->lock);
	for (;;) {
		struct range *range = range_tree_from(&source->mappings, first);
		uint64_t end;

		r = -ENOENT;
		if (!range || range->first > first)
			break;
		end = MIN(range->last, last);
		r = asid_map_copy_piece(mapping_of(range), first, end, flags, chain);
		if (r < 0 || end == last)
			break;
		first = end + 1;
	}
	pthread_rwlock_unlock(&source->lock);
	return r;
}

static int asid_map_check_buffers(const struct chain *chain)
{
	int r = 0;

	for (struct accel_mapping *mapping = chain->first; mapping && r == 0;
	     mapping = mapping->next)
		r = asid_map_check_buffer(mapping->buffer, mapping->access,
					  mapping->offset, mapping_length(mapping));
	return r;
}

/*
 * The two locks are not held together: in between, the chain holds the buffers, as if
 * each had been looked up by its id.
 */
static int asid_map_copy(struct accel_asid *dst, struct accel_asid *src,
			 struct accel_asid_copy *arg)
{
	struct chain chain;
	int r;

	chain_init(&chain);
	r = asid_map_copy_source(src, arg->src_iova, arg->src_iova + (arg->length - 1),
				 arg->flags, &chain);
	if (r == 0)
		r = asid_map_check_buffers(&chain);
	if (r == 0)
		r = asid_map_chain(dst, &chain, arg->flags, arg->length, &arg->dst_iova);
	if (r < 0)
		chain_destroy(&chain);
	return r;
}

int accel_asid_copy(struct accel_context *context, struct accel_asid_copy *arg)
{
	_cleanup_unref_ struct accel_asid *dst = NULL;
	_cleanup_unref_ struct accel_asid *src = NULL;
	int r = accel_check_flags(arg->flags, ACCESS_FLAGS | ACCEL_MAP_FIXED);

	if (r < 0)
		return r;
	dst = asid_get(context, arg->dst_asid);
	src = asid_get(context, arg->src_asid);
	if (!dst || !src)
		return -ENOENT;
	if (src->flags & ACCEL_ASID_SVA)
		return -EINVAL;
	r = asid_map_check_request(dst, arg->flags, arg->src_iova, arg->length,
				   arg->dst_iova);
	if (r == 0)
		r = asid_map_check_place(dst, arg->flags, arg->length, arg->dst_iova);
	return r < 0 ? r : asid_map_copy(dst, src, arg);
}

/* ---- of a predecessor ------------------------------------------------------------- */

int accel_asid_insert_restored(struct accel_asid *asid, struct accel_mapping *mapping)
{
	int r;

	if (!asid_map_is_allowed(asid->device, mapping->range.first, mapping->range.last))
		return -EINVAL;
	r = accel_payer_charge(asid->payer, ACCEL_RES_MAPPINGS, 1);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&asid->lock);
	r = range_tree_insert(&asid->mappings, &mapping->range);
	if (r == 0)
		asid->mapped += mapping_length(mapping);
	pthread_rwlock_unlock(&asid->lock);
	if (r < 0)
		accel_payer_uncharge(asid->payer, ACCEL_RES_MAPPINGS, 1);
	return r;
}

/* ---- look-up ----------------------------------------------------------------------- */

int accel_asid_resolve_locked(struct accel_asid *asid, uint64_t address, uint64_t length,
			      uint32_t access, struct accel_window *ret_window)
{
	struct range *range = range_tree_from(&asid->mappings, address);
	struct accel_mapping *mapping;
	uint64_t distance;

	ASSERT_RWLOCKED(&asid->lock);
	if (!range || range->first > address)
		return -EFAULT;
	mapping = mapping_of(range);
	if (access & ~mapping->access)
		return -EACCES;
	distance = address - range->first;
	ret_window->memory = (char *)mapping->buffer->memory + mapping->offset + distance;
	ret_window->length = MIN(length, mapping_length(mapping) - distance);
	ret_window->buffer = mapping->buffer;
	return 0;
}
