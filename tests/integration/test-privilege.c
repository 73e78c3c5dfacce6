/* SPDX-License-Identifier: MIT */
/* test-privilege.c - capabilities of the running daemon */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/fd-message.h"
#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"
#include "config.h"

/* src/process/privileges.c gives the reason for each. */
#define EXPECTED_HELPER                                                                  \
	(1ULL << CAP_SYS_PTRACE | 1ULL << CAP_FOWNER | 1ULL << CAP_DAC_OVERRIDE)

/* With the mount option isolate; the kernel requires both in the initial namespace. */
#define EXPECTED_ISOLATED     (1ULL << CAP_SYS_ADMIN | 1ULL << CAP_LEASE)
#define EXPECTED_ROOTLESS     (1ULL << CAP_SYS_PTRACE | 1ULL << CAP_DAC_OVERRIDE)
#define EXPECTED_CAPABILITIES (EXPECTED_ISOLATED | EXPECTED_ROOTLESS)

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

static void expect_of_helper(const struct instance *instance)
{
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);

	/* The one that starts others, and one at least that serves requests. */
	ASSERT(n >= 2);
	for (size_t i = 0; i < n; i++)
		expect_only(pids[i], EXPECTED_HELPER);
}

static void helper_has_the_others(struct instance *instance)
{
	expect_of_helper(instance);
}

/* ---- its uid ----------------------------------------------------------------------- */

#ifdef SANITIZED

static void has_a_real_uid_of_its_own(struct instance *instance)
{
	test_note(
		"skipped has_a_real_uid_of_its_own: a build with sanitizers has root's");
}

#else

#define IN_FLIGHT 200 /* descriptors in the bank */

/* As root of a container, which has no capability that matters here. */
static int send_without_capabilities(void *data)
{
	const struct rlimit few = {IN_FLIGHT / 2, IN_FLIGHT / 2};
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	const struct __user_cap_data_struct none[2] = {0};
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    setrlimit(RLIMIT_NOFILE, &few) < 0 || syscall(SYS_capset, &header, none) < 0)
		return -errno;
	r = send_fd(pair[0], pair[1]);
	return r < 0 ? r : 0;
}

/* What it keeps in flight counts for a uid that nothing else has. */
static void has_a_real_uid_of_its_own(struct instance *instance)
{
	struct shared shared[IN_FLIGHT];
	char value[64];

	status_field(instance->service, "Uid", value);
	ASSERT(strcmp(value, "4294901760") == 0);
	for (int i = 0; i < IN_FLIGHT; i++)
		share(&shared[i], instance, PAGE, 0, 0);
	ASSERT_OK(child_call(USER(0), send_without_capabilities, NULL));
	for (int i = 0; i < IN_FLIGHT; i++)
		unshare_buffer(&shared[i]);
}

#endif

static void expect_no_new_privileges(pid_t pid)
{
	char value[64];

	status_field(pid, "NoNewPrivs", value);
	ASSERT(strcmp(value, "1") == 0);
}

/* It passes signals on, and unmounts. */
static void keeper_has_two(struct instance *instance)
{
	const uint64_t permitted = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_DAC_OVERRIDE;

	expect_capabilities(instance->pid, "CapEff", 1ULL << CAP_SYS_ADMIN);
	expect_capabilities(instance->pid, "CapPrm", permitted);
	expect_capabilities(instance->pid, "CapBnd", permitted);
	expect_capabilities(instance->pid, "CapInh", 0);
	expect_capabilities(instance->pid, "CapAmb", 0);
	expect_no_new_privileges(instance->pid);
}

