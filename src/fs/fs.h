/* SPDX-License-Identifier: MIT */
/*
 * fs.h - the FUSE operations
 *
 * fs.c has their table and the operations that are refused. The others are in fs_dir.c
 * (names), fs_file.c (open files), fs_root.c (descriptions that names are made on),
 * fs_attr.c (attributes), fs_xattr.c, fs_accel.c (devices) and fs_ioctl.c (the table of
 * commands; their handlers are in fs_export.c, fs_entries.c, fs_info.c, fs_list.c,
 * fs_revoke.c and device_*.c). Each request gets exactly one reply.
 */
#ifndef DMABUFFS_FS_H
#define DMABUFFS_FS_H

#include <fuse_lowlevel.h>

#include "fs/listing.h"
#include "fs/service.h"

extern const struct fuse_lowlevel_ops fs_ops;

/* Seconds. The service invalidates cached attributes when a name ends. */
#define CACHE_FOREVER 1e9
/*
 * Seconds that the kernel may find a name without a look-up. A name that ended while
 * somebody has it open is found by stat(2) that long, see notifier.h: its attributes are
 * those of the open file. open(2) fails at once.
 */
#define CACHE_NAME 1.0
/* Seconds. Attributes that change without a request: a memfd's, and the root's times. */
#define CACHE_CHANGING 1.0

static inline struct service *service_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* @error is 0 or -errno. */
static inline void reply_error(fuse_req_t req, int error)
{
	fuse_reply_err(req, -error);
}

/* fs_dir.c */
void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t dev);
void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		struct fuse_file_info *fi);
void fs_statfs(fuse_req_t req, fuse_ino_t ino);

/* Parses a UUID name. -ENOENT: it is none. */
int fs_parse_name(const char *name, uint8_t ret_uuid[DMABUFFS_UUID_SIZE]);

/* fs_root.c: .control, and the root directory */
void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_control_open(fuse_req_t req, struct fuse_file_info *fi);
void fs_control_release(fuse_req_t req, struct fuse_file_info *fi);

/* fs_idmap.c */
void fs_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		struct fuse_file_info *fi);
void fs_identity_release(fuse_req_t req, struct fuse_file_info *fi);

/* fs_file.c */
void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	     struct fuse_file_info *fi);
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *fi);
void fs_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
	      struct fuse_file_info *fi);

/* Undoes a table_open(); after the last one, closes the backing file. */
void fs_close_export(fuse_req_t req, struct export *export);

/* fs_attr.c */

/*
 * Finds the node of an inode: of an export, which is returned, of the root or a device.
 * Locks the table; if there is none, *ret_node is NULL and nothing is locked. An export
 * without a name and an open file has none. Undone by fs_put_node().
 */
struct export *fs_get_node(struct service *service, uint64_t ino, struct node **ret_node);
void fs_put_node(struct service *service, struct export *export, const struct node *node);

/*
 * The error for an inode without a node. Of an export -ESTALE: the kernel then looks its
 * name up again and gets -ENOENT. Of any other inode @error.
 */
int fs_no_node(uint64_t ino, int error);

void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);

/* Attributes of any inode; *ret_timeout is how long the kernel may cache them. */
int fs_stat(struct service *service, uint64_t ino, struct stat *ret_stat,
	    double *ret_timeout);

/* The same of an export, without its inode number. 0 or -errno. */
int fs_stat_export_locked(struct table *table, const struct export *export,
			  struct stat *ret_stat, double *ret_timeout);

/* fs_accel.c: inodes of the directory .accel */
bool fs_is_accel(uint64_t ino);
void fs_accel_list(const struct devices *devices, struct listing *listing, off_t offset);
void fs_accel_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_accel_release(fuse_req_t req, struct fuse_file_info *fi);
void fs_accel_read(fuse_req_t req, size_t size, struct fuse_file_info *fi);
void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *poll);

/* fs_xattr.c */
void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		 size_t size, int flags);
void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* fs_ioctl.c */
void fs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int number, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in,
	      size_t in_size, size_t out_size);

#endif
