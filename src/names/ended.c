/* SPDX-License-Identifier: MIT */
#include "names/ended.h"

#include "base/log.h"

void ended_report(struct notifier *notifier, struct export *export,
		  enum dmabuffs_ended_cause cause, const char *why)
{
	char name[UUID_TEXT_LENGTH + 1];

	past_add(&notifier->table->past, export->uuid, cause);
	export_name(export, name);
	log_info("%s: removed: %s (exported by pid %d)", name, why, export->caller->pid);
	notifier_queue(notifier, export);
}

bool ended_remove_name(struct notifier *notifier, struct export *export,
		       enum dmabuffs_ended_cause cause, const char *why)
{
	if (!table_unname(notifier->table, export, cause))
		return false;
	ended_report(notifier, export, cause, why);
	return true;
}

struct ended_root {
	struct notifier *notifier;
	const char *why;
};

static void ended_with_root(struct export *export, void *data)
{
	const struct ended_root *closed = data;

	ended_report(closed->notifier, export, DMABUFFS_ENDED_CLOSED, closed->why);
}

void ended_close_root(struct notifier *notifier, uint64_t root_id, const char *why)
{
	struct ended_root closed = {notifier, why};

	table_close_root(notifier->table, root_id, ended_with_root, &closed);
}
