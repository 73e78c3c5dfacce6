/* SPDX-License-Identifier: MIT */
/* entries.c - walk the names of an instance with what each of them is */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "entry.h"
#include "instance.h"

#define MAX_ERRNO 4095

typedef int visit_entry_fn(const struct dmabuffs_entry *entry, void *data);

struct walk {
	struct dmabuffs *instance;
	visit_entry_fn *visit;
	void *data;
};

/* ---- what the service does not say of an entry ------------------------------------- */

/* Would all other names fail with it, too? */
static bool entries_is_final(int error)
{
	return error == -ENOTCONN || error == -ECONNABORTED;
}

/* Opens the name, so that the kernel decides. An error is final if the walk is to end. */
static int entries_query(const struct walk *walk, struct dmabuffs_entry *entry)
{
	struct dmabuffs_info info;
	dmabuffs_uuid uuid;
	int r;

	memcpy(uuid.bytes, entry->uuid, sizeof(uuid.bytes));
	r = dmabuffs_query(walk->instance, &uuid, &info, sizeof(info));
	if (r == -ENOENT || entries_is_final(r))
		return r;
	entry->error = (uint32_t)-r;
	if (r == 0)
		entry_put_info(entry, &info);
	return 0;
}

/* A name that ended meanwhile is left out. */
static int entries_visit(const struct walk *walk, struct dmabuffs_entry *entry)
{
	int r = 0;

	/* The service is not trusted, and callers print these. */
	if (entry->error > MAX_ERRNO)
		return -EPROTO;
	entry->comm[sizeof(entry->comm) - 1] = '\0';
	entry->label[sizeof(entry->label) - 1] = '\0';
	if (entry->error == EACCES)
		r = entries_query(walk, entry);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : walk->visit(entry, walk->data);
}

/* ---- name by name ------------------------------------------------------------------ */

static int entries_visit_name(const dmabuffs_uuid *uuid, void *data)
{
	struct dmabuffs_entry entry = {.error = EACCES};
	const struct walk *walk = data;
	char name[DMABUFFS_UUID_TEXT_SIZE];
	struct stat status;

	dmabuffs_uuid_format(uuid, name);
	memcpy(entry.uuid, uuid->bytes, sizeof(entry.uuid));
	if (fstatat(walk->instance->root_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		entry_put_status(&entry, &status);
	else if (errno == ENOENT)
		return 0;
	else if (errno == EACCES || entries_is_final(-errno))
		return -errno;
	else
		entry.error = (uint32_t)errno;
	return entries_visit(walk, &entry);
}

/* ---- page by page ------------------------------------------------------------------ */

static int entries_visit_page(const struct walk *walk, struct dmabuffs_entries *page)
{
	int r = 0;

	if (page->count > DMABUFFS_ENTRIES_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < page->count && r >= 0; i++)
		r = entries_visit(walk, &page->entries[i]);
	return r;
}

static int entries_read_page(struct dmabuffs *instance, struct dmabuffs_entries *page)
{
	if (instance->is_old)
		return -ENOTTY;
	return instance_command(instance, DMABUFFS_IOC_ENTRIES, page);
}

static int entries_walk(struct walk *walk)
{
	struct dmabuffs_entries page = {.size = sizeof(page)};
	int r = entries_read_page(walk->instance, &page);

	/* An older service, or one that leaves it to the kernel who may stat(2). */
	if (r == -ENOTTY || r == -EACCES)
		return dmabuffs_list(walk->instance, entries_visit_name, walk);
	while (r >= 0) {
		r = entries_visit_page(walk, &page);
		if (r < 0 || !page.more)
			break;
		r = entries_read_page(walk->instance, &page);
	}
	return r;
}

_public_ int dmabuffs_list_entries(struct dmabuffs *instance, visit_entry_fn *visit,
				   void *data)
{
	struct walk walk = {instance, visit, data};

	return instance->control_fd < 0 ? -EACCES : entries_walk(&walk);
}
