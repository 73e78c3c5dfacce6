/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

#include <sorted.h>
#include <util.h>

#include "row.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

const char *const row_namespaces[DMABUFFS_NS_COUNT] = {
	[DMABUFFS_NS_USER] = "user", [DMABUFFS_NS_PID] = "pid",
	[DMABUFFS_NS_MNT] = "mnt",   [DMABUFFS_NS_IPC] = "ipc",
	[DMABUFFS_NS_NET] = "net",   [DMABUFFS_NS_CGROUP] = "cgroup",
};

int row_load(struct dmabuffs *instance, const dmabuffs_uuid *uuid, struct row *ret_row)
{
	struct row row = {.uuid = *uuid};
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	if (fstatat(dmabuffs_root_fd(instance), name, &row.status, AT_SYMLINK_NOFOLLOW) <
	    0)
		return -errno;
	row.error = dmabuffs_query(instance, uuid, &row.info, sizeof(row.info));
	if (row.error == -ENOENT || row.error == -ENOTCONN || row.error == -ECONNABORTED)
		return row.error;

	*ret_row = row;
	return 0;
}

static void row_put_entry(struct row *row, const struct dmabuffs_entry *entry)
{
	*row = (struct row){
		.status = {.st_mode = entry->mode,
			   .st_uid = entry->uid,
			   .st_gid = entry->gid,
			   .st_size = (off_t)entry->bytes,
			   .st_atim = {entry->atime, entry->atime_ns},
			   .st_mtim = {entry->mtime, entry->mtime_ns},
			   .st_ctim = {entry->ctime, entry->ctime_ns}},
		.info = {.size = sizeof(row->info),
			 .flags = entry->flags,
			 .kind = entry->kind,
			 .seals = entry->seals,
			 .bytes = entry->bytes,
			 .importers = entry->importers,
			 .pid = entry->pid},
		.error = -(int)entry->error,
	};
	memcpy(row->uuid.bytes, entry->uuid, sizeof(row->uuid.bytes));
	memcpy(row->info.uuid, entry->uuid, sizeof(row->info.uuid));
	memcpy(row->info.ns, entry->ns, sizeof(row->info.ns));
	memcpy(row->info.comm, entry->comm, sizeof(row->info.comm));
	memcpy(row->info.label, entry->label, sizeof(row->info.label));
}

static int row_add(const struct dmabuffs_entry *entry, void *data)
{
	struct rows *rows = data;
	int r = array_reserve(&rows->all, &rows->capacity, rows->count + 1,
			      sizeof(*rows->all));

	if (r >= 0)
		row_put_entry(&rows->all[rows->count++], entry);
	return r;
}

static int row_compare_rows(const void *a, const void *b)
{
	return memcmp(&((const struct row *)a)->uuid, &((const struct row *)b)->uuid,
		      sizeof(dmabuffs_uuid));
}

int rows_load(struct dmabuffs *instance, struct rows *ret_rows)
{
	struct rows rows = {0};
	int r = dmabuffs_list_entries(instance, row_add, &rows);

	if (r < 0) {
		rows_finish(&rows);
		return r;
	}
	if (rows.count > 0)
		qsort(rows.all, rows.count, sizeof(struct row), row_compare_rows);

	*ret_rows = rows;
	return 0;
}

void rows_finish(struct rows *rows)
{
	free(rows->all);
	*rows = (struct rows){0};
}

uint64_t row_bytes(const struct row *row)
{
	return row->error < 0 ? (uint64_t)row->status.st_size : row->info.bytes;
}

const char *row_kind(const struct row *row)
{
	if (row->error < 0)
		return "-";
	switch (row->info.kind) {
	case DMABUFFS_KIND_MEMFD:
		return "memfd";
	case DMABUFFS_KIND_DMABUF:
		return "dma-buf";
	case DMABUFFS_KIND_ASID:
		return "asid";
	case DMABUFFS_KIND_DEVICE:
		return "device";
	default:
		return "unknown";
	}
}

/* The last owner: a look-up reads all of /etc/passwd, and most rows have the same. */
struct owner {
	bool known;
	uint32_t id;
	char name[64];
};

static void row_put_owner(struct owner *owner, uint32_t id, const char *name, char *out,
			  size_t size)
{
	if (name)
		text_escape(name, owner->name, sizeof(owner->name));
	else if (!owner->known || owner->id != id)
		(void)snprintf(owner->name, sizeof(owner->name), "%u", id);
	owner->known = true;
	owner->id = id;
	(void)snprintf(out, size, "%s", owner->name);
}

void row_user(const struct row *row, char *out, size_t size)
{
	static struct owner last;
	uid_t uid = row->status.st_uid;
	bool cached = last.known && last.id == uid;
	const struct passwd *user = cached ? NULL : getpwuid(uid);

	row_put_owner(&last, uid, user ? user->pw_name : NULL, out, size);
}

void row_group(const struct row *row, char *out, size_t size)
{
	static struct owner last;
	gid_t gid = row->status.st_gid;
	bool cached = last.known && last.id == gid;
	const struct group *group = cached ? NULL : getgrgid(gid);

	row_put_owner(&last, gid, group ? group->gr_name : NULL, out, size);
}

const struct text_bit row_flags[] = {
	{DMABUFFS_INFO_PERSIST, "persist"},         {DMABUFFS_INFO_READONLY, "readonly"},
	{DMABUFFS_INFO_REVOCABLE, "revocable"},     {DMABUFFS_INFO_REVOKED, "revoked"},
	{DMABUFFS_INFO_PASSTHROUGH, "passthrough"}, {0},
};

const struct text_bit row_seals[] = {
	{F_SEAL_SEAL, "seal"},
	{F_SEAL_SHRINK, "shrink"},
	{F_SEAL_GROW, "grow"},
	{F_SEAL_WRITE, "write"},
	{F_SEAL_FUTURE_WRITE, "future-write"},
	{F_SEAL_EXEC, "exec"},
	{0},
};
