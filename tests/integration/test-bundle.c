/* SPDX-License-Identifier: MIT */
/*
 * test-bundle.c - all attacks at once, while two innocent users share buffers
 *
 *
 * Environment:
 *   BUNDLE_SECONDS  how long (default 15; make check-bundle: 300)
 *   BUNDLE_SEED     of what is random; printed, so that a run can be repeated
 *   BUNDLE_ATTACKS  only these, as "never_read,pile_up"; see siege.c
 *   BUNDLE_OPTIONS  for the daemon's -o instead of those below. With mode=1733 strangers
 *                   may unlink in the root: the pair then fails at write_name and
 *                   unlink_written, the attack that mode=1711 closes.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/pidfd.h>

#include "books.h"
#include "harness.h"
#include "pair.h"
#include "raw-accel.h"
#include "siege.h"

/* As many queues as the attackers may have together: each attack gets its own. */
#define DEFAULT_OPTIONS "mode=1711,accel=soft0:queues=512"
#define DEFAULT_SECONDS 15
#define MOST_SECONDS    1800
#define SIEGE_SECONDS   15 /* then a new hostile server, and new attackers in its page */
#define STEP_MS         20
#define END_MS          5000 /* until the service has ended */

/* libfuse keeps its workers, see session.c; four closers are spare. */
#define SPARE_THREADS (64 + 4)

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? (unsigned int)strtoul(text, NULL, 10) : otherwise;
}

/* ---- what must be left ------------------------------------------------------------- */

static int count_threads(pid_t pid)
{
	char path[40];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	ASSERT(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

struct level {
	pid_t pid;
	int n_threads;
};

static bool threads_are_back(void *data)
{
	const struct level *level = data;

	return count_threads(level->pid) <= level->n_threads + SPARE_THREADS;
}

/* False for one that has exited: the first process of the namespace reaps no orphans. */
static bool is_running(pid_t pid)
{
	char path[40], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state != 'Z' && state != 'X';
}

/* Processes besides the first of the namespace and this one. */
static int count_processes(void)
{
	DIR *proc = opendir("/proc");
	int n = 0;

	ASSERT(proc);
	for (const struct dirent *entry; (entry = readdir(proc));) {
		pid_t pid = atoi(entry->d_name);

		n += pid > 1 && pid != getpid() && is_running(pid);
	}
	closedir(proc);
	return n;
}

/* Only the service's are left. */
static bool processes_are_back(void *n)
{
	return count_processes() <= *(int *)n;
}

static void expect_end(struct instance *instance)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->pid, 0)));
	uint64_t start = now_ms();

	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	ASSERT(wait_ready(pidfd, POLLIN, WAIT_MS));
	test_note("the service ended in %d ms", (int)(now_ms() - start));
	ASSERT(now_ms() - start <= END_MS);
	close(pidfd);
	instance_expect_exit(instance, 0);
	ASSERT(!is_mounted(instance->dir));
}

/* ---- the case ---------------------------------------------------------------------- */

static void besiege(struct siege *siege, const struct pair *pair, unsigned int seed,
		    uint64_t until_ms)
{
	siege_start(siege, pair->instance, seed);
	while (now_ms() < until_ms) {
		siege_step(siege, STEP_MS);
		pair_check(pair);
	}
	siege_end(siege);
}

static void all_at_once(struct instance *unused)
{
	const uint64_t seconds =
		MIN(number("BUNDLE_SECONDS", DEFAULT_SECONDS), MOST_SECONDS);
	unsigned int seed = number("BUNDLE_SEED", (unsigned int)now_ns());
	struct siege siege = {0};
	struct instance instance;
	struct raw_remains remains;
	struct level level;
	struct pair pair;
	int n_processes;
	uint64_t end;

	instance_start(&instance, getenv("BUNDLE_OPTIONS") ?: DEFAULT_OPTIONS);
	raw_remember(&remains, &instance);
	n_processes = count_processes();
	level = (struct level){instance.service, count_threads(instance.service)};
	test_note("BUNDLE_SEED=%u", seed);
	pair_start(&pair, &instance, seed);
	end = now_ms() + seconds * 1000;
	for (; now_ms() < end; seed++)
		besiege(&siege, &pair, seed, MIN(end, now_ms() + SIEGE_SECONDS * 1000));
	siege_finish(&siege);
	pair_end(&pair);
	ASSERT(wait_until(processes_are_back, &n_processes));
	expect_nothing_left(&instance);
	ASSERT(wait_until(raw_is_as_before, &remains));
	instance_settle(&instance);
	ASSERT(wait_until(threads_are_back, &level));
	expect_end(&instance);
}

const struct test_case test_cases[] = {
	{"all_at_once", all_at_once, NULL, MOST_SECONDS + 600, CASE_NO_INSTANCE},
	{0},
};
