/* SPDX-License-Identifier: MIT */
/*
 * fs_entries.c - DMABUFFS_IOC_ENTRIES
 *
 * The kernel checks who may stat(2) and open(2) a name. No request asks it here, so an
 * entry is filled only as far as the answer is certain; otherwise the client asks the
 * kernel, by using the name.
 */
#include <string.h>

#include "base/policy.h"
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "locked.h"
#include "util.h"

#define SEARCHABLE (S_IXUSR | S_IXGRP | S_IXOTH)

/* Who asks for a page. */
struct reader {
	uid_t uid;
	bool reads_all; /* see caller_reads_all() */
	uint64_t ns[DMABUFFS_NS_COUNT];
};

/* stat(2) maps ids to those of the caller's user namespace, and through the mount. */
static bool entries_shows_our_ids(const struct command_call *call)
{
	return !call->service->options.idmap && caller_shares_user_ns(call->ctx->pid);
}

static int entries_identify(struct command_call *call, struct reader *reader)
{
	struct ids owner;
	int r = user_owner(call, &owner);

	if (r < 0)
		return r;
	*reader = (struct reader){.uid = owner.uid};
	if (reader->uid == 0 || call->service->options.ns_mask)
		caller_read_namespaces(call->ctx->pid, reader->ns);
	if (reader->uid == 0)
		reader->reads_all = caller_reads_all(call->ctx->pid, reader->ns);
	return 0;
}

/* stat(2) needs search permission on the root directory. */
static int entries_check_search(struct table *table, const struct reader *reader)
{
	SCOPED_LOCK(&table->lock);
	const struct node *root = &table->root_node;

	if (reader->reads_all || (!root->acl && (root->mode & SEARCHABLE) == SEARCHABLE))
		return 0;
	return -EACCES;
}

/* As open(2) for reading. An ACL has no effect on what its owner may do. */
static int entries_check_open_locked(struct service *service, const struct export *export,
				     const struct reader *reader)
{
	const struct node *node = &export->node;

	ASSERT_LOCKED(&service->table.lock);
	if (!reader->reads_all && !(node->uid == reader->uid && node->mode & S_IRUSR))
		return -EACCES;
	return policy_check_ns(service->options.ns_mask, export->caller->ns, reader->ns);
}

static void entries_put_stat(struct dmabuffs_entry *entry, const struct stat *st)
{
	entry->bytes = (uint64_t)st->st_size;
	entry->atime = st->st_atim.tv_sec;
	entry->mtime = st->st_mtim.tv_sec;
	entry->ctime = st->st_ctim.tv_sec;
	entry->atime_ns = (uint32_t)st->st_atim.tv_nsec;
	entry->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	entry->ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
	entry->mode = st->st_mode;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
}

static void entries_put_info(struct dmabuffs_entry *entry,
			     const struct dmabuffs_info *info)
{
	entry->flags = info->flags;
	entry->kind = info->kind;
	entry->seals = info->seals;
	entry->importers = info->importers;
	entry->pid = info->pid;
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++)
		entry->ns[ns] = info->ns[ns];
	memcpy(entry->comm, info->comm, sizeof(entry->comm));
	memcpy(entry->label, info->label, sizeof(entry->label));
}

/* 1; 0: the name ended, or has another owner by now; or -errno. */
static int entries_fill(struct service *service, const struct export *export,
			const struct reader *reader, struct dmabuffs_entry *ret_entry)
{
	SCOPED_LOCK(&service->table.lock);
	struct dmabuffs_entry entry = {0};
	struct dmabuffs_info info = {.size = sizeof(info)};
	struct stat st;
	double timeout;
	int r;

	if (!export->named || (reader->uid != 0 && export->node.uid != reader->uid))
		return 0;
	r = fs_stat_export_locked(&service->table, export, &st, &timeout);
	if (r < 0)
		return r;
	memcpy(entry.uuid, export->uuid, sizeof(entry.uuid));
	entries_put_stat(&entry, &st);
	r = entries_check_open_locked(service, export, reader);
	entry.error = (uint32_t)-r;
	if (r == 0) {
		fs_info_fill_locked(service, export, &info);
		entries_put_info(&entry, &info);
	}
	*ret_entry = entry;
	return 1;
}

/*
 * The lock is taken anew for each name, and the page copied to the client by the reply,
 * without it. As of DMABUFFS_IOC_LIST a page ends early where many names have ended.
 */
static int entries_fill_page(struct service *service, const struct reader *reader,
			     struct dmabuffs_entries *arg)
{
	uint64_t cursor = arg->cursor;
	bool more = true;
	int n, r = 0;

	arg->count = 0;
	for (n = 0; n < DMABUFFS_ENTRIES_MAX && r >= 0; n++) {
		struct export *export =
			table_next(&service->table, reader->uid, &cursor, &more);

		if (!export)
			break;
		r = entries_fill(service, export, reader, &arg->entries[arg->count]);
		arg->count += r > 0;
		table_put(&service->table, export);
	}
	arg->cursor = cursor;
	arg->more = n == DMABUFFS_ENTRIES_MAX || more;
	return MIN(r, 0);
}

int fs_entries(struct command_call *call)
{
	struct reader reader;
	int r = wire_check_entries(&call->arg.entries);

	if (r == 0 && !entries_shows_our_ids(call))
		r = -EACCES;
	if (r == 0)
		r = entries_identify(call, &reader);
	if (r == 0)
		r = entries_check_search(&call->service->table, &reader);
	return r < 0 ? r : entries_fill_page(call->service, &reader, &call->arg.entries);
}
