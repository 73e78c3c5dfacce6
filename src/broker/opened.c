/* SPDX-License-Identifier: MIT */
#include "broker/opened.h"

#include <fcntl.h>

#include "fd_identity.h"
#include "locked.h"
#include "util.h"

/* Inode number of @fd in our mount, or 0, which no file has. */
static uint64_t opened_inode(const struct broker *broker, int fd)
{
	uint64_t dev, ino;

	if (fd_identity(fd, &dev, &ino) < 0 || dev != broker->mount_dev)
		return 0;
	return ino;
}

int opened_get(const struct broker *broker, int fd, struct opened *ret_opened)
{
	int flags = fcntl(fd, F_GETFL);
	struct export *export;
	uint64_t ino;

	/* open(2) with O_PATH requires no permission on the file. */
	if (flags < 0 || flags & O_PATH)
		return -EBADFD;
	ino = opened_inode(broker, fd);
	export = ino ? table_get(broker->table, ino) : NULL;
	if (!export)
		return -EBADFD;
	*ret_opened = (struct opened){broker->table, export, flags & O_ACCMODE};
	return 0;
}

void opened_put(struct opened *opened)
{
	if (opened->export)
		table_put(opened->table, opened->export);
	opened->export = NULL;
}

static int opened_hold_buffer(const struct opened *opened)
{
	struct export *export = opened->export;
	SCOPED_LOCK(&opened->table->lock);

	if (export->revoked)
		return -ESTALE;
	if (!export->opens || export->buffer.kind == DMABUFFS_KIND_ASID)
		return -EBADFD;
	return table_hold_buffer_locked(opened->table, export) ? 0 : -EBADFD;
}

int opened_open_buffer(const struct opened *opened)
{
	int r = opened_hold_buffer(opened);

	if (r < 0)
		return r;
	r = buffer_open(&opened->export->buffer, opened->access);
	table_drop_buffer(opened->table, opened->export);
	return r;
}
