/* SPDX-License-Identifier: MIT */
#include "names/notifier.h"

#include <fuse_lowlevel.h>
#include <unistd.h>

#include "crash_point.h"
#include "util.h"

#define STOP_MS 5000

/* Linux 6.18, FUSE 7.45; libfuse has no function for it. */
#define NOTIFY_PRUNE 9

struct prune {
	/* struct fuse_out_header */
	uint32_t length;
	int32_t code;
	uint64_t unique; /* 0: not a reply */
	/* struct fuse_notify_prune_out, and one inode number */
	uint32_t count;
	uint32_t padding;
	uint64_t spare;
	uint64_t ino;
};

_Static_assert(sizeof(struct prune) == 40, "as the kernel reads it");

/*
 * Drops a cached name that nobody uses, and with it the inode, so that the kernel forgets
 * it and the export is freed. Takes no lock of the directory. Without it the name stays
 * in the cache until memory is short.
 */
static void notifier_prune(struct notifier *notifier, uint64_t ino)
{
	const struct prune prune = {
		.length = sizeof(prune),
		.code = NOTIFY_PRUNE,
		.count = 1,
		.ino = ino,
	};

	if (notifier->prunes &&
	    write(fuse_session_fd(notifier->session), &prune, sizeof(prune)) < 0 &&
	    errno == EINVAL)
		notifier->prunes = false;
}

static void notifier_run(struct worker *worker, struct list *job)
{
	struct notifier *notifier = container_of(worker, struct notifier, worker);
	struct export *export = container_of(job, struct export, notify_job);

	/* -ENOENT: the kernel does not have it, or the mount is gone. */
	if (!notifier->ending) {
		fuse_lowlevel_notify_inval_inode(notifier->session, export->id, -1, 0);
		notifier_prune(notifier, export->id);
		CRASH_POINT("name-notified");
		atomic_store(&export_record(notifier->table, export)->notified, 1);
	}
	table_put(notifier->table, export);
}

static const struct worker_type notifier_type = {.run = notifier_run, .max_threads = 1};

int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table)
{
	notifier->session = session;
	notifier->table = table;
	notifier->ending = false;
	notifier->prunes = session != NULL; /* a fuzzer has none */
	worker_init(&notifier->worker, &notifier_type);
	return worker_start(&notifier->worker);
}

void notifier_drop(struct notifier *notifier)
{
	notifier->ending = true;
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
