/* SPDX-License-Identifier: MIT */
/* instance.h - what the files of libdmabuffs share; private to the library */
#ifndef DMABUFFS_INSTANCE_H
#define DMABUFFS_INSTANCE_H

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs.h>

/* Listed in libdmabuffs.map; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

/*
 * A system call as a value >= 0 or -errno, restarted after signals. Only a wait for the
 * service or on a socket can be interrupted, so restarting is always right.
 */
#define SYSCALL(call)                                                                    \
	({                                                                               \
		long value_;                                                             \
		do {                                                                     \
			value_ = (call);                                                 \
		} while (value_ < 0 && errno == EINTR);                                  \
		value_ < 0 ? -(long)errno : value_;                                      \
	})

/**
 * struct dmabuffs - an open instance
 * @root_fd: the root directory, O_PATH, owned
 * @control_fd: the open file .control, owned; its description carries the names made
 *              here. -1: this user may import only
 * @refusal: why @control_fd is not open for writing: -EROFS, -EACCES, or 0: it is
 * @is_old: the service has no .control, and @control_fd is the open root directory
 * @has_idmap: the mount has the option idmap
 * @watch: an epoll instance with @control_fd, owned; -1: none yet. See check.c.
 * @idle: the idle broker connection: pid << 32 | fd + 1, or 0. Taken and put back
 *        atomically: a lock could be held by another thread during fork(2) and would then
 *        stay locked in the child. See broker.c.
 * @same_process: 1 here, 0 in a child of fork(2)
 */
struct dmabuffs {
	int root_fd;
	int control_fd;
	int refusal;
	bool is_old;
	bool has_idmap;
	_Atomic int watch;
	_Atomic uint64_t idle;
	_Atomic uint32_t *same_process;
};

/*
 * check.c: one request. 0: a FUSE file system that is served; -ENOTCONN: no more;
 * -ENOTTY: another file system.
 */
int check_request(int root_fd);

/*
 * identify.c: a command on .control. With the option idmap this process may first have to
 * prove its ids, which are those that the calling thread has by now.
 */
int instance_command(struct dmabuffs *instance, unsigned long request, void *argument);

/* The same for a context, @fd, or .control. -EOVERFLOW: the mount does not map its user.
 */
int instance_identify(const struct dmabuffs *instance, int fd);

/* A command on .control that changes something; -EROFS, -EACCES if it may not. */
int instance_change(struct dmabuffs *instance, unsigned long request, void *argument);

/* Opens a name; @access is trusted. -errno, or the descriptor. */
int instance_open_name(struct dmabuffs *instance, const dmabuffs_uuid *uuid, int access);

/* Opens a directory of the instance, "." or below, for a walk. */
int instance_open_directory(struct dmabuffs *instance, const char *name,
			    DIR **ret_directory);

static inline void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}
#define _cleanup_directory_ __attribute__((cleanup(close_directory)))

/*
 * export.c: the caller's options, NULL for the default. -EINVAL, -E2BIG. The label goes
 * into a field that is all zero.
 */
int export_read_options(const struct dmabuffs_export_options *options,
			uint32_t *ret_flags, uint32_t *ret_mode,
			uint8_t ret_label[DMABUFFS_LABEL_SIZE]);

#endif
