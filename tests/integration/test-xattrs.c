/* SPDX-License-Identifier: MIT */
/* test-xattrs.c - extended attributes of a name */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

#define XATTR "user.dmabuffs."

static void get(const struct shared *shared, const char *name, char value[100])
{
	char whole[64];
	ssize_t n;

	snprintf(whole, sizeof(whole), XATTR "%s", name);
	n = getxattr(shared->path, whole, value, 99);
	if (n < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", whole, strerrorname_np(errno));
	value[n] = 0;
}

static void expect_xattr(const struct shared *shared, const char *name,
			 const char *expected)
{
	char value[100];

	get(shared, name, value);
	if (strcmp(value, expected))
		test_fail(__FILE__, __LINE__, "%s: expected \"%s\", got \"%s\"", name,
			  expected, value);
}

static void expect_number(const struct shared *shared, const char *name,
			  uint64_t expected)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)expected);
	expect_xattr(shared, name, text);
}

static void xattrs_of_exporter(struct instance *instance)
{
	struct shared shared;
	char name[16];

	ASSERT_OK(SYS(prctl(PR_SET_NAME, "camera 1")));
	share(&shared, instance, 5000, 0, 0);
	expect_number(&shared, "size", 5000);
	expect_xattr(&shared, "kind", "memfd");
	expect_number(&shared, "pid", (uint64_t)getpid());
	expect_xattr(&shared, "comm", "camera 1");
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++) {
		snprintf(name, sizeof(name), "ns.%s", namespace_names[i]);
		expect_number(&shared, name, own_namespace((enum dmabuffs_ns)i));
	}
	unshare_buffer(&shared);
}

static void xattrs_of_flags(struct instance *instance)
{
	struct shared plain, fixed;
	int fd = raw_memfd(PAGE);

	share(&plain, instance, PAGE, 0, 0);
	expect_xattr(&plain, "flags", "revocable");
	expect_xattr(&plain, "seals", "seal");
	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)));
	share_fd(&fixed, instance, fd, DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_READONLY,
		 0);
	expect_xattr(&fixed, "flags", "persist,readonly");
	expect_xattr(&fixed, "seals", "shrink,grow");
	unshare_buffer(&fixed);
	unshare_buffer(&plain);
}

static void xattrs_of_use(struct instance *instance)
{
	struct shared shared;
	void *address;
	int first, second;

	share(&shared, instance, PAGE, 0, 0);
	expect_number(&shared, "importers", 0);
	expect_number(&shared, "held", 0);
	first = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	second = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	expect_number(&shared, "importers", 2);
	expect_number(&shared, "held", 1);
	ASSERT_OK(raw_map(first, PAGE, PROT_READ, &address));
	close(first);
	close(second);
	/* Still mapped, so the kernel reports a holder without an open file. */
	expect_number(&shared, "held", 1);
	munmap(address, PAGE);
	unshare_buffer(&shared);
}

struct number {
	const struct shared *shared;
	const char *name;
	const char *value;
};

static bool xattr_is(void *data)
{
	const struct number *number = data;
	char value[100];

	get(number->shared, number->name, value);
	return strcmp(value, number->value) == 0;
}

static void use_ends(struct instance *instance)
{
	struct shared shared;
	struct number importers = {&shared, "importers", "0"};
	struct number held = {&shared, "held", "0"};
	int connection = ASSERT_OK(raw_connect(instance));
	int fd, copy;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	copy = ASSERT_OK(raw_exchange(connection, fd));
	close(fd);
	/* close(2) does not wait for the daemon. */
	ASSERT(wait_until(xattr_is, &importers));
	expect_number(&shared, "held", 1);
	close(copy);
	ASSERT(wait_until(xattr_is, &held));
	close(connection);
	unshare_buffer(&shared);
}

static void xattr_label(struct instance *instance)
{
	struct dmabuffs_export request;
	struct shared shared;
	char value[100];

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_ERR(SYS(getxattr(shared.path, XATTR "label", value, 99)), ENODATA);
	unshare_buffer(&shared);
	shared.root = ASSERT_OK(raw_root(instance));
	shared.fd = raw_memfd(PAGE);
	raw_request(&request, shared.fd);
	strcpy((char *)request.label, "left eye");
	ASSERT_OK(raw_export(shared.root, &request));
	memcpy(shared.uuid, request.uuid, sizeof(request.uuid));
	raw_uuid_text(shared.uuid, strrchr(shared.path, '/') + 1);
	expect_xattr(&shared, "label", "left eye");
	unshare_buffer(&shared);
}

