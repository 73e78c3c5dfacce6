/* SPDX-License-Identifier: MIT */
/* area.h - how allocations begin and end, own and imported ones */
#ifndef HIPSOFT_AREA_H
#define HIPSOFT_AREA_H

#include "table.h"

/* Whole pages, of at most UINT64_MAX - PAGE_BYTES bytes. */
static inline uint64_t round_to_pages(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

/* One of @bytes, without memory; NULL: no memory for it. */
struct area *area_create(struct device *device, uint64_t bytes);

/*
 * Gives an area whose buffer, offset and access are set its address, maps it for its
 * device and its peers, and adds it to the table; from then on it is anybody's to
 * free. On failure area_destroy() undoes what was done.
 */
int area_publish(struct area *area, uint64_t *ret_base);

/*
 * Takes the one that begins at @address out of the table, so that it is the caller's.
 * -EINVAL: there is none, or it is not @imported as asked.
 */
int area_take(uint64_t address, bool imported, struct area **ret_area);

/* Gives back all it has; NULL and what is not complete are allowed. In no table. */
void area_destroy(struct area *area);

/*
 * Maps @buffer of @device at the area's address there, for as much as it allows; and
 * removes buffer and mapping, either of which may be missing.
 */
int area_map(const struct area *area, struct device *device, uint32_t buffer);
void area_unmap(const struct area *area, struct device *device, uint32_t buffer);

#endif
