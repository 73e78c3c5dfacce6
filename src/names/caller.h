/* SPDX-License-Identifier: MIT */
/*
 * caller.h - the process behind a FUSE request
 *
 * The kernel names it by a thread id in our PID namespace, 0 when it has none here. The
 * id stays the caller's until we reply, since even a killed caller waits for the answer
 * of a request that was read: everything here is called before replying.
 */
#ifndef DMABUFFS_CALLER_H
#define DMABUFFS_CALLER_H

#include <stdint.h>
#include <sys/types.h>

#include <dmabuffs-ioctl.h>

/* What is recorded of an exporter. Immutable; shared by its exports. */
struct caller {
	_Atomic unsigned refs;
	uint64_t
		thread; /* unique number of the thread, 0: not known (before Linux 6.9) */
	pid_t pid;      /* the process, in our PID namespace; 0: not nameable */
	char comm[DMABUFFS_COMM_SIZE];
	uint64_t ns[DMABUFFS_NS_COUNT]; /* inode numbers; 0: not known */
	char *security; /* security label, or NULL where no LSM sets one */
};

/* Finds out once what this kernel offers. */
void caller_setup(void);

/* A pidfd of the thread @tid; -EREMOTE when it cannot be named; or -errno. */
int caller_open(pid_t tid);

/*
 * A copy of descriptor @fd of the thread behind @pidfd. -EBADF: not open there;
 * -EREMOTE: we lack the right (CAP_SYS_PTRACE over it), or it is gone.
 */
int caller_take_fd(int pidfd, int fd);

/* Reads the namespaces only. What cannot be read is 0. */
void caller_read_namespaces(pid_t tid, uint64_t ret_ns[DMABUFFS_NS_COUNT]);

/*
 * Everything about the thread. @cached, if it is about the same thread, is returned with
 * one more reference: so repeated exports of a thread read /proc once. What is recorded
 * is then what was true at its first export through one root description.
 */
int caller_read(pid_t tid, int pidfd, struct caller *cached, struct caller **ret_caller);

struct caller *caller_ref(struct caller *caller);
void caller_unref(struct caller *caller); /* NULL is allowed */

#endif
