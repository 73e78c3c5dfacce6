/* SPDX-License-Identifier: MIT */
#include "names/notifier.h"

#include <fuse_lowlevel.h>

#include "util.h"

#define STOP_MS 5000

static void notifier_run(struct worker *worker, struct list *job)
{
	struct notifier *notifier = container_of(worker, struct notifier, worker);
	struct export *export = container_of(job, struct export, notify_job);
	char name[UUID_TEXT_LENGTH + 1];

	export_name(export, name);
	/* -ENOENT: the kernel does not have it, or the mount is gone. */
	fuse_lowlevel_notify_inval_inode(notifier->session, export->id, -1, 0);
	fuse_lowlevel_notify_inval_entry(notifier->session, INO_ROOT, name,
					 UUID_TEXT_LENGTH);
	table_put(notifier->table, export);
}

static const struct worker_type notifier_type = {.run = notifier_run, .max_threads = 1};

int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table)
{
	notifier->session = session;
	notifier->table = table;
	worker_init(&notifier->worker, &notifier_type);
	return worker_start(&notifier->worker);
}

bool notifier_stop(struct notifier *notifier)
{
	return worker_stop(&notifier->worker, STOP_MS);
}

void notifier_queue(struct notifier *notifier, struct export *export)
{
	table_ref(notifier->table, export);
	if (worker_add(&notifier->worker, &export->notify_job) < 0)
		table_put(notifier->table, export);
}
