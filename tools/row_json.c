/* SPDX-License-Identifier: MIT */
/* row_json.c - a name as a JSON object */
#include <inttypes.h>
#include <string.h>

#include "row.h"
#include "text.h"

static void row_json_put_text(const char *key, const char *value)
{
	printf(",\"%s\":", key);
	text_json(stdout, value);
}

static void row_json_put_status(const struct row *row)
{
	char name[64];

	printf(",\"bytes\":%" PRIu64 ",\"uid\":%u", row_bytes(row), row->status.st_uid);
	row_user(row, name, sizeof(name));
	row_json_put_text("user", name);
	printf(",\"gid\":%u", row->status.st_gid);
	row_group(row, name, sizeof(name));
	row_json_put_text("group", name);
	printf(",\"mode\":\"%04o\"", row->status.st_mode & 07777);
	printf(",\"atime\":%lld,\"mtime\":%lld,\"ctime\":%lld",
	       (long long)row->status.st_atime, (long long)row->status.st_mtime,
	       (long long)row->status.st_ctime);
}

static void row_json_put_info(const struct row *row)
{
	const struct dmabuffs_info *info = &row->info;

	row_json_put_text("kind", row_kind(row));
	printf(",\"importers\":%u,\"pid\":%d", info->importers, info->pid);
	row_json_put_text("comm", (const char *)info->comm);
	row_json_put_text("label", (const char *)info->label);
	fputs(",\"flags\":", stdout);
	text_json_bits(stdout, row_flags, info->flags);
	fputs(",\"seals\":", stdout);
	text_json_bits(stdout, row_seals, info->seals);
	fputs(",\"namespaces\":{", stdout);
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", row_namespaces[i],
		       (uint64_t)info->ns[i]);
	putchar('}');
}

void row_json(const struct row *row)
{
	char uuid[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(&row->uuid, uuid);
	printf("{\"uuid\":\"%s\"", uuid);
	row_json_put_status(row);
	if (row->error < 0)
		row_json_put_text("error", strerrorname_np(-row->error) ?: "unknown");
	else
		row_json_put_info(row);
	putchar('}');
}
