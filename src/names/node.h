/* SPDX-License-Identifier: MIT */
/*
 * node.h - owner, mode, ACL and times of a file or directory of the mount
 *
 * A node that is bound to a record of the ledger stores each change there, for a
 * successor. Not thread safe; the table's lock protects it.
 */
#ifndef DMABUFFS_NODE_H
#define DMABUFFS_NODE_H

#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "store/ledger.h"

struct node {
	mode_t mode; /* with the file type */
	uid_t uid;
	gid_t gid;
	void *acl; /* owned; NULL: the permission bits are all */
	size_t acl_size;
	struct timespec atime, mtime, ctime;
	/* Borrowed; NULL: no successor has it. */
	struct ledger *ledger;
	struct ledger_node *record;
};

void node_init(struct node *node, mode_t mode, uid_t uid, gid_t gid);
void node_finish(struct node *node);

void node_stat(const struct node *node, struct stat *ret_stat);

/* Stores it in @record, without an ACL, and each change of it from now on. */
void node_bind(struct node *node, struct ledger *ledger, struct ledger_node *record);

/* For a successor: makes the node of what @record has. 0; -ENOMEM; -EBADMSG: its ACL is
 * damaged, and its owner alone may use it. */
int node_restore(struct node *node, struct ledger *ledger, struct ledger_node *record);

/* An entry of the directory was made or removed: sets mtime and ctime. */
void node_touch(struct node *node);

/* Applies those parts of @attr that @to_set (FUSE_SET_ATTR_*) selects, except a size. */
void node_set(struct node *node, const struct stat *attr, int to_set);

/* Stores an ACL and its mode; @size 0 removes it. 0, -EINVAL, -ENOMEM or -ENOSPC. */
int node_set_acl(struct node *node, const void *acl, size_t size);

#endif