/* What a successor starts with is permitted, and not in effect. */
static void holder_has_what_it_hands_on(struct instance *instance)
{
	const uint64_t start = 1ULL << CAP_SETPCAP | 1ULL << CAP_SYS_RESOURCE |
			       1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SETUID |
			       EXPECTED_HELPER;
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

static void run_rootless_with(const char *options, uint64_t expected)
{
	struct instance instance;

	ASSERT_EQ(getuid(), 0);
	instance_start(&instance, options);
	expect_only(instance.service, expected);
	expect_of_helper(&instance);
	use_all(&instance);
	instance_settle(&instance);
	instance_stop(&instance);
}

static void run_rootless(int peer, void *data)
{
	run_rootless_with(NULL, EXPECTED_ROOTLESS);
}

static void run_rootless_isolated(int peer, void *data)
{
	run_rootless_with("isolate", 0);
}

static void rootless(int namespaces, void (*run)(int peer, void *data))
{
	const struct identity who = {.uid = 1000,
				     .gid = 1000,
				     .namespaces =
					     CLONE_NEWUSER | CLONE_NEWNS | namespaces};
	struct child child;

	open_fuse_to_all();
	/* Must be writable for the daemon's log and mount points. */
	ASSERT_OK(SYS(chmod(test_work_dir, 0777)));
	child_start(&child, &who, run, NULL);
	child_wait_ms(&child, 3 * WAIT_MS);
}

static void rootless_instance(struct instance *instance)
{
	rootless(0, run_rootless);
}

static void rootless_isolated(struct instance *instance)
{
	rootless(0, run_rootless_isolated);
}

/* The log names the missing privilege, to explain ENODEV. */
static void rootless_says_so(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE], log[4000] = "";
	FILE *file;

	rootless(0, run_rootless);
	snprintf(path, sizeof(path), "%s/1.log", test_work_dir);
	file = fopen(path, "re");
	ASSERT(file);
	ASSERT(fread(log, 1, sizeof(log) - 1, file) > 0);
	fclose(file);
	ASSERT(strstr(log, "passthrough"));
}

/* ---- with the mount option isolate ------------------------------------------------- */

static void isolated_has_two(struct instance *instance)
{
	expect_only(instance->service, EXPECTED_ISOLATED);
	expect_of_helper(instance);
}

/* Not frozen, so that the helper restricts its mode. */
static void export_as_user(int peer, void *data)
{
	const struct instance *instance = data;
	int root = ASSERT_OK(raw_root(instance)), memfd = new_memfd(PAGE);
	uint8_t uuid[16];
	struct stat st;

	ASSERT_EQ(pwrite(memfd, "x", 1, 6), 1);
	ASSERT_OK(raw_export_fd(root, memfd, DMABUFFS_EXPORT_MODE, 0666, uuid));
	ASSERT_OK(SYS(fstat(memfd, &st)));
	ASSERT_EQ(st.st_mode & 077, 011);
	ASSERT_ERR(raw_export_fd(root, root, 0, 0, uuid), EBADFD);
	ASSERT_ERR(raw_export_fd(root, 999, 0, 0, uuid), EBADF);
	peer_put(peer, uuid, sizeof(uuid));
	peer_wait(peer);
}

static void exchange_as_user(int peer, void *data)
{
	const struct instance *instance = data;
	int connection = ASSERT_OK(raw_connect(instance));
	const int accesses[] = {O_RDONLY, O_RDWR};
	uint8_t uuid[16];
	char byte;

	peer_get(peer, uuid, sizeof(uuid));
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		int opened = ASSERT_OK(raw_open(instance, uuid, accesses[i]));
		int real = ASSERT_OK(raw_exchange(connection, opened));

		ASSERT_EQ(fcntl(real, F_GETFL) & O_ACCMODE, accesses[i]);
		ASSERT_EQ(pread(real, &byte, 1, 6), 1);
		ASSERT_EQ(byte, 'x');
		close(real);
		close(opened);
	}
	close(connection);
}

/* Of each user the memfds belong to, which the service cannot open itself. */
static void isolated_serves_strangers(struct instance *instance)
{
	struct child exporter, importer;
	uint8_t uuid[16];

	child_start(&exporter, USER(1001), export_as_user, instance);
	peer_get(exporter.peer, uuid, sizeof(uuid));
	child_start(&importer, USER(1002), exchange_as_user, instance);
	peer_put(importer.peer, uuid, sizeof(uuid));
	child_wait(&importer);
	peer_signal(exporter.peer);
	child_wait(&exporter);
}

const struct test_case test_cases[] = {
	{"drops_capabilities", drops_capabilities},
	{"helper_has_the_others", helper_has_the_others},
	{"keeper_has_two", keeper_has_two, "nosupervisor"},
	{"holder_has_what_it_hands_on", holder_has_what_it_hands_on},
	{"has_a_real_uid_of_its_own", has_a_real_uid_of_its_own},
	{"gains_none_later", gains_none_later},
	{"no_new_privileges", no_new_privileges},
	{"rootless_instance", rootless_instance, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_says_so", rootless_says_so, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_isolated", rootless_isolated, NULL, 0, CASE_NO_INSTANCE},
	{"isolated_has_two", isolated_has_two, "isolate"},
	{"isolated_serves_strangers", isolated_serves_strangers, "isolate"},
	{0},
};
