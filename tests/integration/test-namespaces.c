/* SPDX-License-Identifier: MIT */
/* test-namespaces.c - containers that share only the directory */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

static const int ns_flags[DMABUFFS_NS_COUNT] = {CLONE_NEWUSER, CLONE_NEWPID,
						CLONE_NEWNS,   CLONE_NEWIPC,
						CLONE_NEWNET,  CLONE_NEWCGROUP};

/* An unprivileged user in a container that shares only the directory. */
static struct identity container(const struct instance *instance, uid_t uid, gid_t gid)
{
	return (struct identity){.uid = uid,
				 .gid = gid,
				 .namespaces = ALL_NAMESPACES,
				 .sees = instance->dir};
}

static void export_inside(int peer, void *data)
{
	struct shared shared;
	uint8_t byte;

	ASSERT_EQ(getuid(), 0);
	ASSERT_EQ(getpid(), 1);
	ASSERT_EQ(access("/proc", F_OK), -1);
	share(&shared, data, PAGE, DMABUFFS_EXPORT_MODE, 0660);
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_wait(peer);
	ASSERT_EQ(pread(shared.fd, &byte, 1, 10), 1);
	ASSERT_EQ(byte, 0xab);
}

struct import {
	const struct instance *instance;
	uint8_t uuid[16];
};

/* Imports by open, mmap and exchange, and writes a byte for the exporter to check. */
static int import_all(void *data)
{
	const struct import *import = data;
	int connection = ASSERT_OK(raw_connect(import->instance));
	int fd = ASSERT_OK(raw_open(import->instance, import->uuid, O_RDWR));
	int copy = ASSERT_OK(raw_exchange(connection, fd));
	uint8_t *opened, *exchanged, byte;

	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&opened));
	ASSERT_OK(raw_map(copy, PAGE, PROT_READ | PROT_WRITE, (void **)&exchanged));
	ASSERT_EQ(pread(fd, &byte, 1, 20), 1);
	ASSERT_EQ(byte, pattern(20));
	opened[10] = 0xab;
	ASSERT_EQ(exchanged[10], 0xab);
	close(fd);
	close(copy);
	close(connection);
	return 0;
}

/* The recorded namespaces of the exporter match its /proc. */
static void check_record(const struct import *import)
{
	int fd = ASSERT_OK(raw_open(import->instance, import->uuid, O_RDONLY));
	struct dmabuffs_info info;
	char path[64];
	struct stat exporter;

	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.pid > 0);
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", info.pid,
			 namespace_names[i]);
		ASSERT_OK(SYS(stat(path, &exporter)));
		ASSERT_EQ(info.ns[i], exporter.st_ino);
		ASSERT(info.ns[i] != own_namespace((enum dmabuffs_ns)i));
	}
	close(fd);
}

static void from_container(struct instance *instance)
{
	const struct identity inside = container(instance, 1001, 2001);
	struct import import = {.instance = instance};
	struct child child;
	struct stat st;
	char path[sizeof(((struct shared *)0)->path)], text[UUID_TEXT_SIZE];

	child_start(&child, &inside, export_inside, instance);
	peer_get(child.peer, import.uuid, sizeof(import.uuid));
	check_record(&import);
	/* Owner and group, translated to the mount's user namespace. */
	raw_uuid_text(import.uuid, text);
	snprintf(path, sizeof(path), "%s/%s", instance->dir, text);
	ASSERT_OK(SYS(stat(path, &st)));
	ASSERT_EQ(st.st_uid, 1001);
	ASSERT_EQ(st.st_gid, 2001);
	ASSERT_OK(child_call(USER(1001), import_all, &import));
	peer_signal(child.peer);
	child_wait(&child);
}

static void into_container(struct instance *instance)
{
	const struct identity inside = container(instance, 1002, 1002);
	struct import import = {.instance = instance};
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0606);
	memcpy(import.uuid, shared.uuid, sizeof(import.uuid));
	ASSERT_OK(child_call(&inside, import_all, &import));
	unshare_buffer(&shared);
}

static int open_refused(void *data)
{
	const struct import *import = data;

	return raw_open(import->instance, import->uuid, O_RDONLY);
}

static void between_containers(struct instance *instance)
{
	const struct identity exporter = container(instance, 1001, 2001);
	const struct identity member = container(instance, 1002, 2001);
	const struct identity stranger = container(instance, 1003, 3001);
	struct import import = {.instance = instance};
	struct child child;

	child_start(&child, &exporter, export_inside, instance);
	peer_get(child.peer, import.uuid, sizeof(import.uuid));
	/* Root of a new user namespace gets no extra access. */
	ASSERT_ERR(child_call(&stranger, open_refused, &import), EACCES);
	ASSERT_OK(child_call(&member, import_all, &import));
	peer_signal(child.peer);
	child_wait(&child);
}

