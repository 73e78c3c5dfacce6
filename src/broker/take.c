/* SPDX-License-Identifier: MIT */
#include "broker/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/helper.h"
#include "broker/procfs.h"
#include "buffers/buffer.h"
#include "lease.h"
#include "names/caller.h"
#include "fd_identity.h"
#include "util.h"

/* Fixed after take_setup(). */
static struct {
	uint64_t mount_dev;
	bool by_helper;
} take_state;

void take_setup(uint64_t mount_dev, bool by_helper)
{
	take_state.mount_dev = mount_dev;
	take_state.by_helper = by_helper;
}

bool take_is_by_helper(void)
{
	return take_state.by_helper;
}

static bool take_is_name(int fd)
{
	uint64_t dev, ino;

	return fd_identity(fd, &dev, &ino) == 0 && dev == take_state.mount_dev;
}

/* By its name, which is the kernel's in a procfs: the inode differs with each look-up. */
static bool take_is_memory(int fd, pid_t tid)
{
	char path[40], link[256];
	const char *name;
	ssize_t n;

	if (!procfs_has(fd, tid))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	name = strrchr(link, '/');
	return name && (!strcmp(name, "/mem") || !strcmp(name, "/maps"));
}

/* enum dmabuffs_kind; 0: of another kind that is permitted. */
static int take_check(int fd, int flags, pid_t tid, unsigned kinds)
{
	/* open(2) with O_PATH requires no permission on the file. */
	if (flags & O_PATH)
		return kinds & TAKE_BUFFER ? -EBADF : -EBADFD;
	if (kinds & TAKE_NAME && take_is_name(fd))
		return 0;
	if (kinds & TAKE_MEMORY && take_is_memory(fd, tid))
		return 0;
	return kinds & TAKE_BUFFER ? buffer_kind(fd) : -EBADFD;
}

/* Replaces it by a description of our own; what can only be written is refused later. */
static int take_reopen(struct take *take, int access)
{
	int own = buffer_reopen_fd(take->rest, access);

	if (own < 0)
		return own;
	take->fd = own;
	take->is_own = true;
	return 0;
}

static int take_look_at(struct take *take, pid_t tid, unsigned kinds)
{
	int flags = fcntl(take->rest, F_GETFL);
	int kind = flags < 0 ? -errno : take_check(take->rest, flags, tid, kinds);

	if (kind < 0)
		return kind;
	if (kind == DMABUFFS_KIND_MEMFD && (flags & O_ACCMODE) != O_WRONLY)
		return take_reopen(take, flags & O_ACCMODE);
	take->fd = TAKE_FD(take->rest);
	return 0;
}

int take_here(pid_t tid, int fd, unsigned kinds, struct take *ret_take)
{
	int pidfd = caller_open(tid);

	if (pidfd < 0)
		return pidfd;
	fd = caller_take_fd(pidfd, fd);
	close(pidfd);
	if (fd < 0)
		return fd;
	ret_take->rest = fd;
	return take_look_at(ret_take, tid, kinds);
}

struct take_call {
	struct helper_request request;
	uid_t person;
	struct helper_reply reply;
};

static int take_ask(void *data)
{
	struct take_call *call = data;
	int taken, r;

	r = helper_call(call->request, -1, call->person, &call->reply, &taken);
	return r < 0 ? r : taken;
}

int take_by_helper(pid_t tid, int fd, unsigned kinds, uid_t person, struct take *ret_take)
{
	struct take_call call = {
		.request = {.op = HELPER_TAKE, .tid = tid, .fd = fd, .kinds = kinds},
		.person = person,
	};
	/*
	 * The helper opens memfds, which must not meet a lease of ours. For all else a
	 * client decides how long it looks (procfs_has()).
	 */
	int taken =
		kinds & TAKE_BUFFER ? lease_keep_off(take_ask, &call) : take_ask(&call);

	if (taken < 0)
		return taken;
	*ret_take = (struct take){.fd = taken, .is_own = call.reply.is_own, .rest = -1};
	return 0;
}
