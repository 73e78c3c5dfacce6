/* SPDX-License-Identifier: MIT */
#include "base/mountinfo.h"

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

int mountinfo_has(const char *path, uint64_t dev, const char *type, size_t max_lines)
{
	_cleanup_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	bool found = false;
	size_t size = 0;

	if (!file)
		return -errno;
	for (size_t i = 0; i < max_lines && !found && getline(&line, &size, file) > 0;
	     i++)
		found = mountinfo_matches(line, dev, type);
	fclose(file);
	return found;
}
