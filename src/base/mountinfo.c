/* SPDX-License-Identifier: MIT */
#include "base/mountinfo.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util.h"

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELDS] - TYPE ...", proc_pid_mountinfo(5)
 */
static bool mountinfo_matches(const char *line, uint64_t dev, const char *type)
{
	unsigned major_number, minor_number;
	const char *separator = strstr(line, " - ");
	size_t length = type ? strlen(type) : 0;

	if (sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) != 2 ||
	    makedev(major_number, minor_number) != dev)
		return false;
	return !type || (separator && !strncmp(separator + 3, type, length) &&
			 separator[3 + length] == ' ');
}

static bool mountinfo_find(FILE *file, uint64_t dev, const char *type, size_t max_lines)
{
	_cleanup_free_ char *line = NULL;
	bool found = false;
	size_t size = 0;

	for (size_t i = 0; i < max_lines && !found && getline(&line, &size, file) > 0;
	     i++)
		found = mountinfo_matches(line, dev, type);
	return found;
}

int mountinfo_has(const char *path, uint64_t dev, const char *type, size_t max_lines)
{
	FILE *file = fopen(path, "re");
	bool found;

	if (!file)
		return -errno;
	found = mountinfo_find(file, dev, type, max_lines);
	fclose(file);
	return found;
}

int mountinfo_has_now(int fd, uint64_t dev)
{
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *file;
	bool found;

	if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return -errno;
	file = fdopen(copy, "r");
	if (!file)
		return -errno;
	TAKE_FD(copy);
	found = mountinfo_find(file, dev, NULL, SIZE_MAX);
	fclose(file);
	return found;
}
