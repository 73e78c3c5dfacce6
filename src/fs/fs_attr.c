/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <string.h>

#include "base/log.h"
#include "util.h"

#define STAT_BLOCK 512

static void fs_attr_stat_broker(struct service *service, struct stat *ret_stat)
{
	struct node node;

	/* Any user may connect: a connection grants nothing. */
	node_init(&node, S_IFSOCK | 0666, service->options.uid, service->options.gid);
	node_stat(&node, ret_stat);
	node_finish(&node);
}

/* The lock is held. */
static int fs_attr_stat_export(const struct export *export, struct stat *ret_stat,
			       double *ret_timeout)
{
	uint64_t size = 0;
	int r;

	node_stat(&export->node, ret_stat);
	*ret_timeout = CACHE_FOREVER;
	if (export->has_buffer) {
		r = buffer_size(&export->buffer, &size);
		if (r < 0)
			return r;
		if (!buffer_size_is_fixed(&export->buffer))
			*ret_timeout = CACHE_RESIZABLE;
	}
	if (!export->named)
		ret_stat->st_nlink = 0;
	ret_stat->st_size = (off_t)size;
	ret_stat->st_blocks = (blkcnt_t)((size + STAT_BLOCK - 1) / STAT_BLOCK);
	ret_stat->st_blksize = 4096;
	return 0;
}

int fs_stat(struct service *service, uint64_t ino, struct stat *ret_stat,
	    double *ret_timeout)
{
	struct table *table = &service->table;
	struct export *export = NULL;
	int r = 0;

	*ret_timeout = CACHE_FOREVER;
	if (ino == INO_BROKER) {
		fs_attr_stat_broker(service, ret_stat);
	} else if (ino == INO_ROOT) {
		table_lock(table);
		node_stat(&table->root_node, ret_stat);
		table_unlock(table);
	} else if (fs_is_accel(ino)) {
		r = fs_accel_stat(service, ino, ret_stat);
	} else if ((export = table_get(table, ino))) {
		table_lock(table);
		r = fs_attr_stat_export(export, ret_stat, ret_timeout);
		table_unlock(table);
		table_put(table, export);
	} else {
		r = -ENOENT;
	}
	ret_stat->st_ino = ino;
	return r;
}

static void fs_attr_reply(fuse_req_t req, uint64_t ino)
{
	struct stat st;
	double timeout;
	int r = fs_stat(service_of(req), ino, &st, &timeout);

	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_attr(req, &st, timeout);
}

void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fs_attr_reply(req, ino);
}

static int fs_attr_set_export(struct service *service, struct export *export,
			      const struct stat *attr, int to_set)
{
	int r = 0;

	table_lock(&service->table);
	/* As with disk quotas, the export must fit in the limits of its new owner. */
	if (to_set & FUSE_SET_ATTR_UID)
		r = export_transfer(&service->limits, export, attr->st_uid);
	if (r == 0)
		node_set(&export->node, attr, to_set);
	table_unlock(&service->table);
	return r;
}

static int fs_attr_set_attributes(struct service *service, uint64_t ino,
				  const struct stat *attr, int to_set)
{
	struct export *export;
	int r;

	if (ino == INO_BROKER)
		return -EPERM;
	if (ino == INO_ROOT) {
		table_lock(&service->table);
		node_set(&service->table.root_node, attr, to_set);
		table_unlock(&service->table);
		return 0;
	}
	if (fs_is_accel(ino))
		return fs_accel_set(service, ino, attr, to_set);
	export = table_get(&service->table, ino);
	if (!export)
		return -ENOENT;
	r = fs_attr_set_export(service, export, attr, to_set);
	table_put(&service->table, export);
	return r;
}

/* The kernel has checked permissions. Importers may not change the size. */
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	int r = -EPERM;

	if (!(to_set & FUSE_SET_ATTR_SIZE))
		r = fs_attr_set_attributes(service_of(req), ino, attr, to_set);
	if (r < 0)
		reply_error(req, r);
	else
		fs_attr_reply(req, ino);
}
