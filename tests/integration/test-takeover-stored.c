/* SPDX-License-Identifier: MIT */
/*
 * test-takeover-stored.c - systemd keeps the descriptors of a killed holder, and starts
 * another one with them
 *
 * The cases play systemd's part. There is no spare then, and the service ends with its
 * holder.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../support/process.h"
#include "harness.h"
#include "passed.h"
#include "raw.h"
#include "store/ledger_format.h"
#include "successor.h"

#define END_MS 20000

static void expect_end(pid_t pid)
{
	int pidfd = (int)SYS(pidfd_open(pid, 0));

	ASSERT(pidfd < 0 || wait_ready(pidfd, POLLIN, END_MS));
	close_keep_errno(pidfd);
}

static pid_t start_holder(const struct instance *instance, const struct passed *passed)
{
	pid_t pid = ASSERT_OK(SYS(fork()));

	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("NOTIFY_SOCKET", "/nonexistent", 1);
	passed_exec(instance, passed, "log=info");
}

static bool is_served(void *data)
{
	int connection = raw_connect(data);

	if (connection < 0)
		return false;
	close(connection);
	return true;
}

/* As from a unit with a descriptor store: there is no spare. */
static void start_stored(struct instance *instance)
{
	const struct passed none = {.n = 0};

	*instance = (struct instance){.n_fds = 0};
	snprintf(instance->dir, sizeof(instance->dir), "%s/stored", test_work_dir);
	ASSERT_OK(SYS(mkdir(instance->dir, 0755)));
	instance->pid = start_holder(instance, &none);
	ASSERT(wait_until(is_served, instance));
	instance->service = process_child(instance->pid);
}

static void kill_stored_holder(struct instance *instance)
{
	kill_process(instance->pid);
	ASSERT_EQ(waitpid(instance->pid, NULL, 0), instance->pid);
}

static void continue_stored(struct instance *instance, struct passed *passed)
{
	instance->pid = start_holder(instance, passed);
	passed_close(passed);
}

static void terminate_stored(struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	instance_expect_exit(instance, 0);
	ASSERT(!is_mounted(instance->dir));
}

/* It cannot see that its holder ends. The first one, and one that was executed. */
static void killed_holder_of_a_stopped_service(struct instance *unused)
{
	struct instance instance;
	struct passed passed;

	start_stored(&instance);
	for (int i = 0; i < 2; i++) {
		passed_copy(&instance, &passed);
		ASSERT_OK(SYS(kill(instance.service, SIGSTOP)));
		kill_stored_holder(&instance);
		continue_stored(&instance, &passed);
		expect_end(instance.service);
		expect_successor(&instance);
	}
	terminate_stored(&instance);
}

static _Noreturn void sleep_always(void)
{
	for (;;)
		pause();
}

/* By its descriptor, whatever the ledger has. */
static void stored_service_is_killed(struct instance *unused)
{
	struct instance instance;
	struct passed passed;
	pid_t pid;
	int status;

	start_stored(&instance);
	passed_copy(&instance, &passed);
	pid = ASSERT_OK(SYS(fork()));
	if (pid == 0)
		sleep_always();
	passed_add(&passed, ASSERT_OK(SYS(pidfd_open(pid, 0))), "service");
	kill_stored_holder(&instance);
	continue_stored(&instance, &passed);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_successor(&instance);
	terminate_stored(&instance);
}

/* Code in a service could have written another mount's number. */
static void ledger_of_another_mount(struct instance *unused)
{
	const uint64_t other = 1;
	struct instance instance;
	struct passed passed;

	start_stored(&instance);
	passed_copy(&instance, &passed);
	ASSERT_EQ(SYS(pwrite(*passed_find(&passed, "ledger"), &other, sizeof(other),
			     offsetof(struct ledger_header, mount_dev))),
		  sizeof(other));
	kill_stored_holder(&instance);
	continue_stored(&instance, &passed);
	expect_successor(&instance);
	terminate_stored(&instance);
}

const struct test_case test_cases[] = {
	{"killed_holder_of_a_stopped_service", killed_holder_of_a_stopped_service,
	 .flags = CASE_NO_INSTANCE},
	{"stored_service_is_killed", stored_service_is_killed, .flags = CASE_NO_INSTANCE},
	{"ledger_of_another_mount", ledger_of_another_mount, .flags = CASE_NO_INSTANCE},
	{0},
};
