/* SPDX-License-Identifier: MIT */
/* peer.h - memory of one device that others reach */
#ifndef HIPSOFT_PEER_H
#define HIPSOFT_PEER_H

#include "table.h"

/*
 * Maps an area for all devices that reach its own. The table is locked, the area not in
 * it yet. On failure peer_unmap_all() undoes it.
 */
int peer_map_all(struct area *area);

/* The area is in no table. */
void peer_unmap_all(struct area *area);

#endif
