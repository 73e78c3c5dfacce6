/* SPDX-License-Identifier: MIT */
/* names.h - what this process has exported: allocations, events, and their names */
#ifndef HIPIPC_NAMES_H
#define HIPIPC_NAMES_H

#include <stdbool.h>

#include <hipipc-provider.h>

#include "handle.h"

/*
 * The handle of a live allocation, with offset 0: the one it has, or a new name for it.
 * -errno of the provider and of dmabuffs_export(), with a reason; -ENOTCONN.
 */
int names_of_memory(const struct hipipc_provider *provider,
		    const struct hipipc_allocation *allocation,
		    struct hipipc_handle *ret_handle);

/* The same for an event, by its id. */
int names_of_event(const struct hipipc_provider *provider, uint64_t id,
		   struct hipipc_handle *ret_handle);

/*
 * Whether this process made the name: by what it did, not by comparing PIDs, which are
 * equal in two containers.
 */
bool names_has(const dmabuffs_uuid *uuid);

/*
 * For runtimes that do not tell when they free something: looks at some of the names, the
 * next ones at each call, and ends those whose allocation is gone.
 */
void names_sweep(const struct hipipc_provider *provider);

#endif
