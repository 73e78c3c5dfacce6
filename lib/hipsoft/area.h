/* SPDX-License-Identifier: MIT */
/* area.h - lifetime of allocations, own and imported */
#ifndef HIPSOFT_AREA_H
#define HIPSOFT_AREA_H

#include "table.h"

/* @bytes rounded up to pages; at most UINT64_MAX - PAGE_BYTES bytes. */
static inline uint64_t round_to_pages(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

/* An area of @bytes without a buffer; NULL: no memory. */
struct area *area_create(struct device *device, uint64_t bytes);

/*
 * Reserves an address for an area whose buffer, offset and access are set, maps it for
 * its device and that device's peers, and adds it to the table. From then on any thread
 * may free it. On failure area_destroy() undoes the steps that succeeded.
 */
int area_publish(struct area *area, uint64_t *ret_base);

/*
 * Removes the area that begins at @address from the table; the caller owns it then.
 * -EINVAL: no such area, or @imported differs.
 */
int area_take(uint64_t address, bool imported, struct area **ret_area);

/* Releases all resources. NULL and incomplete areas are allowed. Not in the table. */
void area_destroy(struct area *area);

/*
 * Maps @buffer of @device at the area's address, with the area's access rights; and
 * undoes that. Either of mapping and buffer may be missing in area_unmap().
 */
int area_map(const struct area *area, struct device *device, uint32_t buffer);
void area_unmap(const struct area *area, struct device *device, uint32_t buffer);

#endif
