/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include <stdint.h>
#include <string.h>

void entry_put_status(struct dmabuffs_entry *entry, const struct stat *status)
{
	entry->bytes = (uint64_t)status->st_size;
	entry->atime = status->st_atim.tv_sec;
	entry->mtime = status->st_mtim.tv_sec;
	entry->ctime = status->st_ctim.tv_sec;
	entry->atime_ns = (uint32_t)status->st_atim.tv_nsec;
	entry->mtime_ns = (uint32_t)status->st_mtim.tv_nsec;
	entry->ctime_ns = (uint32_t)status->st_ctim.tv_nsec;
	entry->mode = status->st_mode;
	entry->uid = status->st_uid;
	entry->gid = status->st_gid;
}

void entry_put_info(struct dmabuffs_entry *entry, const struct dmabuffs_info *info)
{
	entry->flags = info->flags;
	entry->kind = info->kind;
	entry->seals = info->seals;
	entry->importers = info->importers;
	entry->pid = info->pid;
	memcpy(entry->ns, info->ns, sizeof(entry->ns));
	memcpy(entry->comm, info->comm, sizeof(entry->comm));
	memcpy(entry->label, info->label, sizeof(entry->label));
}
