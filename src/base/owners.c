/* SPDX-License-Identifier: MIT */
#include "base/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clients.h"
#include "base/helper.h"
#include "base/proc_read.h"
#include "fd_identity.h"
#include "util.h"

/* A namespace that is not below ours is hidden; what a full table refuses is not. */
static int owners_error(void)
{
	return errno == EPERM ? -ESRCH : -errno;
}

static bool owners_is_same(int a, int b)
{
	uint64_t dev_a, ino_a, dev_b, ino_b;

	return fd_identity(a, &dev_a, &ino_a) == 0 &&
	       fd_identity(b, &dev_b, &ino_b) == 0 && dev_a == dev_b && ino_a == ino_b;
}

/*
 * Does the process itself act as @uid? io_uring(7) can act with registered credentials of
 * another process for a single request. They may be of another namespace.
 */
static bool owners_acts_as(pid_t pid, uid_t uid)
{
	uid_t fsuid;
	gid_t fsgid;

	return proc_read_fs_ids(pid, &fsuid, &fsgid) == 0 && fsuid == uid;
}

/* Replaces the namespace by its parent. */
static int owners_step(int *ns)
{
	int parent = ioctl(*ns, NS_GET_PARENT);
	int r = parent < 0 ? owners_error() : 0;

	close(*ns);
	*ns = parent;
	return r;
}

static int owners_ask(pid_t pid, uid_t uid, uid_t ret_owners[OWNERS_MAX])
{
	struct helper_request request = {.op = HELPER_OWNERS, .tid = pid, .uid = uid};
	struct helper_reply reply;
	int n = helper_call(request, -1, HELPER_NOBODY, &reply, NULL);

	for (int i = 0; i < n; i++)
		ret_owners[i] = reply.owners[i];
	/* Nobody can be asked. */
	return n == -EREMOTE ? -ESRCH : n;
}

static int owners_read_here(pid_t pid, uid_t uid, uid_t ret_owners[OWNERS_MAX])
{
	_cleanup_close_ int ns = clients_user_namespace(pid);
	_cleanup_close_ int own = ns < 0 ? ns : clients_user_namespace(getpid());
	int r = own, n = 0;
	uid_t owner;

	if (own < 0)
		return r;
	for (int depth = 0; !owners_is_same(ns, own); depth++) {
		if (depth == OWNERS_MAX || ioctl(ns, NS_GET_OWNER_UID, &owner) < 0)
			return -ESRCH;
		if (owner != 0)
			ret_owners[n++] = owner;
		r = owners_step(&ns);
		if (r < 0)
			return r;
	}
	return n > 0 || owners_acts_as(pid, uid) ? n : -ESRCH;
}

int owners_read(pid_t pid, uid_t uid, uid_t ret_owners[OWNERS_MAX])
{
	return helper_is_used() ? owners_ask(pid, uid, ret_owners)
				: owners_read_here(pid, uid, ret_owners);
}
