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

#define WORKER_COMM "dmabuffsd"

/* A process of the service that is no zombie. */
struct worker_process {
	pid_t pid;
	unsigned n_threads;
	unsigned long long start;
};

static bool worker_read_stat(struct worker_process *process)
{
	char path[32], text[600], state = 'Z', *end = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", process->pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(text, sizeof(text), file))
		end = strrchr(text, ')');
	fclose(file);
	return end && strstr(text, "(" WORKER_COMM) &&
	       sscanf(end,
		      ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
		      "%*d %u %*d %llu",
		      &state, &process->n_threads, &process->start) == 3 &&
	       state != 'Z' && state != 'X';
}

static unsigned worker_read_all(struct worker_process ret_processes[WORKER_MAX])
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	ASSERT(proc);
	while (n < WORKER_MAX && (entry = readdir(proc))) {
		ret_processes[n].pid = atoi(entry->d_name);
		n += ret_processes[n].pid > 0 && worker_read_stat(&ret_processes[n]);
	}
	closedir(proc);
	return n;
}

unsigned worker_list(pid_t ret_pids[WORKER_MAX])
{
	struct worker_process processes[WORKER_MAX];
	unsigned n = worker_read_all(processes);

	for (unsigned i = 0; i < n; i++)
		ret_pids[i] = processes[i].pid;
	return n;
}

/* The holder and its spare have one thread each. */
pid_t worker_find(void)
{
	struct worker_process processes[WORKER_MAX];
	const struct worker_process *worker = NULL;
	unsigned n = worker_read_all(processes);

	for (unsigned i = 0; i < n; i++)
		if (processes[i].n_threads > 1 &&
		    (!worker || processes[i].start > worker->start))
			worker = &processes[i];
	return worker ? worker->pid : -1;
}

static bool worker_is_there(void *ret_worker)
{
	pid_t worker = worker_find();

	*(pid_t *)ret_worker = worker;
	return worker > 0;
}

pid_t worker_expect(void)
{
	pid_t worker;

	if (!wait_until(worker_is_there, &worker))
		test_fail(__FILE__, __LINE__, "no process serves any more");
	return worker;
}

struct worker_wait {
	pid_t before[WORKER_MAX];
	unsigned n_before;
	pid_t next;
};

static bool worker_was_there(const struct worker_wait *wait, pid_t pid)
{
	for (unsigned i = 0; i < wait->n_before; i++)
		if (wait->before[i] == pid)
			return true;
	return false;
}

static bool worker_has_next(void *data)
{
	struct worker_wait *wait = data;
	pid_t pids[WORKER_MAX];
	unsigned n = worker_list(pids);

	for (unsigned i = 0; i < n; i++)
		if (!worker_was_there(wait, pids[i]))
			wait->next = pids[i];
	return wait->next > 0;
}

pid_t worker_kill_for_next(void)
{
	struct worker_wait wait = {.next = -1};
	pid_t worker = worker_expect();

	wait.n_before = worker_list(wait.before);
	worker_kill(worker);
	worker_expect_death(worker);
	if (!wait_until(worker_has_next, &wait))
		test_fail(__FILE__, __LINE__, "no successor is started");
	return wait.next;
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
