/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <string.h>

#include "base/log.h"
#include "locked.h"
#include "util.h"

#define STAT_BLOCK 512

/* Of files whose attributes cannot be changed. */
static void fs_attr_stat_constant(struct service *service, mode_t mode,
				  struct stat *ret_stat)
{
	struct node node;

	node_init(&node, mode, service->options.uid, service->options.gid);
	node_stat(&node, ret_stat);
	node_finish(&node);
}

/* A memfd's own blocks and times; other buffers have none, and no holes. */
static void fs_attr_add_buffer_locked(struct table *table, const struct export *export,
				      const struct stat *buffer, struct stat *ret_stat)
{
	ASSERT_LOCKED(&table->lock);
	ret_stat->st_size = buffer->st_size;
	if (export->buffer.kind == DMABUFFS_KIND_MEMFD) {
		ret_stat->st_blocks = buffer->st_blocks;
		export_times(export, buffer, ret_stat);
	} else {
		ret_stat->st_blocks = (buffer->st_size + STAT_BLOCK - 1) / STAT_BLOCK;
	}
}

int fs_stat_export_locked(struct table *table, const struct export *export,
			  struct stat *ret_stat, double *ret_timeout)
{
	struct stat buffer;
	int r;

	ASSERT_LOCKED(&table->lock);
	node_stat(&export->node, ret_stat);
	if (export->has_buffer) {
		r = buffer_stat(&export->buffer, &buffer);
		if (r < 0)
			return r;
		fs_attr_add_buffer_locked(table, export, &buffer, ret_stat);
	}
	if (export->buffer.kind == DMABUFFS_KIND_MEMFD)
		*ret_timeout = CACHE_CHANGING;
	if (!export->named)
		ret_stat->st_nlink = 0;
	ret_stat->st_blksize = 4096;
	return 0;
}

/* Any user may connect to the broker: that grants nothing. 0: attributes can change. */
static mode_t fs_attr_constant_mode(uint64_t ino)
{
	if (ino == INO_BROKER)
		return S_IFSOCK | 0666;
	return ino == INO_IDENTITY ? S_IFREG : 0;
}

static struct node *fs_attr_fixed_node(struct service *service, uint64_t ino)
{
	if (ino == INO_ROOT)
		return &service->table.root_node;
	if (ino == INO_CONTROL)
		return &service->control;
	if (ino == INO_IDMAP && service->options.idmap)
		return &service->idmap;
	return devices_node(&service->devices, ino);
}

struct export *fs_get_node(struct service *service, uint64_t ino, struct node **ret_node)
{
	struct table *table = &service->table;
	struct export *export = table_get(table, ino);

	table_lock(table);
	if (!export)
		*ret_node = fs_attr_fixed_node(service, ino);
	else
		*ret_node = export->named || export->opens ? &export->node : NULL;
	if (*ret_node)
		return export;
	table_unlock(table);
	table_put(table, export);
	return NULL;
}

int fs_no_node(uint64_t ino, int error)
{
	return ino >= INO_FIRST_EXPORT ? -ESTALE : error;
}

void fs_put_node(struct service *service, struct export *export, const struct node *node)
{
	if (node)
		table_unlock(&service->table);
	table_put(&service->table, export);
}

int fs_stat(struct service *service, uint64_t ino, struct stat *ret_stat,
	    double *ret_timeout)
{
	mode_t mode = fs_attr_constant_mode(ino);
	struct export *export;
	struct node *node;
	int r = 0;

	*ret_timeout = ino == INO_ROOT ? CACHE_CHANGING : CACHE_FOREVER;
	if (mode) {
		fs_attr_stat_constant(service, mode, ret_stat);
		ret_stat->st_ino = ino;
		return 0;
	}
	export = fs_get_node(service, ino, &node);
	if (!node)
		return fs_no_node(ino, -ENOENT);
	if (export)
		r = fs_stat_export_locked(&service->table, export, ret_stat, ret_timeout);
	else
		node_stat(node, ret_stat);
	fs_put_node(service, export, node);
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

/*
 * A chown(2) of a container's volume must not give the instance of all to one user, whose
 * container has it mounted: podman-run(1) does that for its mount option U. The owner of
 * the root is that of the mount options uid= and gid=.
 */
static bool fs_attr_gives_root_away(uint64_t ino, const struct node *node,
				    const struct stat *attr, int to_set)
{
	if (ino != INO_ROOT && ino != INO_CONTROL && ino != INO_IDMAP)
		return false;
	return (to_set & FUSE_SET_ATTR_UID && attr->st_uid != node->uid) ||
	       (to_set & FUSE_SET_ATTR_GID && attr->st_gid != node->gid);
}

/* As with disk quotas, the export must fit in the limits of its new owner. */
static int fs_attr_give_locked(struct service *service, struct export *export, uid_t uid)
{
	int r = table_prepare_give_locked(&service->table, export, uid);

	if (r < 0)
		return r;
	r = export_transfer(&service->table, export, uid);
	table_finish_give_locked(&service->table, export, uid, r == 0);
	return r;
}

static int fs_attr_set(struct service *service, uint64_t ino, const struct stat *attr,
		       int to_set)
{
	struct export *export;
	struct node *node;
	int r = 0;

	if (fs_attr_constant_mode(ino))
		return -EPERM;
	export = fs_get_node(service, ino, &node);
	if (!node)
		return fs_no_node(ino, -ENOENT);
	if (fs_attr_gives_root_away(ino, node, attr, to_set))
		r = -EPERM;
	if (r == 0 && export && to_set & FUSE_SET_ATTR_UID)
		r = fs_attr_give_locked(service, export, attr->st_uid);
	if (r == 0)
		node_set(node, attr, to_set);
	if (r == 0 && export)
		export_set_times(&service->table, export, to_set);
	fs_put_node(service, export, node);
	return r;
}

/* The kernel has checked permissions. Importers may not change the size. */
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	int r = -EPERM;

	if (!(to_set & FUSE_SET_ATTR_SIZE))
		r = fs_attr_set(service_of(req), ino, attr, to_set);
	if (r < 0)
		reply_error(req, r);
	else
		fs_attr_reply(req, ino);
}
