/* SPDX-License-Identifier: MIT */
/*
 * test-start-failures.c - each system call of some kinds fails in turn at the start
 *
 * The service serves and ends when asked to, or it says why it does not start. Neither a
 * process nor a mount is left.
 */
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "harness.h"
#include "raw.h"
#include "refusals.h"
#include "config.h"

#define MAX_CALLS 100

static void start_and_end(void *data)
{
	struct instance instance;
	bool serves = instance_try(&instance, NULL);
	struct stat st;

	if (serves) {
		ASSERT_OK(SYS(stat(instance.dir, &st)));
		ASSERT_OK(SYS(kill(instance.pid, SIGTERM)));
	}
	instance_expect_exit(&instance, serves ? EXIT_SUCCESS : EXIT_FAILURE);
	ASSERT(!is_mounted(instance.dir));
	rmdir(instance.dir);
}

static void refuse_each(struct refusal refusal, const char *what)
{
	do {
		ASSERT(++refusal.nth < MAX_CALLS);
		refusal_run(&refusal, start_and_end, NULL);
	} while (refusal.n_calls >= refusal.nth);
	test_note("%s: %u", what, refusal.n_calls);
	ASSERT(refusal.n_calls > 0);
}

static void no_thread(struct instance *instance)
{
	refuse_each((struct refusal){SYS_clone, CLONE_THREAD, .error = EAGAIN},
		    "threads");
}

/* The first is the service's own mount, by which the keeper knows it. */
static void no_mount_to_look_at(struct instance *instance)
{
	refuse_each((struct refusal){SYS_open_tree, .error = EMFILE}, "mounts opened");
}

static void no_descriptor(struct instance *instance)
{
	refuse_each((struct refusal){SYS_signalfd4, .error = EMFILE}, "signalfds");
	refuse_each((struct refusal){SYS_eventfd2, .error = EMFILE}, "eventfds");
	refuse_each((struct refusal){SYS_epoll_create1, .error = EMFILE}, "epolls");
	refuse_each((struct refusal){SYS_socketpair, .error = EMFILE}, "socket pairs");
}

static void no_socket(struct instance *instance)
{
	refuse_each((struct refusal){SYS_bind, .error = EACCES}, "binds");
	refuse_each((struct refusal){SYS_listen, .error = EACCES}, "listens");
}

static void no_filter(struct instance *instance)
{
#ifdef SANITIZED
	test_note("skipped no_filter: a build with sanitizers has none");
#else
	refuse_each(
		(struct refusal){SYS_seccomp, SECCOMP_SET_MODE_FILTER, .error = ENOMEM},
		"filters");
#endif
}

/* ---- in the initramfs, with the unit's capabilities -------------------------------- */

#ifndef SANITIZED

/* What the unit lists at CapabilityBoundingSet=. */
static void read_bounding_set(char *names, size_t size)
{
	static const char key[] = "CapabilityBoundingSet=";
	FILE *unit = fopen(UNIT, "re");
	bool found = false;

	ASSERT(unit);
	while (!found && fgets(names, (int)size, unit))
		found = strncmp(names, key, strlen(key)) == 0;
	fclose(unit);
	ASSERT(found);
	memmove(names, names + strlen(key), strlen(names) - strlen(key) + 1);
	names[strcspn(names, "\n")] = ' ';
}

static bool is_listed(const char *names, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strcasestr(names, name); at; at = strcasestr(at + 1, name))
		if (at[length] == ' ')
			return true;
	return false;
}

/* Of what this process starts. */
static void take_capabilities_of_the_unit(void)
{
	char names[400];

	read_bounding_set(names, sizeof(names));
	for (cap_value_t cap = 0; cap <= cap_max_bits() - 1; cap++) {
		char *name = cap_to_name(cap);

		ASSERT(name);
		if (!is_listed(names, name))
			ASSERT_OK(SYS(prctl(PR_CAPBSET_DROP, cap)));
		cap_free(name);
	}
}

static void serve(void *data)
{
	struct instance instance;
	struct shared shared;

	take_capabilities_of_the_unit();
	instance_start(&instance, NULL);
	share(&shared, &instance, PAGE, 0, 0);
	unshare_buffer(&shared);
	instance_stop(&instance);
}

#endif

/* pivot_root(2) cannot leave the first root file system. */
static void in_initramfs(struct instance *unused)
{
#ifdef SANITIZED
	test_note("skipped in_initramfs: a build with sanitizers stays in the root");
#else
	struct refusal refusal = {SYS_pivot_root, .error = EINVAL};

	refusal_run(&refusal, serve, NULL);
	/* Of the helper and of the service. */
	ASSERT_EQ(refusal.n_calls, 2);
#endif
}

const struct test_case test_cases[] = {
	{"no_thread", no_thread, .flags = CASE_NO_INSTANCE},
	{"no_mount_to_look_at", no_mount_to_look_at, .flags = CASE_NO_INSTANCE},
	{"no_descriptor", no_descriptor, .flags = CASE_NO_INSTANCE},
	{"no_socket", no_socket, .flags = CASE_NO_INSTANCE},
	{"no_filter", no_filter, .flags = CASE_NO_INSTANCE},
	{"in_initramfs", in_initramfs, .flags = CASE_NO_INSTANCE},
	{0},
};
