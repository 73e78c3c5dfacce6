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
 * @id: never used twice
 * @base: its address: a reservation without access in the process, and the IOVA in
 *	  @device
 * @bytes: as asked for
 * @reserved: whole pages, which are mapped for devices
 * @device: where it lives
 * @buffer: id in the device's context
 * @imported: it came through libhipipc: hipFree() does not take it
 * @exported: libhipipc has named it, and wants to hear of its end
 * @peer_buffers: ids of its imports in the contexts of devices that reach it; 0: does not
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
 * How many addresses are its own in the process: also those of one more page, so that one
 * just past the end is never another's.
 */
static inline uint64_t allocation_span(const struct allocation *allocation)
{
	return allocation->reserved + PAGE_BYTES;
}

/*
 * A copy of what is at this address, all @bytes of it. -ENOENT: no address of the range
 * is an allocation's own; -EINVAL: some are, but they are not all memory of one. @bytes
 * may be 0.
 */
int allocation_find(uint64_t address, uint64_t bytes, struct allocation *ret_allocation);

/*
 * Maps what there is on @peer for @device, and from now on what will be; and undoes it.
 * They keep device->peers, whose lock is held.
 */
int allocation_enable_peer(struct device *device, struct device *peer);
void allocation_disable_peer(struct device *device, struct device *peer);

/* For provider.c; as hipipc_provider says. */
int allocation_export(const struct hipipc_allocation *allocation,
		      struct hipipc_backing *ret_backing);
int allocation_import(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer);
int allocation_release(uint64_t pointer);
void allocation_watch(hipipc_ended_fn ended);

#endif
