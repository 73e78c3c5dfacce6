/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of a holder's spare. */
#define PROCESS_SPARE "dmabuffsd-spare"

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

/* Of a line of /proc/PID/stat; dead ones have a parent, too. */
static bool process_is_child(pid_t pid, pid_t parent, bool is_spare)
{
	char path[32], text[400] = "", *end;
	bool ok = false;
	char state;
	int found;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(text, sizeof(text), file) && (end = strrchr(text, ')')))
		ok = sscanf(end, ") %c %d", &state, &found) == 2 && found == parent &&
		     state != 'Z' && state != 'X' &&
		     (strstr(text, "(" PROCESS_SPARE ")") != NULL) == is_spare;
	fclose(file);
	return ok;
}

static pid_t process_find_child(pid_t pid, bool is_spare)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t child = -1;

	while (proc && child < 0 && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0 &&
		    process_is_child(atoi(entry->d_name), pid, is_spare))
			child = atoi(entry->d_name);
	if (proc)
		closedir(proc);
	return child;
}

long process_call(pid_t pid, pid_t tid, unsigned long ret_arguments[4])
{
	unsigned long *in = ret_arguments;
	char path[60];
	long call = -1;
	FILE *file;

	/* For a thread that runs the file reads "running". */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%ld %lx %lx %lx %lx", &call, &in[0], &in[1], &in[2], &in[3]) !=
	    5)
		call = -1;
	fclose(file);
	return call;
}

pid_t process_child(pid_t pid)
{
	return process_find_child(pid, false);
}

pid_t process_spare(pid_t pid)
{
	return process_find_child(pid, true);
}
