/* SPDX-License-Identifier: MIT */
/* entry.h - fills a struct dmabuffs_entry, as the service and libdmabuffs do */
#ifndef DMABUFFS_ENTRY_H
#define DMABUFFS_ENTRY_H

#include <sys/stat.h>

#include <dmabuffs-ioctl.h>

/* What stat(2) says of the name, and DMABUFFS_IOC_INFO. */
void entry_put_status(struct dmabuffs_entry *entry, const struct stat *status);
void entry_put_info(struct dmabuffs_entry *entry, const struct dmabuffs_info *info);

#endif
