/* SPDX-License-Identifier: MIT */
/* place.c - processes that a program starts, and their CPUs */
#include "place.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "report.h"

/* of this process before it was placed; empty: not queried yet */
static cpu_set_t allowed;
static cpu_set_t children;

static int first_cpu(const cpu_set_t *set)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

int place_client(enum place place)
{
	cpu_set_t client;
	int cpu;

	if (CPU_COUNT(&allowed) == 0 &&
	    sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return complain(-errno, "sched_getaffinity");
	cpu = first_cpu(&allowed);
	CPU_ZERO(&client);
	CPU_SET(cpu, &client);
	children = client;
	if (place == PLACE_SPLIT && CPU_COUNT(&allowed) > 1) {
		children = allowed;
		CPU_CLR(cpu, &children);
	}
	if (sched_setaffinity(0, sizeof(client), &client) < 0)
		return complain(-errno, "sched_setaffinity");
	return 0;
}

int place_children_cpu(void)
{
	return first_cpu(&children);
}

static void become_child(int fd)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setaffinity(0, sizeof(children), &children) < 0)
		(void)complain(-errno, "sched_setaffinity");
	if (fd > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned int)fd - 1, 0);
	(void)close_range((unsigned int)fd + 1, UINT_MAX, 0);
}

pid_t place_fork(int fd)
{
	pid_t pid = fork();

	if (pid == 0)
		become_child(fd);
	return pid;
}
