/* SPDX-License-Identifier: MIT */
#include "base/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pidfd.h"
#include "util.h"

void clients_path(char *path, size_t size, pid_t pid, const char *name)
{
	snprintf(path, size, "/proc/%d/%s", pid, name);
}

/* A process that is gone or hidden is -ESRCH; what a full table refuses is not. */
static int clients_error(void)
{
	return errno == ENOENT || errno == EACCES || errno == EPERM ? -ESRCH : -errno;
}

/* Linux 6.11; -1 with ENOTTY or EINVAL: older. */
static int clients_ask_user_namespace(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, PIDFD_THREAD);

	return pidfd < 0 ? -1 : ioctl(pidfd, PIDFD_GET_USER_NAMESPACE, 0);
}

int clients_user_namespace(pid_t pid)
{
	char path[64];
	int ns;

	if (pid <= 0)
		return -ESRCH;
	ns = clients_ask_user_namespace(pid);
	if (ns < 0 && (errno == ENOTTY || errno == EINVAL)) {
		clients_path(path, sizeof(path), pid, "ns/user");
		ns = open(path, O_RDONLY | O_CLOEXEC);
	}
	return ns < 0 ? clients_error() : ns;
}
