/* SPDX-License-Identifier: MIT */
/* fds.c - counts a daemon's open descriptors over all its descriptor tables */
#include <dirent.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "harness.h"

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void print_table(const char *path)
{
	char link[200];
	struct dirent *entry;
	DIR *dir = opendir(path);
	ssize_t n;

	while (dir && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (n > 0)
			test_note("%s/%s -> %.*s", path, entry->d_name, (int)n, link);
	}
	if (dir)
		closedir(dir);
}

/* Some threads of the daemon have a private descriptor table; count each table once. */
static bool table_is_new(pid_t tid, const pid_t *known, int n_known)
{
	for (int i = 0; i < n_known; i++)
		if (syscall(SYS_kcmp, tid, known[i], KCMP_FILES, 0, 0) <= 0)
			return false;
	return true;
}

#define MAX_TABLES 100

static int visit_tables(pid_t pid, bool print)
{
	pid_t known[MAX_TABLES];
	int n_known = 0, n = 0;
	struct dirent *entry;
	char path[300];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while ((entry = readdir(tasks)) && n_known < MAX_TABLES) {
		pid_t tid = atoi(entry->d_name);

		if (tid <= 0 || !table_is_new(tid, known, n_known))
			continue;
		known[n_known++] = tid;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", pid, tid);
		n += MAX(count_entries(path), 0);
		if (print)
			print_table(path);
	}
	closedir(tasks);
	return n;
}

int count_process_fds(pid_t pid)
{
	return visit_tables(pid, false);
}

/* Excludes descriptors that are being closed: waits until the count is stable. */
int count_stable_fds(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 4000000};
	int n = ASSERT_OK(count_process_fds(pid)), same = 0;

	for (uint64_t end = now_ms() + WAIT_MS; same < 5 && now_ms() < end;) {
		int now;

		nanosleep(&pause, NULL);
		now = ASSERT_OK(count_process_fds(pid));
		same = now == n ? same + 1 : 0;
		n = now;
	}
	return n;
}

void print_fds(pid_t pid)
{
	visit_tables(pid, true);
}
