/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <stdlib.h>

#include "device.h"
#include "services.h"
#include "util.h"

struct accel_mapping *mapping_create(struct accel_buffer *buffer, uint64_t offset,
				     uint64_t length, uint32_t access)
{
	struct accel_mapping *mapping = malloc(sizeof(*mapping));

	if (!mapping)
		return NULL;
	*mapping = (struct accel_mapping){
		.range = {.first = 0, .last = length - 1},
		.buffer = buffer,
		.offset = offset,
		.access = access & ACCESS_FLAGS,
	};
	accel_base_ref(&buffer->base);
	buffer->mappings++;
	return mapping;
}

void mapping_destroy(struct accel_mapping *mapping)
{
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
