/* SPDX-License-Identifier: MIT */
/* row_json.c - a name as a JSON object */
#include <inttypes.h>
#include <string.h>

#include "row.h"
#include "text.h"

static void row_json_put_text(FILE *stream, const char *key, const char *value)
{
	fprintf(stream, ",\"%s\":", key);
	text_json(stream, value);
}

static void row_json_put_status(FILE *stream, const struct row *row)
{
	char name[64];

	fprintf(stream, ",\"bytes\":%" PRIu64 ",\"uid\":%u", row_bytes(row),
		row->status.st_uid);
	row_user(row, name, sizeof(name));
	row_json_put_text(stream, "user", name);
	fprintf(stream, ",\"gid\":%u", row->status.st_gid);
	row_group(row, name, sizeof(name));
	row_json_put_text(stream, "group", name);
	fprintf(stream, ",\"mode\":\"%04o\"", row->status.st_mode & 07777);
	fprintf(stream, ",\"atime\":%lld,\"mtime\":%lld,\"ctime\":%lld",
		(long long)row->status.st_atime, (long long)row->status.st_mtime,
		(long long)row->status.st_ctime);
}

static void row_json_put_info(FILE *stream, const struct row *row)
{
	const struct dmabuffs_info *info = &row->info;

	row_json_put_text(stream, "kind", row_kind(row));
	fprintf(stream, ",\"importers\":%u,\"pid\":%d", info->importers, info->pid);
	row_json_put_text(stream, "comm", (const char *)info->comm);
	row_json_put_text(stream, "label", (const char *)info->label);
	fputs(",\"flags\":", stream);
	text_json_bits(stream, row_flags, info->flags);
	fputs(",\"seals\":", stream);
	text_json_bits(stream, row_seals, info->seals);
	fputs(",\"namespaces\":{", stream);
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		fprintf(stream, "%s\"%s\":%" PRIu64, i ? "," : "", row_namespaces[i],
			(uint64_t)info->ns[i]);
	fputc('}', stream);
}

void row_json(FILE *stream, const struct row *row)
{
	char uuid[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(&row->uuid, uuid);
	fprintf(stream, "{\"uuid\":\"%s\"", uuid);
	row_json_put_status(stream, row);
	if (row->error < 0)
		row_json_put_text(stream, "error", strerrorname_np(-row->error));
	else
		row_json_put_info(stream, row);
	fputc('}', stream);
}
