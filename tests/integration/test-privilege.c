/* SPDX-License-Identifier: MIT */
/* test-privilege.c - capabilities of the running daemon */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

/* src/process/privileges.c gives the reason for each. */
#define EXPECTED_ROOTLESS                                                                \
	(1ULL << CAP_SYS_PTRACE | 1ULL << CAP_FOWNER | 1ULL << CAP_DAC_OVERRIDE)

/* The kernel requires these in the initial user namespace. */
#define EXPECTED_CAPABILITIES                                                            \
	(EXPECTED_ROOTLESS | 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_LEASE)

static void status_field(pid_t pid, const char *field, char value[64])
{
	char path[64], line[300], name[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	ASSERT(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %63s", name, value) == 2 &&
		    !strcmp(name, field)) {
			fclose(file);
			return;
		}
	test_fail(__FILE__, __LINE__, "no %s in %s", field, path);
}

static uint64_t capabilities(pid_t pid, const char *field)
{
	char value[64];

	status_field(pid, field, value);
	return strtoull(value, NULL, 16);
}

static void expect_capabilities(pid_t pid, const char *field, uint64_t expected)
{
	uint64_t got = capabilities(pid, field);

	if (got != expected)
		test_fail(__FILE__, __LINE__, "%s: expected %#llx, got %#llx", field,
			  (unsigned long long)expected, (unsigned long long)got);
}

/* No execve(2) could give it another one. */
static void expect_only(pid_t pid, uint64_t expected)
{
	expect_capabilities(pid, "CapEff", expected);
	expect_capabilities(pid, "CapPrm", expected);
	expect_capabilities(pid, "CapBnd", expected);
	expect_capabilities(pid, "CapInh", 0);
	expect_capabilities(pid, "CapAmb", 0);
}

static void drops_capabilities(struct instance *instance)
{
	expect_only(instance->service, EXPECTED_CAPABILITIES);
}

static void expect_no_new_privileges(pid_t pid)
{
	char value[64];

	status_field(pid, "NoNewPrivs", value);
	ASSERT(strcmp(value, "1") == 0);
}

/* It passes signals on, and unmounts. */
static void keeper_has_one(struct instance *instance)
{
	expect_only(instance->pid, 1ULL << CAP_SYS_ADMIN);
	expect_no_new_privileges(instance->pid);
}

/* What a successor starts with is permitted, and not in effect. */
static void holder_has_what_it_hands_on(struct instance *instance)
{
	const uint64_t start =
		1ULL << CAP_SETPCAP | 1ULL << CAP_SYS_RESOURCE | 1ULL << CAP_SYS_CHROOT;
	/* The cage of a case has less than root. */
	const uint64_t permitted =
		(EXPECTED_CAPABILITIES | start) & capabilities(getpid(), "CapPrm");

	expect_capabilities(instance->pid, "CapEff", 1ULL << CAP_SYS_ADMIN);
	expect_capabilities(instance->pid, "CapPrm", permitted);
	expect_capabilities(instance->pid, "CapBnd", permitted);
	expect_capabilities(instance->pid, "CapInh", 0);
	expect_capabilities(instance->pid, "CapAmb", 0);
	expect_no_new_privileges(instance->pid);
}

/* Checks again after all operations, in all threads. */
static void gains_none_later(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	close(ASSERT_OK(raw_exchange(connection, opened)));
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	close(opened);
	close(connection);
	close(shared.root);
	drops_capabilities(instance);
}

static void no_new_privileges(struct instance *instance)
{
	char value[64];

	status_field(instance->service, "NoNewPrivs", value);
	ASSERT(strcmp(value, "1") == 0);
}

static void use_all(const struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	uint8_t *address, byte;
	int opened, copy;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_map(opened, PAGE, PROT_READ, (void **)&address), ENODEV);
	ASSERT_EQ(pread(opened, &byte, 1, 6), 1);
	ASSERT_EQ(byte, pattern(6));
	ASSERT_EQ(pwrite(opened, "r", 1, 6), 1);
	copy = ASSERT_OK(raw_exchange(connection, opened));
	ASSERT_OK(raw_map(copy, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	ASSERT_EQ(address[6], 'r');
	close(copy);
	close(opened);
	ASSERT_EQ(raw_count(instance), 1);
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	ASSERT(raises_sigbus(address));
	close(connection);
	close(shared.root);
}

static void run_rootless(int peer, void *data)
{
	struct instance instance;

	ASSERT_EQ(getuid(), 0);
	instance_start(&instance, NULL);
	expect_only(instance.service, EXPECTED_ROOTLESS);
	use_all(&instance);
	instance_settle(&instance);
	instance_stop(&instance);
}

static void rootless(int namespaces)
{
	const struct identity who = {.uid = 1000,
				     .gid = 1000,
				     .namespaces =
					     CLONE_NEWUSER | CLONE_NEWNS | namespaces};
	struct child child;

	open_fuse_to_all();
	/* Must be writable for the daemon's log and mount points. */
	ASSERT_OK(SYS(chmod(test_work_dir, 0777)));
	child_start(&child, &who, run_rootless, NULL);
	child_wait_ms(&child, 3 * WAIT_MS);
}

static void rootless_instance(struct instance *instance)
{
	rootless(0);
}

/* The log names the missing privilege, to explain ENODEV. */
static void rootless_says_so(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE], log[4000] = "";
	FILE *file;

	rootless(0);
	snprintf(path, sizeof(path), "%s/1.log", test_work_dir);
	file = fopen(path, "re");
	ASSERT(file);
	ASSERT(fread(log, 1, sizeof(log) - 1, file) > 0);
	fclose(file);
	ASSERT(strstr(log, "passthrough"));
}

const struct test_case test_cases[] = {
	{"drops_capabilities", drops_capabilities},
	{"keeper_has_one", keeper_has_one, "nosupervisor"},
	{"holder_has_what_it_hands_on", holder_has_what_it_hands_on},
	{"gains_none_later", gains_none_later},
	{"no_new_privileges", no_new_privileges},
	{"rootless_instance", rootless_instance, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_says_so", rootless_says_so, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
