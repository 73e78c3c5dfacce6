/* SPDX-License-Identifier: MIT */
#include "broker/procfs.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fd_identity.h"
#include "util.h"

/* A client can mount any number of file systems, and the broker must not stall. */
#define MAX_LINES 1024

static bool procfs_is_our_own(uint64_t dev)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_CLOEXEC);
	uint64_t own, ino;

	return proc >= 0 && fd_identity(proc, &own, &ino) == 0 && own == dev;
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELDS] - TYPE ...", proc_pid_mountinfo(5).
 */
static bool procfs_is_procfs_line(char *line, uint64_t dev)
{
	unsigned major_number, minor_number;
	const char *type = strstr(line, " - ");

	return type && !strncmp(type, " - proc ", strlen(" - proc ")) &&
	       sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 &&
	       makedev(major_number, minor_number) == dev;
}

/* The list comes from the kernel, so a client cannot forge a line of it. */
static bool procfs_is_mounted(uint64_t dev, pid_t tid)
{
	_cleanup_free_ char *line = NULL;
	char path[40];
	size_t size = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	for (int i = 0; i < MAX_LINES && !found && getline(&line, &size, file) > 0; i++)
		found = procfs_is_procfs_line(line, dev);
	fclose(file);
	return found;
}

bool procfs_has(int fd, pid_t tid)
{
	uint64_t dev, ino;

	if (fd_identity(fd, &dev, &ino) < 0)
		return false;
	return procfs_is_our_own(dev) || (tid > 0 && procfs_is_mounted(dev, tid));
}
