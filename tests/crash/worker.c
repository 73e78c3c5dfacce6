/* SPDX-License-Identifier: MIT */
/* worker.c - finds and kills the process of an instance that serves */
#include "worker.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>

#include "child.h"
#include "harness.h"
#include "tally.h"

#define WORKER_COMM      "dmabuffsd"
#define WORKER_LOG_LINES 30U

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

static void worker_probe(int peer, void *data)
{
	const struct instance *instance = data;
	struct statvfs st;

	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
}

/* Its last lines. */
static void worker_print_log(const struct instance *instance)
{
	char lines[WORKER_LOG_LINES][200];
	FILE *file = fopen(instance->log, "re");
	unsigned n = 0;

	while (file && fgets(lines[n % WORKER_LOG_LINES], sizeof(lines[0]), file))
		n++;
	for (unsigned i = n - MIN(n, WORKER_LOG_LINES); i < n; i++) {
		char *line = lines[i % WORKER_LOG_LINES];

		line[strcspn(line, "\n")] = 0;
		test_note("log %u: %s", i, line);
	}
	if (file)
		fclose(file);
}

void worker_print(const struct instance *instance)
{
	pid_t pids[WORKER_MAX];
	unsigned n = worker_list(pids);

	for (unsigned i = 0; i < n; i++)
		tally_print_stacks(pids[i]);
	worker_print_log(instance);
}

/* In a child, because it can hang. */
void worker_expect_served(const struct instance *instance, pid_t dead)
{
	struct child child;

	worker_expect_death(dead);
	child_start(&child, NULL, worker_probe, (void *)instance);
	if (!wait_ready(child.peer, POLLIN, TALLY_HANG_MS)) {
		tally_print_stacks(child.pid);
		worker_print(instance);
		umount2(instance->dir, MNT_FORCE);
		test_fail(__FILE__, __LINE__, "no successor serves");
	}
	child_wait(&child);
}
