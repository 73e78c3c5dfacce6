/* SPDX-License-Identifier: MIT */
#include "names/notifier.h"

#include <fuse_lowlevel.h>

#include "util.h"

#define STOP_TIMEOUT_S 5

static struct export *notifier_take_first(struct notifier *notifier)
{
	struct export *export;

	pthread_mutex_lock(&notifier->lock);
	while (!notifier->first && !notifier->stop)
		pthread_cond_wait(&notifier->wake, &notifier->lock);
	export = notifier->first;
	if (export) {
		notifier->first = export->notify_next;
		if (!notifier->first)
			notifier->last = &notifier->first;
	}
	pthread_mutex_unlock(&notifier->lock);
	return export;
}

static void *notifier_run(void *arg)
{
	struct notifier *notifier = arg;
	struct export *export;

	while ((export = notifier_take_first(notifier))) {
		char name[UUID_TEXT_LENGTH + 1];

		export_name(export, name);
		/* -ENOENT: the kernel does not have it, or the mount is gone. */
		fuse_lowlevel_notify_inval_inode(notifier->session, export->id, -1, 0);
		fuse_lowlevel_notify_inval_entry(notifier->session, INO_ROOT, name,
						 UUID_TEXT_LENGTH);
		table_put(notifier->table, export);
	}
	return NULL;
}

int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table)
{
	*notifier = (struct notifier){.session = session, .table = table};
	notifier->last = &notifier->first;
	pthread_mutex_init(&notifier->lock, NULL);
	pthread_cond_init(&notifier->wake, NULL);
	return -pthread_create(&notifier->thread, NULL, notifier_run, notifier);
}

bool notifier_stop(struct notifier *notifier)
{
	struct timespec deadline;

	if (notifier->joined)
		return true;
	pthread_mutex_lock(&notifier->lock);
	notifier->stop = true;
	pthread_cond_signal(&notifier->wake);
	pthread_mutex_unlock(&notifier->lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	notifier->joined = pthread_timedjoin_np(notifier->thread, NULL, &deadline) == 0;
	return notifier->joined;
}

static bool notifier_enqueue(struct notifier *notifier, struct export *export)
{
	bool stop;

	pthread_mutex_lock(&notifier->lock);
	stop = notifier->stop;
	if (!stop) {
		export->notify_next = NULL;
		*notifier->last = export;
		notifier->last = &export->notify_next;
		pthread_cond_signal(&notifier->wake);
	}
	pthread_mutex_unlock(&notifier->lock);
	return !stop;
}

void notifier_name_ended(struct notifier *notifier, struct export *export)
{
	table_lock(notifier->table);
	export->refs++;
	table_unlock(notifier->table);
	if (!notifier_enqueue(notifier, export))
		table_put(notifier->table, export);
}
