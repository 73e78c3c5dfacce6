/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - counts system calls with ptrace(2): a thread that makes none never stops
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "syscalls.h"

#define NICE         -15
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* ---- threads ----------------------------------------------------------------------- */

size_t list_threads(pid_t pid, pid_t *tids, size_t max)
{
	char path[40];
	struct dirent *entry;
	size_t n = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	ASSERT(tasks);
	while ((entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		ASSERT(n < max);
		tids[n++] = atoi(entry->d_name);
	}
	closedir(tasks);
	return n;
}

unsigned long thread_ticks(pid_t pid, pid_t tid)
{
	unsigned long user = 0, system = 0;
	char path[60], line[600] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file = fopen(path, "re");
	ASSERT(file);
	ASSERT(fgets(line, sizeof(line), file));
	fclose(file);
	end = strrchr(line, ')');
	ASSERT(end);
	ASSERT_EQ(sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			 &user, &system),
		  2);
	return user + system;
}

/* ---- counting ---------------------------------------------------------------------- */

/* A system call that is used for nothing else here. */
void count_mark(void)
{
	syscall(SYS_getpgid, 0);
}

static void go_on(pid_t tid)
{
	ASSERT_OK(SYS(ptrace(PTRACE_SYSCALL, tid, NULL, NULL)));
}

static void stop(pid_t tid)
{
	int status;

	ASSERT_OK(SYS(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL)));
	ASSERT_EQ(waitpid(tid, &status, __WALL), tid);
	ASSERT(WIFSTOPPED(status));
}

/* Raises the priority, so that other load on the machine does not delay the thread. */
static void prefer(pid_t tid)
{
	ASSERT_OK(SYS(setpriority(PRIO_PROCESS, (id_t)tid, NICE)));
}

static void seize(pid_t tid)
{
	prefer(tid);
	ASSERT_OK(SYS(ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD)));
	stop(tid);
	go_on(tid);
}

/* The system call being entered; -1 at a system call exit or another kind of stop. */
static long entered_call(pid_t tid, int status)
{
	struct __ptrace_syscall_info info;

	if (WSTOPSIG(status) != SYSCALL_STOP)
		return -1;
	ASSERT_OK(SYS(ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info)));
	return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.nr : -1;
}

static void add(struct count *count, pid_t tid, long call)
{
	if (tid == count->client) {
		count->by_client++;
		count->futexes += call == SYS_futex;
	} else {
		count->by_threads++;
	}
}

/* The client stays stopped at its second mark. */
static void count_calls(struct count *count)
{
	int status, marks = 0;
	long call;
	pid_t tid;

	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		ASSERT(tid > 0);
		ASSERT(WIFSTOPPED(status));
		call = entered_call(tid, status);
		if (tid == count->client && call == SYS_getpgid)
			marks++;
		else if (marks && call >= 0)
			add(count, tid, call);
		if (marks == 2)
			return;
		go_on(tid);
	}
}

void count_start(struct count *count)
{
	count->by_client = count->by_threads = count->futexes = 0;
	prefer(gettid());
	seize(count->client);
	for (size_t i = 0; i < count->n_threads; i++)
		seize(count->threads[i]);
}

void count_run(struct count *count)
{
	count_calls(count);
	for (size_t i = 0; i < count->n_threads; i++) {
		stop(count->threads[i]);
		ASSERT_OK(SYS(ptrace(PTRACE_DETACH, count->threads[i], NULL, NULL)));
	}
	ASSERT_OK(SYS(ptrace(PTRACE_DETACH, count->client, NULL, NULL)));
}