/* The calls of `getfattr -d`. */
static void xattr_list(struct instance *instance)
{
	static const char *const names[] = {
		"size", "kind",    "flags",  "seals",  "importers", "held",   "pid",
		"comm", "ns.user", "ns.pid", "ns.mnt", "ns.ipc",    "ns.net", "ns.cgroup",
	};
	char list[2000] = "", value[100];
	struct shared shared;
	ssize_t n;

	share(&shared, instance, PAGE, 0, 0);
	n = ASSERT_OK(SYS(listxattr(shared.path, NULL, 0)));
	ASSERT_EQ(listxattr(shared.path, list, sizeof(list)), n);
	ASSERT_ERR(SYS(listxattr(shared.path, list, 5)), ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool found = false;

		for (char *at = list; at < list + n; at += strlen(at) + 1)
			found |= strncmp(at, XATTR, strlen(XATTR)) == 0 &&
				 strcmp(at + strlen(XATTR), names[i]) == 0;
		if (!found)
			test_fail(__FILE__, __LINE__, "no %s in the list", names[i]);
	}
	/* Each listed attribute can be read. */
	for (char *at = list; at < list + n; at += strlen(at) + 1)
		ASSERT_OK(SYS(getxattr(shared.path, at, value, sizeof(value))));
	ASSERT_ERR(SYS(getxattr(shared.path, XATTR "size", value, 1)), ERANGE);
	unshare_buffer(&shared);
}

static void xattrs_are_fixed(struct instance *instance)
{
	struct shared shared;
	char value[100];
	int result;

	share(&shared, instance, PAGE, 0, 0);
	result = (int)SYS(setxattr(shared.path, XATTR "comm", "x", 1, 0));
	ASSERT(result == -EPERM || result == -EOPNOTSUPP);
	result = (int)SYS(setxattr(shared.path, "user.mine", "x", 1, 0));
	ASSERT(result == -EPERM || result == -EOPNOTSUPP);
	result = (int)SYS(removexattr(shared.path, XATTR "comm"));
	ASSERT(result == -EPERM || result == -EOPNOTSUPP);
	ASSERT_ERR(SYS(getxattr(shared.path, XATTR "nothing", value, 99)), ENODATA);
	ASSERT_ERR(SYS(getxattr(shared.path, "user.other", value, 99)), ENODATA);
	unshare_buffer(&shared);
}

static int read_xattr(void *data)
{
	const struct shared *shared = data;
	char value[100];

	return (int)SYS(getxattr(shared->path, XATTR "comm", value, sizeof(value)));
}

/* The attributes require read permission on the buffer. */
static void xattrs_need_read_permission(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0642);
	ASSERT_ERR(child_call(USER(1001), read_xattr, &shared), EACCES);
	ASSERT_OK(SYS(chmod(shared.path, 0604)));
	ASSERT_OK(child_call(USER(1001), read_xattr, &shared));
	unshare_buffer(&shared);
}

static void ask_for_holders(int peer, void *data)
{
	const struct shared *shared = data;
	char value[100];

	peer_signal(peer);
	while (!wait_ready(peer, POLLIN, 0))
		get(shared, "held", value);
}

/* The service detects holders with a lease, which must not fail other opens. */
static void asking_for_holders_disturbs_nobody(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	struct child child;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, 0, 0);
	child_start(&child, NULL, ask_for_holders, &shared);
	peer_wait(child.peer);
	for (int i = 0; i < 2000; i++) {
		int opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));

		close(ASSERT_OK(raw_exchange(connection, opened)));
		close(opened);
		ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, uuid));
	}
	peer_signal(child.peer);
	child_wait(&child);
	close(connection);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"xattrs_of_exporter", xattrs_of_exporter},
	{"xattrs_of_flags", xattrs_of_flags},
	{"xattrs_of_use", xattrs_of_use},
	{"use_ends", use_ends},
	{"xattr_label", xattr_label},
	{"xattr_list", xattr_list},
	{"xattrs_are_fixed", xattrs_are_fixed},
	{"xattrs_need_read_permission", xattrs_need_read_permission},
	{"asking_for_holders_disturbs_nobody", asking_for_holders_disturbs_nobody},
	{"asking_without_passthrough", asking_for_holders_disturbs_nobody,
	 "nopassthrough"},
	{0},
};
