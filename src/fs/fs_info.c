/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/wire.h"
#include "locked.h"
#include "util.h"

void fs_info_fill_locked(struct service *service, const struct export *export,
			 struct dmabuffs_info *info)
{
	bool passthrough =
		service->passthrough && export->buffer.kind == DMABUFFS_KIND_MEMFD;
	uint64_t bytes = 0;

	ASSERT_LOCKED(&service->table.lock);
	buffer_size(&export->buffer, &bytes);
	*info = (struct dmabuffs_info){
		.size = info->size,
		.flags = export_info_flags_locked(&service->table, export) |
			 (passthrough ? DMABUFFS_INFO_PASSTHROUGH : 0),
		.kind = export->buffer.kind,
		.seals = buffer_seals(&export->buffer),
		.bytes = bytes,
		.importers = export->opens,
		.pid = export->caller->pid,
	};
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++)
		info->ns[ns] = export->caller->ns[ns];
	memcpy(info->uuid, export->uuid, sizeof(info->uuid));
	memcpy(info->comm, export->caller->comm, sizeof(info->comm));
	strncpy((char *)info->label, export_label(export), sizeof(info->label) - 1);
}

int fs_info(struct command_call *call)
{
	struct table *table = &call->service->table;
	struct export *export;
	int r = wire_check_no_flags(call->arg.info.flags);

	if (r < 0)
		return r;
	export = table_get(table, call->ino);
	if (!export)
		return -ENOTTY;
	table_lock(table);
	fs_info_fill_locked(call->service, export, &call->arg.info);
	table_unlock(table);
	table_put(table, export);
	return 0;
}
