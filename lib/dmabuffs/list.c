/* SPDX-License-Identifier: MIT */
/* list.c - walk the names of an instance */
#include <string.h>

#include "instance.h"

typedef int visit_name_fn(const dmabuffs_uuid *uuid, void *data);

/* A service without .control lists the names in the root directory only. */
static int list_directory(struct dmabuffs *instance, visit_name_fn *visit, void *data)
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

static int list_visit_page(const struct dmabuffs_list *page, visit_name_fn *visit,
			   void *data)
{
	dmabuffs_uuid uuid;
	int r = 0;

	/* The service is not trusted. */
	if (page->count > DMABUFFS_LIST_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < page->count && r >= 0; i++) {
		memcpy(uuid.bytes, page->uuids[i], sizeof(uuid.bytes));
		r = visit(&uuid, data);
	}
	return r;
}

_public_ int dmabuffs_list(struct dmabuffs *instance, visit_name_fn *visit, void *data)
{
	struct dmabuffs_list page = {.size = sizeof(page), .more = 1};
	int r = 0;

	if (instance->control_fd < 0)
		return -EACCES;
	if (instance->is_old)
		return list_directory(instance, visit, data);
	while (r >= 0 && page.more) {
		r = instance_command(instance, DMABUFFS_IOC_LIST, &page);
		if (r >= 0)
			r = list_visit_page(&page, visit, data);
	}
	return r;
}
