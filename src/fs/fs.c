/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <errno.h>

#include "base/log.h"
#include "util.h"

/*
 * Each thread keeps a buffer for one request of this size in memory. It must hold the
 * value of an extended attribute, 64 KiB. Writes are larger only where there is no
 * passthrough.
 */
#define FS_MAX_WRITE (256U << 10)

static void fs_init(void *userdata, struct fuse_conn_info *conn)
{
	struct service *service = userdata;

	conn->max_write = MIN(conn->max_write, FS_MAX_WRITE);
	/* Makes the kernel check ACLs. */
	if (!fuse_set_feature_flag(conn, FUSE_CAP_POSIX_ACL))
		log_warning("this kernel has no POSIX ACLs for FUSE: only permission "
			    "bits are checked");
	fuse_unset_feature_flag(conn, FUSE_CAP_READDIRPLUS);
	fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
	/* O_TRUNC must arrive as a change of size, which is refused. */
	fuse_unset_feature_flag(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	if (service->passthrough) {
		service->passthrough = fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
		conn->max_backing_stack_depth = 1;
	}
	if (!service->passthrough)
		log_warning("no passthrough: names cannot be mapped (ENODEV), "
			    "descriptors from the broker can");
}

/* Only DMABUFFS_IOC_EXPORT creates a name. */
static void fs_refuse(fuse_req_t req)
{
	reply_error(req, -EPERM);
}

static void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	fs_refuse(req);
}

static void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	fs_refuse(req);
}

static void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fs_refuse(req);
}

static void fs_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		       const char *name)
{
	fs_refuse(req);
}

static void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	fs_refuse(req);
}

static void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	fs_refuse(req);
}

/* No forget: the kernel's look-ups are not counted, see export.h. */
const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.mknod = fs_mknod,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.symlink = fs_symlink,
	.rename = fs_rename,
	.link = fs_link,
	.create = fs_create,
	.tmpfile = fs_tmpfile,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.lseek = fs_lseek,
	.poll = fs_poll,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.statfs = fs_statfs,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.removexattr = fs_removexattr,
	.ioctl = fs_ioctl,
};
