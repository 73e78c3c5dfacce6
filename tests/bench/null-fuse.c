/* SPDX-License-Identifier: MIT */
/* null-fuse.c - a FUSE server whose requests do nothing */
#include "null-fuse.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#include <fuse_lowlevel.h>

#include <sys/stat.h>

#include "bench.h"

static void null_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct stat attributes = {
		.st_ino = ino,
		.st_mode = S_IFDIR | 0755,
		.st_nlink = 2,
	};

	(void)fuse_reply_attr(req, &attributes, 0);
}

static const struct fuse_lowlevel_ops null_ops = {
	.getattr = null_getattr,
};

/* The daemon's loop: several threads, libfuse's defaults. */
static int null_loop(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	if (!config)
		return -ENOMEM;
	r = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return r < 0 ? r : 0;
}

static int null_mount_and_loop(struct fuse_session *session, const char *mountpoint,
			       int ready_fd)
{
	int r;

	if (fuse_set_signal_handlers(session) != 0 ||
	    fuse_session_mount(session, mountpoint) != 0)
		return -EIO;
	r = write(ready_fd, "", 1) == 1 ? 0 : -EIO;
	close_keep_errno(ready_fd);
	if (r >= 0)
		r = null_loop(session);
	fuse_session_unmount(session);
	return r;
}

int null_fuse_serve(const char *mountpoint, int ready_fd)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	int r = -ENOMEM;

	if (fuse_opt_add_arg(&args, "null-fuse") == 0)
		session = fuse_session_new(&args, &null_ops, sizeof(null_ops), NULL);
	if (session) {
		r = null_mount_and_loop(session, mountpoint, ready_fd);
		fuse_session_destroy(session);
	}
	fuse_opt_free_args(&args);
	return r;
}

static int null_child(const char *mount, const char *options, int ready_fd)
{
	return null_fuse_serve(mount, ready_fd) < 0;
}

int null_fuse_start(struct server *server, const char *dir, const char *name)
{
	return server_start(server, dir, name, null_child, NULL);
}
