/* SPDX-License-Identifier: MIT */
/*
 * fs_root.c - open files that names are made on: the root directory and .control
 *
 * The file handle is the id of a root description in the table. It is 0 for .control
 * opened without write access, which can carry no names.
 */

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "fs/fs.h"
#include "fs/fs_user.h"
#include "fs/restore.h"
#include "names/ended.h"
#include "crash_point.h"

static void fs_root_open(fuse_req_t req, struct fuse_file_info *fi,
			 int (*open)(struct table *table, const struct payer *payer,
				     uint64_t *ret_id))
{
	struct table *table = &service_of(req)->table;
	struct payer payer;
	uint64_t id;
	int r = user_payer(req, &payer);

	if (r == 0)
		r = open(table, &payer, &id);
	if (r < 0) {
		log_warning("cannot open root for uid %u: %s", user_uid(req),
			    strerror(-r));
		reply_error(req, r);
		return;
	}
	fi->fh = id;
	if (fuse_reply_open(req, fi) < 0)
		table_close_root(table, id, NULL, NULL);
	CRASH_POINT("root-replied");
	table_root_replied(table, id);
}

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->fh = 0;
	/* The listing depends on the user. */
	fi->cache_readdir = 0;
	if (ino != INO_ROOT)
		fuse_reply_open(req, fi);
	else
		fs_root_open(req, fi, table_open_root);
}

void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino == INO_ROOT)
		ended_close_root(&service_of(req)->notifier, fi->fh,
				 "the root was closed");
	restore_forget(service_of(req));
	reply_error(req, 0);
}

/*
 * The kernel permits an access mode of 3, for ioctl(2) only, and does not ask the mount
 * for it as for writing.
 */
static bool fs_control_is_writable(const struct fuse_file_info *fi)
{
	int access = fi->flags & O_ACCMODE;

	return access == O_WRONLY || access == O_RDWR;
}

void fs_control_open(fuse_req_t req, struct fuse_file_info *fi)
{
	fi->fh = 0;
	fi->direct_io = 1;
	fi->nonseekable = 1;
	fi->noflush = 1;
	if (fs_control_is_writable(fi))
		fs_root_open(req, fi, table_open_control);
	else
		fuse_reply_open(req, fi);
}

void fs_control_release(fuse_req_t req, struct fuse_file_info *fi)
{
	if (fi->fh)
		ended_close_root(&service_of(req)->notifier, fi->fh,
				 "its control file was closed");
	reply_error(req, 0);
}
