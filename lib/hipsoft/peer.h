/* SPDX-License-Identifier: MIT */
/* peer.h - memory of one device that other devices reach */
#ifndef HIPSOFT_PEER_H
#define HIPSOFT_PEER_H

#include "table.h"

/*
 * Maps an area for all devices that reach its device. The table is locked; the area is
 * not in it yet. On failure peer_unmap_all() undoes the mappings made so far.
 */
int peer_map_all_locked(struct area *area);

/* The area is not in the table. */
void peer_unmap_all(struct area *area);

/* Whether @device reaches memory of @peer. @device->lock is held. */
static inline bool peer_is_enabled_locked(struct device *device,
					  const struct device *peer)
{
	ASSERT_LOCKED(&device->lock);
	return device->peers & 1U << peer->ordinal;
}

/*
 * Map all present and future allocations of @peer for @device, and undo that. @device's
 * lock is held; they update @device->peers.
 */
int peer_enable_locked(struct device *device, struct device *peer);
void peer_disable_locked(struct device *device, struct device *peer);

#endif
