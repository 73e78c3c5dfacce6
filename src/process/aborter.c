/* SPDX-License-Identifier: MIT */
#include "process/aborter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "util.h"

/* The file system of FUSE connections, mounted nowhere. */
static int aborter_mount(void)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, "fusectl", FSOPEN_CLOEXEC);
	int mount = -1;

	if (context >= 0 &&
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	return mount < 0 ? -errno : mount;
}

int aborter_open(uint64_t dev)
{
	_cleanup_close_ int connections = aborter_mount();
	char path[32];
	int fd;

	if (connections < 0)
		return connections;
	snprintf(path, sizeof(path), "%u/abort", minor(dev));
	fd = openat(connections, path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void aborter_use(int aborter)
{
	if (write(aborter, "1", 1) < 0 && errno != ENOTCONN)
		log_warning("cannot end the connection of the mount: %m");
}
