/* SPDX-License-Identifier: MIT */
/*
 * test-takeover-continued.c - a holder that continues a mount, as systemd starts one
 *
 * With the descriptors of a mount whose holder, spare and service were killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../support/process.h"
#include "harness.h"
#include "passed.h"
#include "successor.h"

#define LOG    "log=info"
#define ABSENT "00000000-0000-4000-8000-000000000000"

static bool has_spare(void *data)
{
	return process_spare(*(pid_t *)data) > 0;
}

/* In this order: a service whose holder ends would end the connection. */
static void kill_all(struct instance *instance)
{
	pid_t spare;

	ASSERT(wait_until(has_spare, &instance->pid));
	spare = process_spare(instance->pid);
	ASSERT_OK(SYS(kill(instance->pid, SIGSTOP)));
	ASSERT_OK(SYS(kill(spare, SIGSTOP)));
	kill_process(instance->service);
	kill_process(spare);
	kill_process(instance->pid);
	ASSERT_EQ(waitpid(instance->pid, NULL, 0), instance->pid);
	instance->pid = -1;
}

static pid_t start_again(const struct instance *instance, const struct passed *passed)
{
	pid_t pid = ASSERT_OK(SYS(fork()));

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It asks systemd to keep the descriptors. */
		setenv("NOTIFY_SOCKET", "/nonexistent", 1);
		passed_exec(instance, passed, LOG);
	}
	return pid;
}

static bool says_its_mount(int connection)
{
	char line[64];
	bool says = false;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", connection);
	file = fopen(line, "re");
	ASSERT(file);
	while (!says && fgets(line, sizeof(line), file))
		says = strncmp(line, "fuse_connection:", 16) == 0;
	fclose(file);
	return says;
}

/* Another instance is mounted over it by then, which is not what it ends. */
static void beside_another_instance(struct instance *other)
{
	struct instance own;
	struct passed passed;
	struct stat before, after;
	int root, status;
	pid_t holder;

	instance_start(&own, LOG);
	passed_copy(&own, &passed);
	root = ASSERT_OK(SYS(open(own.dir, O_PATH | O_DIRECTORY | O_CLOEXEC)));
	/* Else the holder has to trust its mount point. */
	if (!says_its_mount(*passed_find(&passed, "fuse")))
		return passed_close(&passed);
	kill_all(&own);
	ASSERT_OK(SYS(mount(other->dir, own.dir, NULL, MS_BIND, NULL)));
	ASSERT_OK(SYS(stat(own.dir, &before)));
	holder = start_again(&own, &passed);
	passed_close(&passed);
	/* It serves. */
	ASSERT_ERR(SYS(faccessat(root, ABSENT, F_OK, 0)), ENOENT);
	close(root);
	ASSERT_OK(SYS(kill(holder, SIGTERM)));
	ASSERT_EQ(waitpid(holder, &status, 0), holder);
	ASSERT_OK(SYS(stat(own.dir, &after)));
	ASSERT_EQ(after.st_dev, before.st_dev);
	expect_to_be_served(other);
	ASSERT_OK(SYS(umount2(own.dir, MNT_DETACH)));
	umount2(own.dir, MNT_DETACH);
}

const struct test_case test_cases[] = {
	{"beside_another_instance", beside_another_instance, LOG},
	{0},
};
