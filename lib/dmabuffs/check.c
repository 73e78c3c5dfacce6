/* SPDX-License-Identifier: MIT */
/*
 * check.c - does the service of an instance run?
 *
 * A request would find out, for a round trip. But the kernel wakes those who poll a file
 * of the mount when the connection to the service ends, and fails the poll from then on.
 * So .control stays registered with an epoll instance, where nothing is ready as long as
 * the service runs: to ask for that is a system call without a request.
 */
#include <sys/epoll.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <util.h>

#include "instance.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/* Of a service without .control, or for a user without access to it, there is none. */
static int check_new_watch(const struct dmabuffs *instance)
{
	struct epoll_event event = {.events = 0}; /* EPOLLERR and EPOLLHUP anyway */
	_cleanup_close_ int watch = -1;
	int r;

	if (instance->control_fd < 0 || instance->is_old)
		return -EOPNOTSUPP;
	watch = (int)SYSCALL(epoll_create1(EPOLL_CLOEXEC));
	if (watch < 0)
		return watch;
	r = (int)SYSCALL(epoll_ctl(watch, EPOLL_CTL_ADD, instance->control_fd, &event));
	return r < 0 ? r : TAKE_FD(watch);
}

/* Made by the first check; of several threads that make one, the others close theirs. */
static int check_get_watch(struct dmabuffs *instance)
{
	int watch = atomic_load(&instance->watch), none = -1;

	if (watch >= 0)
		return watch;
	watch = check_new_watch(instance);
	if (watch < 0 || atomic_compare_exchange_strong(&instance->watch, &none, watch))
		return watch;
	close_keep_errno(watch);
	return none;
}

static bool check_may_have_ended(struct dmabuffs *instance)
{
	int watch = check_get_watch(instance);
	struct epoll_event event;

	return watch < 0 || epoll_wait(watch, &event, 1, 0) != 0;
}

int check_request(int root_fd)
{
	struct statfs filesystem;
	int r = (int)SYSCALL(fstatfs(root_fd, &filesystem));

	if (r < 0)
		return r == -ECONNABORTED ? -ENOTCONN : r;
	return filesystem.f_type == FUSE_SUPER_MAGIC ? 0 : -ENOTTY;
}

_public_ int dmabuffs_check(struct dmabuffs *instance)
{
	return check_may_have_ended(instance) ? check_request(instance->root_fd) : 0;
}
