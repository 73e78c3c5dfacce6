/* SPDX-License-Identifier: MIT */
#include "broker/procfs.h"

#include <fcntl.h>
#include <stdint.h>

#include "base/clients.h"
#include "base/helper.h"
#include "base/mountinfo.h"
#include "fd_identity.h"
#include "util.h"

/* A client can mount any number of file systems, and the broker must not stall. */
#define MAX_LINES 1024

static bool procfs_is_our_own(uint64_t dev)
{
	_cleanup_close_ int proc = open("/proc/self", O_PATH | O_CLOEXEC);
	uint64_t own, ino;

	return proc >= 0 && fd_identity(proc, &own, &ino) == 0 && own == dev;
}

/* The list comes from the kernel, so a client cannot forge a line of it. */
bool procfs_is_mounted(uint64_t dev, pid_t tid)
{
	struct helper_request request = {.op = HELPER_PROCFS, .tid = tid, .dev = dev};
	struct helper_reply reply;
	char path[64];

	if (helper_is_used())
		return helper_call(request, -1, HELPER_NOBODY, &reply, NULL) > 0;

	clients_path(path, sizeof(path), tid, "mountinfo");
	return mountinfo_has(path, dev, "proc", MAX_LINES) > 0;
}

bool procfs_has(int fd, pid_t tid)
{
	uint64_t dev, ino;

	if (fd_identity(fd, &dev, &ino) < 0)
		return false;
	return procfs_is_our_own(dev) || (tid > 0 && procfs_is_mounted(dev, tid));
}
