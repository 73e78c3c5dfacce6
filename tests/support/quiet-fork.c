/* SPDX-License-Identifier: MIT */
/*
 * quiet-fork.c - Criterion forks beside threads of its own, also under AddressSanitizer
 *
 * Before LLVM 18 (pull request 75290, "[asan] Install pthread_atfork") that takes no lock
 * of its allocator at fork(2): if another thread is in malloc(3) just then, the child
 * waits for it without end. So the runner forks once its other threads sleep.
 */
#include "config.h"

#ifdef SANITIZED

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <clock.h>
#include <util.h>

#define QUIET_MS 1000

/* Test cases fork beside threads that run. */
static pid_t quiet_runner;

static bool quiet_is_asleep(int tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

static bool quiet_are_asleep(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	bool asleep = true;

	while (tasks && asleep && (entry = readdir(tasks))) {
		int tid = atoi(entry->d_name);

		asleep = tid <= 0 || tid == gettid() || quiet_is_asleep(tid);
	}
	if (tasks)
		closedir(tasks);
	return asleep;
}

static void quiet_wait(void)
{
	const uint64_t end = now_ms() + QUIET_MS;

	while (getpid() == quiet_runner && !quiet_are_asleep() && now_ms() < end)
		sched_yield();
}

__attribute__((constructor)) static void quiet_install(void)
{
	quiet_runner = getpid();
	pthread_atfork(quiet_wait, NULL, NULL);
}

#endif
