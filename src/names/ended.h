/* SPDX-License-Identifier: MIT */
/*
 * ended.h - removed names: logged, and invalidated in the kernel's caches
 *
 * Thread safe. The table's lock must not be held.
 */
#ifndef DMABUFFS_ENDED_H
#define DMABUFFS_ENDED_H

#include <stdbool.h>

#include "names/notifier.h"

/* Logs and remembers that the name of @export was removed; queues the invalidation. */
void ended_report(struct notifier *notifier, struct export *export,
		  enum dmabuffs_ended_cause cause, const char *why);

/* Removes the name and reports it; false if the name was removed before. */
bool ended_remove_name(struct notifier *notifier, struct export *export,
		       enum dmabuffs_ended_cause cause, const char *why);

/*
 * Closes a root description, see table_close_root(), and reports each name that is
 * removed with it.
 */
void ended_close_root(struct notifier *notifier, uint64_t root_id, const char *why);

#endif
