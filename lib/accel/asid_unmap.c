/* SPDX-License-Identifier: MIT */
/* asid_unmap.c - taking mappings out of a page table */

#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "locked.h"
#include "mapping.h"
#include "util.h"

/* The first of the mappings in the range, if all are whole, or NULL. */
static struct range *asid_unmap_find_whole_locked(struct accel_asid *asid, uint64_t first,
						  uint64_t last)
{
	struct range *range = range_tree_from(&asid->mappings, first);
	const struct range *end = range;

	ASSERT_RWLOCKED(&asid->lock);
	if (!range || range->first < first || range->first > last)
		return NULL;
	if (range->last < last)
		end = range_tree_from(&asid->mappings, last);
	return end && end->first <= last && end->last > last ? NULL : range;
}

/* 0, or -E2BIG: too many for one call. */
static int asid_unmap_check_number_locked(struct accel_asid *asid,
					  const struct range *range, uint64_t last)
{
	unsigned n = 0;

	ASSERT_RWLOCKED(&asid->lock);
	while (range && range->first <= last && n++ < ACCEL_MAX_MAPPINGS_PER_CALL)
		range = range->last < last
				? range_tree_from(&asid->mappings, range->last + 1)
				: NULL;
	return n > ACCEL_MAX_MAPPINGS_PER_CALL ? -E2BIG : 0;
}

/* Takes @range and what follows it up to @last out. */
static uint64_t asid_unmap_take_out_locked(struct accel_asid *asid, struct range *range,
					   uint64_t last, struct chain *chain)
{
	uint64_t bytes = 0;

	ASSERT_RWLOCKED(&asid->lock);
	while (range && range->first <= last) {
		uint64_t end = range->last;

		range_tree_remove(&asid->mappings, range);
		chain_add(chain, mapping_of(range));
		bytes += mapping_length(mapping_of(range));
		range = end < last ? range_tree_from(&asid->mappings, end) : NULL;
	}
	asid->mapped -= bytes;
	return bytes;
}

static int asid_unmap_range(struct accel_asid *asid, uint64_t first, uint64_t last,
			    __u64 *ret_bytes)
{
	struct chain chain;
	struct range *range;
	uint64_t bytes = 0;
	int r = -ENOENT;

	chain_init(&chain);
	pthread_rwlock_wrlock(&asid->lock);
	range = asid_unmap_find_whole_locked(asid, first, last);
	if (range)
		r = asid_unmap_check_number_locked(asid, range, last);
	if (r == 0)
		bytes = asid_unmap_take_out_locked(asid, range, last, &chain);
	pthread_rwlock_unlock(&asid->lock);
	if (r < 0)
		return r;
	accel_payer_uncharge(asid->payer, ACCEL_RES_MAPPINGS, chain.n);
	chain_destroy(&chain);
	*ret_bytes = bytes;
	return 0;
}

/* Under the lock it takes constant time. */
static uint64_t asid_unmap_all(struct accel_asid *asid)
{
	struct range_tree tree;
	uint64_t bytes;

	pthread_rwlock_wrlock(&asid->lock);
	tree = asid->mappings;
	bytes = asid->mapped;
	asid->mappings = (struct range_tree){0};
	/* Their records are dropped later. */
	if (asid->base.record && tree.n)
		ACCEL_RECORD_STORE(asid->base.record, asid.epoch,
				   accel_record_new_epoch(asid->device));
	asid->mapped = 0;
	pthread_rwlock_unlock(&asid->lock);
	if (!tree.n)
		return 0;
	accel_payer_uncharge(asid->payer, ACCEL_RES_MAPPINGS, tree.n);
	mappings_destroy(asid->device, asid->payer->owner.user, &tree);
	return bytes;
}

void accel_asid_clear(struct accel_asid *asid)
{
	asid_unmap_all(asid);
}

int accel_asid_unmap(struct accel_context *context, struct accel_asid_unmap *arg)
{
	_cleanup_unref_ struct accel_asid *asid = NULL;
	int r = accel_check_flags(arg->flags, 0);

	if (r < 0)
		return r;
	asid = asid_get(context, arg->asid);
	if (!asid)
		return -ENOENT;
	if (arg->reserved || asid->flags & ACCEL_ASID_SVA)
		return -EINVAL;
	if (!arg->iova && arg->length == UINT64_MAX) {
		arg->length = asid_unmap_all(asid);
		return 0;
	}
	if (!arg->length || !asid_is_aligned(asid, arg->iova | arg->length))
		return -EINVAL;
	if (range_wraps(arg->iova, arg->length))
		return -EOVERFLOW;
	return asid_unmap_range(asid, arg->iova, arg->iova + (arg->length - 1),
				&arg->length);
}
