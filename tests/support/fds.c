/* SPDX-License-Identifier: MIT */
#include "fds.h"

#include <dirent.h>
#include <limits.h>

unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	/* No test compares equal with this. */
	if (!dir)
		return UINT_MAX;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

bool has_fds(void *n)
{
	return count_fds() == *(unsigned *)n;
}

bool has_at_most_fds(void *n)
{
	return count_fds() <= *(unsigned *)n;
}
