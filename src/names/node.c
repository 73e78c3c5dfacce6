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

static void node_save_times(const struct node *node)
{
	struct ledger_node *record = node->record;

	record->atime = node->atime.tv_sec;
	record->mtime = node->mtime.tv_sec;
	record->ctime = node->ctime.tv_sec;
	record->atime_ns = (uint32_t)node->atime.tv_nsec;
	record->mtime_ns = (uint32_t)node->mtime.tv_nsec;
	record->ctime_ns = (uint32_t)node->ctime.tv_nsec;
}

/* The request that was interrupted between two of these stores comes again. */
static void node_save(const struct node *node)
{
	if (!node->record)
		return;
	node->record->mode = node->mode;
	node->record->uid = node->uid;
	node->record->gid = node->gid;
	node_save_times(node);
}

void node_bind(struct node *node, struct ledger *ledger, struct ledger_node *record)
{
	node->ledger = ledger;
	node->record = record;
	node_save(node);
}

/* A chmod(2) stored the mode only, which its ACL follows. */
static int node_load_acl(struct node *node)
{
	uint8_t acl[ACL_MAX_SIZE];
	ssize_t size =
		ledger_read_blob(node->ledger, node->record->acl, acl, sizeof(acl));

	if (size == 0)
		return 0;
	if (size < 0 || acl_check(acl, (size_t)size) < 0) {
		node->mode &= S_IFMT | 0700;
		return -EBADMSG;
	}
	node->acl = malloc((size_t)size);
	if (!node->acl)
		return -ENOMEM;
	memcpy(node->acl, acl, (size_t)size);
	node->acl_size = (size_t)size;
	acl_apply_mode(node->acl, node->acl_size, node->mode);
	return 0;
}

int node_restore(struct node *node, struct ledger *ledger, struct ledger_node *record)
{
	*node = (struct node){
		.mode = record->mode,
		.uid = record->uid,
		.gid = record->gid,
		.atime = {record->atime, record->atime_ns},
		.mtime = {record->mtime, record->mtime_ns},
		.ctime = {record->ctime, record->ctime_ns},
		.ledger = ledger,
		.record = record,
	};
	return node_load_acl(node);
}

void node_touch(struct node *node)
{
	node->mtime = node->ctime = node_now();
	if (node->record)
		node_save_times(node);
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
	node_save(node);
}

/* @copy is NULL if permission bits are all. 0 or -ENOSPC. */
static int node_save_acl(struct node *node, const void *copy, size_t size, mode_t mode)
{
	uint32_t blob = 0, old;
	int r = 0;

	if (!node->record)
		return 0;
	if (copy)
		r = ledger_put_blob(node->ledger, copy, size, &blob);
	if (r < 0)
		return r;
	old = node->record->acl;
	node->record->mode = mode;
	node->record->acl = blob;
	ledger_free_blob(node->ledger, old);
	return 0;
}

int node_set_acl(struct node *node, const void *acl, size_t size)
{
	void *copy = NULL;
	mode_t mode = node->mode;
	int r;

	if (size) {
		r = acl_check(acl, size);
		if (r < 0)
			return r;
		mode = (mode & ~(mode_t)0777) | acl_to_mode(acl, size);
		if (acl_is_extended(acl, size)) {
			copy = malloc(size);
			if (!copy)
				return -ENOMEM;
			memcpy(copy, acl, size);
		}
	}
	r = node_save_acl(node, copy, size, mode);
	if (r < 0) {
		free(copy);
		return r;
	}
	node_finish(node);
	node->mode = mode;
	node->acl = copy;
	node->acl_size = copy ? size : 0;
	node->ctime = node_now();
	node_save(node);
	return 0;
}
