/* SPDX-License-Identifier: MIT */
/* list.c - walk the names of an instance */
#include "instance.h"

_public_ int dmabuffs_list(struct dmabuffs *instance,
			   int (*visit)(const dmabuffs_uuid *uuid, void *data),
			   void *data)
{
	_cleanup_directory_ DIR *directory = NULL;
	int r = instance_open_directory(instance, ".", &directory);

	while (r >= 0) {
		struct dirent *entry;
		dmabuffs_uuid uuid;

		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return -errno;
		if (dmabuffs_uuid_parse(entry->d_name, &uuid) >= 0)
			r = visit(&uuid, data);
	}
	return r;
}
