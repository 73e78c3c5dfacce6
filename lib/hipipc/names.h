/* SPDX-License-Identifier: MIT */
/* names.h - allocations and events that this process has exported, and their names */
#ifndef HIPIPC_NAMES_H
#define HIPIPC_NAMES_H

#include <stdbool.h>

#include <hipipc-provider.h>

#include "handle.h"

/*
 * The handle of a live allocation, with offset 0: that of its name, which is made if
 * there is none. -errno of export_subject(), with a reason; -EINVAL: it was freed
 * meanwhile.
 */
int names_of_memory(const struct hipipc_provider *provider,
		    const struct hipipc_allocation *allocation,
		    struct hipipc_handle *ret_handle);

/* The same for an event, by its id. */
int names_of_event(const struct hipipc_provider *provider, uint64_t id,
		   struct hipipc_handle *ret_handle);

/*
 * Whether this process made the name. The registry decides: PIDs of processes in two
 * containers may be equal.
 */
bool names_has(const dmabuffs_uuid *uuid);

/*
 * For runtimes that do not report when memory is freed: checks some of the names, the
 * next ones at each call, and removes those whose allocation is gone.
 */
void names_sweep(const struct hipipc_provider *provider);

#endif
