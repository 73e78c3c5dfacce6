/* SPDX-License-Identifier: MIT */
/*
 * fs_entries.c - DMABUFFS_IOC_ENTRIES
 *
 * The kernel checks who may stat(2) and open(2) a name. No request asks it here, so an
 * entry is filled only as far as the answer is certain; otherwise the client asks the
 * kernel, by using the name.
 */
#include "fs/fs_entries.h"

#include <string.h>

#include "base/policy.h"
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "entry.h"
#include "locked.h"
#include "util.h"

#define SEARCHABLE (S_IXUSR | S_IXGRP | S_IXOTH)

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

/* One buffer that cannot be described must not hide all others: its entry says why. */
static void entries_describe_locked(struct service *service, const struct export *export,
				    const struct reader *reader,
				    struct dmabuffs_entry *ret_entry)
{
	struct dmabuffs_info info = {.size = sizeof(info)};
	struct dmabuffs_entry entry = {0};
	struct stat st;
	double timeout;
	int r;

	ASSERT_LOCKED(&service->table.lock);
	memcpy(entry.uuid, export->uuid, sizeof(entry.uuid));
	r = fs_stat_export_locked(&service->table, export, &st, &timeout);
	if (r < 0)
		node_stat(&export->node, &st);
	else
		r = entries_check_open_locked(service, export, reader);
	entry_put_status(&entry, &st);
	entry.error = (uint32_t)-r;
	if (r == 0) {
		fs_info_fill_locked(service, export, &info);
		entry_put_info(&entry, &info);
	}
	*ret_entry = entry;
}

/* False: the page ends here. */
static bool entries_add_next(struct service *service, const struct reader *reader,
			     struct dmabuffs_entries *page, bool *ret_more)
{
	SCOPED_LOCK(&service->table.lock);
	uint64_t cursor = page->cursor;
	const struct export *export =
		table_next_locked(&service->table, reader->uid, &cursor, ret_more);

	page->cursor = cursor;
	if (export)
		entries_describe_locked(service, export, reader,
					&page->entries[page->count++]);
	return export && page->count < DMABUFFS_ENTRIES_MAX;
}

/*
 * The lock is taken anew for each name, and the page copied to the client by the reply,
 * without it. As of DMABUFFS_IOC_LIST a page ends early where many names have ended.
 */
void entries_fill_page(struct service *service, const struct reader *reader,
		       struct dmabuffs_entries *page)
{
	bool more = true;

	page->count = 0;
	while (entries_add_next(service, reader, page, &more))
		;
	page->more = page->count == DMABUFFS_ENTRIES_MAX || more;
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
	if (r == 0)
		entries_fill_page(call->service, &reader, &call->arg.entries);
	return r;
}
