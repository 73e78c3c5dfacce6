/* SPDX-License-Identifier: MIT */
/* mapping.h - mappings outside of a page table: being made, or taken out */
#ifndef ACCEL_MAPPING_H
#define ACCEL_MAPPING_H

#include "asid.h"
#include "buffer.h"
#include "context.h"
#include "device.h"
#include "util.h"

#define ACCESS_FLAGS (ACCEL_MAP_READ | ACCEL_MAP_WRITE)

/* Mappings in no tree, in order. */
struct chain {
	struct accel_mapping *first, **last;
	uint64_t n;
};

static inline struct accel_mapping *mapping_of(struct range *range)
{
	return container_of(range, struct accel_mapping, range);
}

/* Whole, so never 2^64: a mapping is smaller than its buffer. */
static inline uint64_t mapping_length(const struct accel_mapping *mapping)
{
	return mapping->range.last - mapping->range.first + 1;
}

static inline bool asid_is_aligned(const struct accel_asid *asid, uint64_t value)
{
	return !(value & (asid->device->properties.page_size - 1));
}

static inline bool range_wraps(uint64_t first, uint64_t length)
{
	return first + (length - 1) < first;
}

/* With a reference, or NULL. */
static inline struct accel_asid *asid_get(struct accel_context *context, uint32_t id)
{
	return accel_asid_of(accel_context_get(context, ACCEL_TYPE_ASID, id));
}

/* NULL: no memory. */
struct accel_mapping *mapping_create(struct accel_buffer *buffer, uint64_t offset,
				     uint64_t length, uint32_t access);
/* The same from a record, which is checked and is the mapping's then. */
struct accel_mapping *mapping_create_restored(struct accel_buffer *buffer,
					      struct accel_record *record);
/* The buffer may go with it, so no lock is held. */
void mapping_destroy(struct accel_mapping *mapping);

void chain_init(struct chain *chain);
void chain_add(struct chain *chain, struct accel_mapping *mapping);
void chain_destroy(struct chain *chain);

/* What is in no ASID any more; many of them later, in a thread of the registry's. */
void mappings_destroy(struct accel_device *device, uint64_t user,
		      const struct range_tree *tree);

#endif
