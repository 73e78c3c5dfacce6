/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <stdlib.h>

#include "device.h"
#include "services.h"
#include "util.h"

static struct accel_mapping *mapping_new(struct accel_buffer *buffer,
					 struct accel_record *record)
{
	struct accel_mapping *mapping = malloc(sizeof(*mapping));

	if (!mapping)
		return NULL;
	accel_base_ref(&buffer->base);
	buffer->mappings++;
	mapping->buffer = buffer;
	mapping->record = record;
	return mapping;
}

struct accel_mapping *mapping_create(struct accel_buffer *buffer, uint64_t offset,
				     uint64_t length, uint32_t access)
{
	struct accel_mapping *mapping;
	struct accel_record *record;

	if (accel_record_make(buffer->device, ACCEL_RECORD_MAPPING, &record) < 0)
		return NULL;
	mapping = mapping_new(buffer, record);
	if (!mapping) {
		accel_record_drop(buffer->device, record);
		return NULL;
	}
	mapping->range = (struct range){.first = 0, .last = length - 1};
	mapping->offset = offset;
	mapping->access = access & ACCESS_FLAGS;
	return mapping;
}

struct accel_mapping *mapping_create_restored(struct accel_buffer *buffer,
					      struct accel_record *record)
{
	struct accel_mapping *mapping = mapping_new(buffer, record);

	if (!mapping)
		return NULL;
	mapping->range.first = record->mapping.first;
	mapping->range.last = record->mapping.last;
	mapping->offset = record->mapping.offset;
	mapping->access = record->mapping.access;
	return mapping;
}

void mapping_destroy(struct accel_mapping *mapping)
{
	accel_record_drop(mapping->buffer->device, mapping->record);
	mapping->buffer->mappings--;
	accel_base_unref(&mapping->buffer->base);
	free(mapping);
}

void chain_init(struct chain *chain)
{
	*chain = (struct chain){.last = &chain->first};
}

void chain_add(struct chain *chain, struct accel_mapping *mapping)
{
	mapping->next = NULL;
	*chain->last = mapping;
	chain->last = &mapping->next;
	chain->n++;
}

void chain_destroy(struct chain *chain)
{
	struct accel_mapping *next;

	for (struct accel_mapping *mapping = chain->first; mapping; mapping = next) {
		next = mapping->next;
		mapping_destroy(mapping);
	}
}

static void mapping_tree_destroy(struct range_tree *tree)
{
	struct range *range = range_tree_from(tree, 0);

	/* The look-up reads no range, so freed ones do no harm. */
	while (range) {
		uint64_t last = range->last;

		mapping_destroy(mapping_of(range));
		range = last < UINT64_MAX ? range_tree_from(tree, last + 1) : NULL;
	}
	range_tree_finish(tree);
}

/* A tree that takes long to free. */
struct dead_tree {
	struct accel_reap reap;
	struct range_tree tree;
};

static void mapping_reap_tree(struct accel_reap *reap)
{
	struct dead_tree *dead = container_of(reap, struct dead_tree, reap);

	mapping_tree_destroy(&dead->tree);
	free(dead);
}

void mappings_destroy(struct accel_device *device, uint64_t user,
		      const struct range_tree *tree)
{
	struct range_tree own = *tree;
	struct dead_tree *dead = NULL;

	if (own.n > ACCEL_MAX_MAPPINGS_PER_CALL)
		dead = calloc(1, sizeof(*dead));
	if (!dead) {
		mapping_tree_destroy(&own);
		return;
	}
	dead->tree = own;
	dead->reap.free = mapping_reap_tree;
	dead->reap.user = user;
	accel_reaper_add(&device->services->reaper, &dead->reap);
}
