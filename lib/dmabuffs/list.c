/* SPDX-License-Identifier: MIT */
/* list.c - the names this user may list */
#include <dirent.h>
#include <fcntl.h>

#include <util.h>

#include "instance.h"

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* A description of its own: the place of a walk is kept there. */
static int open_directory(struct dmabuffs *instance, DIR **ret_directory)
{
	_cleanup_close_ int fd = (int)SYSCALL(
		openat(instance->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DIR *directory;

	if (fd < 0)
		return fd;
	directory = fdopendir(fd);
	if (!directory)
		return -errno;

	(void)TAKE_FD(fd);
	*ret_directory = directory;
	return 0;
}

_public_ int dmabuffs_list(struct dmabuffs *instance,
			   int (*visit)(const dmabuffs_uuid *uuid, void *data),
			   void *data)
{
	_cleanup_(close_directory) DIR *directory = NULL;
	int r = open_directory(instance, &directory);

	while (r >= 0) {
		struct dirent *entry;
		dmabuffs_uuid uuid;

		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return -errno;
		if (dmabuffs_uuid_parse(entry->d_name, &uuid) >= 0)
			r = visit(&uuid, data);
	}
	return r;
}
