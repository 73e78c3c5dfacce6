/* SPDX-License-Identifier: MIT */
#include "names/node.h"

#include <fuse_lowlevel.h>
#include <string.h>

#include "names/acl.h"
#include "util.h"

#define PERMISSIONS ((mode_t)07777)

static struct timespec node_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

void node_init(struct node *node, mode_t mode, uid_t uid, gid_t gid)
{
	*node = (struct node){.mode = mode, .uid = uid, .gid = gid};
	node->atime = node->mtime = node->ctime = node_now();
}

void node_finish(struct node *node)
{
	free(node->acl);
	node->acl = NULL;
	node->acl_size = 0;
}

void node_stat(const struct node *node, struct stat *ret_stat)
{
	*ret_stat = (struct stat){
		.st_mode = node->mode,
		.st_uid = node->uid,
		.st_gid = node->gid,
		.st_nlink = S_ISDIR(node->mode) ? 2 : 1,
		.st_atim = node->atime,
		.st_mtim = node->mtime,
		.st_ctim = node->ctime,
	};
}

void node_touch(struct node *node)
{
	node->mtime = node->ctime = node_now();
}

static void node_set_mode(struct node *node, mode_t mode)
{
	node->mode = (node->mode & ~PERMISSIONS) | (mode & PERMISSIONS);
	if (node->acl)
		acl_apply_mode(node->acl, node->acl_size, mode);
}

void node_set(struct node *node, const struct stat *attr, int to_set)
{
	node->ctime = node_now();
	if (to_set & FUSE_SET_ATTR_MODE)
		node_set_mode(node, attr->st_mode);
	if (to_set & FUSE_SET_ATTR_UID)
		node->uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		node->gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_ATIME)
		node->atime =
			to_set & FUSE_SET_ATTR_ATIME_NOW ? node->ctime : attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		node->mtime =
			to_set & FUSE_SET_ATTR_MTIME_NOW ? node->ctime : attr->st_mtim;
}

int node_set_acl(struct node *node, const void *acl, size_t size)
{
	void *copy = NULL;
	mode_t mode;
	int r;

	if (size) {
		r = acl_check(acl, size);
		if (r < 0)
			return r;
		mode = acl_to_mode(acl, size);
		if (acl_is_extended(acl, size)) {
			copy = malloc(size);
			if (!copy)
				return -ENOMEM;
			memcpy(copy, acl, size);
		}
		node->mode = (node->mode & ~(mode_t)0777) | mode;
	}
	node_finish(node);
	node->acl = copy;
	node->acl_size = copy ? size : 0;
	node->ctime = node_now();
	return 0;
}
