/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pid_t process_parent(pid_t pid)
{
	char path[32], text[400];
	FILE *file;
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	/* The name of the command stands in parentheses. */
	if (file && fgets(text, sizeof(text), file) && strrchr(text, ')') &&
	    sscanf(strrchr(text, ')'), ") %*c %d", &parent) != 1)
		parent = -1;
	if (file)
		fclose(file);
	return parent;
}

pid_t process_child(pid_t pid)
{
	return process_nth_child(pid, 0);
}

/* The kernel lists processes in the order of their numbers. */
pid_t process_nth_child(pid_t pid, unsigned nth)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t child = -1;

	while (proc && child < 0 && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0 &&
		    process_parent(atoi(entry->d_name)) == pid && nth-- == 0)
			child = atoi(entry->d_name);
	if (proc)
		closedir(proc);
	return child;
}
