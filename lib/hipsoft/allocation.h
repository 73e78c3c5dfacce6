/* SPDX-License-Identifier: MIT */
/* allocation.h - device memory: what is at which address */
#ifndef HIPSOFT_ALLOCATION_H
#define HIPSOFT_ALLOCATION_H

#include <stdbool.h>

#include <hipipc-provider.h>

#include "runtime.h"

#define PAGE_BYTES UINT64_C(4096)

/**
 * struct allocation - device memory, own or imported
 * @id: never reused
 * @base: its address: a reservation without access rights in the process, and the IOVA
 *	  in @device
 * @bytes: the requested size
 * @reserved: @bytes rounded up to pages, the size of the device mapping
 * @device: the device that owns the memory
 * @buffer: id in the device's context
 * @imported: opened through libhipipc; hipFree() rejects it
 * @exported: libhipipc has given it a name and must be notified when it is freed
 * @peer_buffers: ids of its imports in the contexts of peer devices; 0: not mapped there
 */
struct allocation {
	uint64_t id;
	uint64_t base;
	uint64_t bytes;
	uint64_t reserved;
	struct device *device;
	uint32_t buffer;
	bool imported;
	bool exported;
	uint32_t peer_buffers[HIPSOFT_MAX_DEVICES];
};

/*
 * Size of the address range that belongs to it. One guard page is included, so that the
 * address one past the end never belongs to another allocation.
 */
static inline uint64_t allocation_span(const struct allocation *allocation)
{
	return allocation->reserved + PAGE_BYTES;
}

/*
 * Copies the allocation that contains the @bytes bytes at @address. -ENOENT: the range
 * touches no allocation; -EINVAL: it touches one but does not lie within it. @bytes may
 * be 0.
 */
int allocation_find(uint64_t address, uint64_t bytes, struct allocation *ret_allocation);

/* hipFree(): the allocation that begins at @pointer. -EINVAL: none, or imported. */
int allocation_free(uint64_t pointer);

/* Callbacks of provider.c; see struct hipipc_provider. */
int allocation_export(const struct hipipc_allocation *allocation,
		      struct hipipc_backing *ret_backing);
int allocation_import(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer);
int allocation_release(uint64_t pointer);
void allocation_watch(hipipc_freed_fn freed);

#endif
