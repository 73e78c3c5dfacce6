/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-pair.c - the example programs of libhipipc
 *
 *
 * The parent program checks the children's results element by element and their exit
 * statuses, so the cases check its output and that it exits.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>

#include "harness.h"
#include "raw.h"

#define OUTPUT_SIZE 16000

struct pair {
	pid_t pid;
	int input, output; /* this process's ends of its output and its input */
	char text[OUTPUT_SIZE];
};

static void pair_init(struct pair *pair)
{
	int ends[2];

	memset(pair, 0, sizeof(*pair));
	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	pair->input = ends[0];
	pair->output = ends[1];
}

/* @prepare, if set, runs right before execve(2). */
static void pair_start(struct pair *pair, const struct instance *instance,
		       const char *const *args, void (*prepare)(void))
{
	const char *argv[5] = {IPC_PARENT};

	for (int i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	pair->pid = fork();
	ASSERT(pair->pid >= 0);
	if (pair->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("DMABUFFS_MOUNT", instance->dir, 1);
		if (prepare)
			prepare();
		dup2(pair->output, STDOUT_FILENO);
		dup2(pair->output, STDERR_FILENO);
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	close(pair->output);
}

/* Returns the exit status. The end of the pipe shows that its children exited. */
static int pair_wait(struct pair *pair)
{
	size_t used = strlen(pair->text);
	int status;
	ssize_t n = 1;

	while (n > 0) {
		if (!wait_ready(pair->input, POLLIN, WAIT_MS))
			test_fail(__FILE__, __LINE__, "the program makes no progress: %s",
				  pair->text);
		ASSERT(used < sizeof(pair->text) - 1);
		n = read(pair->input, pair->text + used, sizeof(pair->text) - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	close(pair->input);
	ASSERT_EQ(waitpid(pair->pid, &status, 0), pair->pid);
	ASSERT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_text(const struct pair *pair, const char *text)
{
	if (!strstr(pair->text, text))
		test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", text,
			  pair->text + strspn(pair->text, "."));
}

/* ---- success ----------------------------------------------------------------------- */

static void play(const struct instance *instance, const char *const *args,
		 const char *result)
{
	static struct pair pair;
	int before = raw_count(instance), status;

	pair_init(&pair);
	pair_start(&pair, instance, args, NULL);
	status = pair_wait(&pair);
	if (status != 0)
		test_fail(__FILE__, __LINE__, "status %d: %s", status, pair.text);
	expect_text(&pair, result);
	/* The names were removed with their objects. */
	ASSERT_EQ(raw_count(instance), before);
}

static void one(struct instance *instance)
{
	play(instance, (const char *[]){"1", "1048576", NULL},
	     "finds 1 added to each of 1048576 elements");
}

static void eight(struct instance *instance)
{
	play(instance, (const char *[]){"8", "1048576", NULL},
	     "finds 36 added to each of 1048576 elements");
}

static void thirty_two(struct instance *instance)
{
	play(instance, (const char *[]){"32", "1048576", NULL},
	     "finds 528 added to each of 1048576 elements");
}

/* Each child runs in a container that shares only the mount with the parent. */
static void contained(struct instance *instance)
{
	play(instance, (const char *[]){"--namespaces", "8", "65536", NULL},
	     "C8     uid 0, pid 1: opens it");
}

/* ---- failures ---------------------------------------------------------------------- */

static void drop_root_rights(void)
{
	(void)prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
	(void)prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0);
	setenv("HIPIPC_MODE", "000", 1);
}

/* The children know the handle, but may not open the name. */
static void forbidden(struct instance *instance)
{
	static struct pair pair;

	pair_init(&pair);
	pair_start(&pair, instance, (const char *[]){"2", "1024", NULL},
		   drop_root_rights);
	ASSERT_EQ(pair_wait(&pair), 1);
	expect_text(&pair, "hipIpcOpenMemHandle");
	expect_text(&pair, "invalid device pointer");
}

/* Fills the pipe, so that the program blocks at its first output. */
static void pair_hold(struct pair *pair)
{
	char dots[4096];

	memset(dots, '.', sizeof(dots));
	ASSERT_OK(SYS(fcntl(pair->output, F_SETPIPE_SZ, sizeof(dots))));
	ASSERT_EQ(SYS(fcntl(pair->output, F_GETPIPE_SZ)), sizeof(dots));
	ASSERT_EQ(SYS(write(pair->output, dots, sizeof(dots))), sizeof(dots));
}

/* The program waits for room in its output: it has all handles. */
static bool is_writing(void *data)
{
	const struct pair *pair = data;
	char path[40], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pair->pid);
	fd = ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC)));
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atoi(text) == SYS_write && text[0] != 'r'; /* "running" */
}

/* Kills the service after the parent has its handles and before a child opens one. */
static void killed(struct instance *unused)
{
	struct instance instance;
	static struct pair pair;

	instance_start(&instance, "nosupervisor");
	pair_init(&pair);
	pair_hold(&pair);
	ASSERT_EQ(raw_count(&instance), 0);
	pair_start(&pair, &instance, (const char *[]){"4", "1024", NULL}, NULL);
	ASSERT(wait_until(is_writing, &pair));
	ASSERT_EQ(raw_count(&instance), 6);
	ASSERT_OK(SYS(kill(instance.service, SIGKILL)));
	ASSERT_EQ(waitpid(instance.pid, &instance.status, 0), instance.pid);
	instance.pid = -1;
	ASSERT_EQ(pair_wait(&pair), 1);
	expect_text(&pair, "hipIpcOpenMemHandle");
	instance_stop(&instance);
}

/* ------------------------------------------------------------------------------------ */

const struct test_case test_cases[] = {
	{"hipipc_pair_1", one},
	{"hipipc_pair_8", eight},
	{"hipipc_pair_32", thirty_two, .seconds = 60},
	{"hipipc_pair_nopassthrough", eight, "nopassthrough"},
	{"hipipc_pair_namespaces", contained},
	{"hipipc_pair_forbidden", forbidden},
	{"hipipc_pair_killed", killed, .flags = CASE_NO_INSTANCE},
	{0},
};
