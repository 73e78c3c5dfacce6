/* SPDX-License-Identifier: MIT */
/* worker.c - finds and kills the process of an instance that serves */
#include "worker.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>

#include "harness.h"

/* Of a process that is no zombie: its parent, and when it was started. */
static bool worker_read_stat(pid_t pid, pid_t *ret_parent, unsigned long long *ret_start)
{
	char path[32], text[600], state = 'Z';
	FILE *file;
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(text, sizeof(text), file) && strrchr(text, ')'))
		sscanf(strrchr(text, ')'),
		       ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
		       "%*d %*d %*d %llu",
		       &state, &parent, ret_start);
	fclose(file);
	*ret_parent = parent;
	return state != 'Z' && state != 'X';
}

unsigned worker_list(const struct instance *instance, pid_t ret_pids[WORKER_MAX])
{
	unsigned long long start;
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;
	pid_t parent;

	ASSERT(proc);
	ret_pids[n++] = instance->pid;
	while (n < WORKER_MAX && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && worker_read_stat(pid, &parent, &start) &&
		    parent == instance->pid)
			ret_pids[n++] = pid;
	}
	closedir(proc);
	return n;
}

pid_t worker_find(const struct instance *instance)
{
	unsigned long long start, newest = 0;
	pid_t pids[WORKER_MAX], parent, worker = -1;
	unsigned n = worker_list(instance, pids);

	for (unsigned i = 1; i < n; i++) {
		if (!worker_read_stat(pids[i], &parent, &start) ||
		    (worker > 0 && start < newest))
			continue;
		worker = pids[i];
		newest = start;
	}
	return worker;
}

struct worker_wait {
	const struct instance *instance;
	pid_t worker;
};

static bool worker_is_there(void *data)
{
	struct worker_wait *it = data;

	it->worker = worker_find(it->instance);
	return it->worker > 0;
}

pid_t worker_expect(const struct instance *instance)
{
	struct worker_wait it = {instance, -1};

	if (!wait_until(worker_is_there, &it))
		test_fail(__FILE__, __LINE__, "no process serves any more");
	return it.worker;
}

void worker_kill(pid_t worker)
{
	kill(worker, SIGKILL);
}

void worker_expect_death(pid_t worker)
{
	int pidfd = pidfd_open(worker, 0);

	/* It is gone already. */
	if (pidfd < 0)
		return;
	if (!wait_ready(pidfd, POLLIN, WAIT_MS))
		test_fail(__FILE__, __LINE__, "a killed process does not end");
	close(pidfd);
}

void worker_expect_served(const struct instance *instance, pid_t dead)
{
	struct statvfs st;

	worker_expect_death(dead);
	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
}