static int open_and_close(void *data)
{
	const struct import *import = data;
	int fd = raw_open(import->instance, import->uuid, O_RDONLY);

	if (fd >= 0)
		close(fd);
	return MIN(fd, 0);
}

static void policy_of_one(int which)
{
	struct import import;
	struct instance other;
	struct shared shared;
	char option[32];

	snprintf(option, sizeof(option), "ns=%s", namespace_names[which]);
	instance_start(&other, option);
	share(&shared, &other, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	import.instance = &other;
	memcpy(import.uuid, shared.uuid, sizeof(import.uuid));
	ASSERT_OK(open_and_close(&import));
	ASSERT_OK(child_call(USER(1001), open_and_close, &import));
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++) {
		const struct identity who = {.namespaces = ns_flags[i]};

		/* Unshares one namespace only; all others are still shared. */
		if (i == which)
			ASSERT_ERR(child_call(&who, open_and_close, &import), EXDEV);
		else
			ASSERT_OK(child_call(&who, open_and_close, &import));
	}
	unshare_buffer(&shared);
	instance_stop(&other);
}

static void policy(struct instance *instance)
{
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		policy_of_one(i);
}

static void policy_of_many(struct instance *instance)
{
	const struct identity net = {.namespaces = CLONE_NEWNET};
	const struct identity ipc = {.namespaces = CLONE_NEWIPC};
	const struct identity uts = {.namespaces = CLONE_NEWUTS};
	struct import import = {.instance = instance};
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	memcpy(import.uuid, shared.uuid, sizeof(import.uuid));
	ASSERT_ERR(child_call(&net, open_and_close, &import), EXDEV);
	ASSERT_ERR(child_call(&ipc, open_and_close, &import), EXDEV);
	ASSERT_OK(child_call(&uts, open_and_close, &import));
	/* A process that knows the name can read its attributes. */
	ASSERT_OK(raw_exists(instance, shared.uuid));
	unshare_buffer(&shared);
}

static void policy_among_equals(struct instance *instance)
{
	struct import import = {.instance = instance};
	const struct identity inside = container(instance, 1001, 2001);
	struct child child;

	child_start(&child, &inside, export_inside, instance);
	peer_get(child.peer, import.uuid, sizeof(import.uuid));
	ASSERT_ERR(child_call(USER(1001), open_and_close, &import), EXDEV);
	/* Root is refused too: the option is a guarantee to the exporter. */
	ASSERT_ERR(open_and_close(&import), EXDEV);
	child_kill(&child, SIGKILL);
}

/* A daemon in a nested PID namespace, like one in a container. */
static void start_below(struct instance *ret_instance, const char *options)
{
	instance_start_in_pid_namespace(ret_instance, options);
}

static void ticket_share(struct shared *ret_shared, const struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;

	ret_shared->instance = instance;
	ret_shared->root = ASSERT_OK(raw_root(instance));
	ret_shared->fd = raw_memfd(PAGE);
	ASSERT_ERR(
		raw_export_fd(ret_shared->root, ret_shared->fd, 0, 0, ret_shared->uuid),
		EREMOTE);
	raw_request(&request, -1);
	request.flags = DMABUFFS_EXPORT_TICKET;
	ASSERT_OK(raw_ticket(connection, ret_shared->fd, request.ticket));
	ASSERT_OK(raw_export(ret_shared->root, &request));
	memcpy(ret_shared->uuid, request.uuid, sizeof(request.uuid));
	close(connection);
}

static void not_nameable(struct instance *instance)
{
	struct dmabuffs_info info;
	struct instance below;
	struct import import = {.instance = &below};
	struct shared shared;
	int fd;

	start_below(&below, NULL);
	ticket_share(&shared, &below);
	memcpy(import.uuid, shared.uuid, sizeof(import.uuid));
	ASSERT_OK(import_all(&import));
	fd = ASSERT_OK(raw_open(&below, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.pid, 0);
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		ASSERT_EQ(info.ns[i], 0);
	close(fd);
	unshare_buffer(&shared);
	instance_settle(&below);
	instance_stop(&below);
}

static void not_nameable_importer(struct instance *instance)
{
	struct instance below;
	struct shared shared;

	start_below(&below, "ns=net");
	ticket_share(&shared, &below);
	ASSERT_ERR(raw_open(&below, shared.uuid, O_RDONLY), EREMOTE);
	unshare_buffer(&shared);
	instance_stop(&below);
}

const struct test_case test_cases[] = {
	{"from_container", from_container},
	{"into_container", into_container},
	{"between_containers", between_containers},
	{"policy", policy, NULL, 0, CASE_NO_INSTANCE},
	{"policy_of_many", policy_of_many, "ns=net:ipc"},
	{"policy_among_equals", policy_among_equals, "ns=pid"},
	{"not_nameable", not_nameable, NULL, 0, CASE_NO_INSTANCE},
	{"not_nameable_importer", not_nameable_importer, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
