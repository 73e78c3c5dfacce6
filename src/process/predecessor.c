/* SPDX-License-Identifier: MIT */
#include "process/predecessor.h"

#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc_read.h"
#include "clock.h"
#include "util.h"

/* How long a killed process may take to leave read(2), and between two looks. */
#define PREDECESSOR_MS   5000
#define PREDECESSOR_STEP 1

/* In the flags of a task: it is in do_exit(). */
#define PREDECESSOR_EXITING 0x4U

/* What /proc/PID/stat has behind the name, which can contain anything. */
struct predecessor_stat {
	char state;
	unsigned flags;
	uint64_t start; /* in clock ticks since boot */
};

static int predecessor_parse(const char *text, struct predecessor_stat *ret_stat)
{
	const char *rest = strrchr(text, ')');

	/* Fields 3, 9 and 22 of proc_pid_stat(5). */
	return rest && sscanf(rest,
			      ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d "
			      "%*d %*d %*d %*d %*d %" SCNu64,
			      &ret_stat->state, &ret_stat->flags, &ret_stat->start) == 3
		       ? 0
		       : -EPROTO;
}

static int predecessor_read_stat(pid_t pid, const char *name,
				 struct predecessor_stat *ret_stat)
{
	char text[512];
	int r = proc_read_text(pid, name, text, sizeof(text));

	return r < 0 ? r : predecessor_parse(text, ret_stat);
}

static pid_t predecessor_pid(uint64_t owner)
{
	return (pid_t)(uint32_t)owner;
}

/* The lower half of the time, which comes again after a year, at 100 ticks a second. */
static uint64_t predecessor_owner(pid_t pid, const struct predecessor_stat *stat)
{
	return stat->start << 32 | (uint32_t)pid;
}

static int predecessor_is_served(uint64_t owner)
{
	log_error("cannot take over: process %d serves this mount, or a thread of it is "
		  "blocked while it reads requests",
		  predecessor_pid(owner));
	return -EBUSY;
}

int predecessor_become(struct ledger *ledger, uint64_t owner)
{
	struct predecessor_stat stat;
	int r = predecessor_read_stat(getpid(), "stat", &stat);

	if (r < 0)
		return r;
	return atomic_compare_exchange_strong(&ledger->header->owner, &owner,
					      predecessor_owner(getpid(), &stat))
		       ? 0
		       : predecessor_is_served(owner);
}

static bool predecessor_is_killed(pid_t pid, const char *task)
{
	char name[64], text[4096];
	const char *pending;
	uint64_t signals;

	(void)snprintf(name, sizeof(name), "task/%.20s/status", task);
	if (proc_read_text(pid, name, text, sizeof(text)) < 0)
		return false;
	pending = strstr(text, "\nSigPnd:");
	return pending && sscanf(pending, "\nSigPnd: %" SCNx64, &signals) == 1 &&
	       signals & UINT64_C(1) << (SIGKILL - 1);
}

/*
 * It waits in a system call, and not in one that reads, nor in one that replies, as
 * libfuse does with writev(2): what is being replied to is not executed again.
 */
static bool predecessor_waits_elsewhere(pid_t pid, const char *task)
{
	char name[64], text[128];
	long call;

	(void)snprintf(name, sizeof(name), "task/%.20s/syscall", task);
	return proc_read_text(pid, name, text, sizeof(text)) == 0 &&
	       sscanf(text, "%ld", &call) == 1 && call != SYS_read && call != SYS_writev;
}

static bool predecessor_task_is_harmless(pid_t pid, const char *task)
{
	struct predecessor_stat stat;
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "task/%.20s/stat", task);
	r = predecessor_read_stat(pid, name, &stat);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH;
	if (stat.state == 'Z' || stat.state == 'X' || stat.flags & PREDECESSOR_EXITING)
		return true;
	return predecessor_is_killed(pid, task) && predecessor_waits_elsewhere(pid, task);
}

static bool predecessor_is_harmless(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	bool harmless = true;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT;
	while (harmless && (entry = readdir(tasks)))
		harmless = entry->d_name[0] == '.' ||
			   predecessor_task_is_harmless(pid, entry->d_name);
	closedir(tasks);
	return harmless;
}

/* Its number can be another process's by now. */
static bool predecessor_is_gone(uint64_t owner)
{
	pid_t pid = predecessor_pid(owner);
	struct predecessor_stat stat;
	int r;

	if (pid <= 0 || pid == getpid())
		return true;
	r = predecessor_read_stat(pid, "stat", &stat);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH;
	return predecessor_owner(pid, &stat) != owner || predecessor_is_harmless(pid);
}

int predecessor_wait(const struct ledger *ledger, uint64_t *ret_owner)
{
	const uint64_t owner = ledger->header->owner;
	const uint64_t end = now_ms() + PREDECESSOR_MS;

	while (!predecessor_is_gone(owner)) {
		if (now_ms() >= end)
			return predecessor_is_served(owner);
		poll(NULL, 0, PREDECESSOR_STEP);
	}
	*ret_owner = owner;
	return 0;
}
