/* SPDX-License-Identifier: MIT */
/* test-export.c - exporting processes, and how the service gets their buffer */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

static void by_descriptor(struct instance *instance)
{
	struct dmabuffs_export request;
	int root = ASSERT_OK(raw_root(instance));
	int fd = raw_memfd(3 * PAGE + 5);
	int directory = ASSERT_OK(raw_directory(instance, O_PATH));
	char text[UUID_TEXT_SIZE];

	raw_request(&request, fd);
	ASSERT_OK(raw_export(root, &request));
	ASSERT_EQ(request.bytes, 3 * PAGE + 5);
	/* A random UUID: version 4, variant 10x. */
	ASSERT_EQ(request.uuid[6] >> 4, 4);
	ASSERT_EQ(request.uuid[8] >> 6, 2);
	ASSERT_EQ(request.fd, fd);
	raw_uuid_text(request.uuid, text);
	ASSERT_OK(SYS(faccessat(directory, text, F_OK, 0)));
	/* The name does not depend on the caller's descriptor. */
	close(fd);
	fd = ASSERT_OK(raw_open(instance, request.uuid, O_RDWR));
	close(fd);
	ASSERT_OK(raw_unlink(instance, request.uuid));
}

struct thread {
	const struct instance *instance;
	uint8_t uuid[16];
};

/* With a private descriptor table: only this thread has the buffer. */
static void *export_in_thread(void *data)
{
	struct thread *thread = data;
	int root, fd;

	ASSERT_OK(SYS(unshare(CLONE_FILES)));
	root = ASSERT_OK(raw_root(thread->instance));
	fd = raw_memfd(PAGE);
	/* In other threads this number is closed or a different file. */
	fd = ASSERT_OK(SYS(dup2(fd, 150)));
	ASSERT_OK(raw_export_fd(root, fd, DMABUFFS_EXPORT_PERSIST, 0, thread->uuid));
	return NULL;
}

static void by_thread(struct instance *instance)
{
	struct thread thread = {.instance = instance};
	pthread_t id;
	uint8_t byte;
	int fd;

	ASSERT_EQ(pthread_create(&id, NULL, export_in_thread, &thread), 0);
	ASSERT_EQ(pthread_join(id, NULL), 0);
	fd = ASSERT_OK(raw_open(instance, thread.uuid, O_RDONLY));
	ASSERT_EQ(pread(fd, &byte, 1, 7), 1);
	ASSERT_EQ(byte, pattern(7));
	close(fd);
	ASSERT_OK(raw_unlink(instance, thread.uuid));
}

static void *export_without_leader(void *data)
{
	struct thread *thread = data;
	int root = ASSERT_OK(raw_root(thread->instance));
	char path[64], state[64] = "";
	FILE *file;

	/* After its exit the thread-group leader is a zombie. */
	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	while (!strchr(state, 'Z')) {
		file = fopen(path, "re");
		ASSERT(file && fscanf(file, "%*d (%*[^)]) %63s", state) == 1);
		fclose(file);
		sched_yield();
	}
	ASSERT_OK(raw_export_fd(root, raw_memfd(PAGE), 0, 0, thread->uuid));
	ASSERT_OK(raw_exists(thread->instance, thread->uuid));
	_exit(0);
}

static void lose_leader(int peer, void *data)
{
	static struct instance instance;
	static struct thread thread = {.instance = &instance};
	pthread_t id;

	/* pthread_exit() releases the leader's stack, where @data is. */
	instance = *(struct instance *)data;
	ASSERT_EQ(pthread_create(&id, NULL, export_without_leader, &thread), 0);
	pthread_exit(NULL);
}

static void by_thread_without_leader(struct instance *instance)
{
	struct child child;

	child_start(&child, NULL, lose_leader, instance);
	child_wait(&child);
}

/* The parent opened the root, the child makes the buffer. */
static int export_by_inherited_root(void *data)
{
	struct thread *thread = data;
	uint8_t uuid[16];
	int root;

	memcpy(&root, thread->uuid, sizeof(root));
	ASSERT_OK(raw_export_fd(root, raw_memfd(PAGE), 0, 0, uuid));
	return raw_exists(thread->instance, uuid);
}

static void by_forked_child(struct instance *instance)
{
	struct thread thread = {.instance = instance};
	int root = ASSERT_OK(raw_root(instance));

	memcpy(thread.uuid, &root, sizeof(root));
	ASSERT_OK(child_call(USER(1001), export_by_inherited_root, &thread));
	/* The root is still open here, so the name remains after the child exits. */
	ASSERT_EQ(raw_count(instance), 1);
	close(root);
}

static int export_undumpable(void *data)
{
	struct shared shared;

	ASSERT_OK(SYS(prctl(PR_SET_DUMPABLE, 0)));
	share(&shared, data, PAGE, 0, 0);
	unshare_buffer(&shared);
	return 0;
}

static void by_undumpable(struct instance *instance)
{
	ASSERT_OK(child_call(USER(1001), export_undumpable, instance));
}

static void owner_is_fsuid(struct instance *instance)
{
	struct shared shared;
	struct stat st;

	setfsgid(2005);
	setfsuid(1005);
	share(&shared, instance, PAGE, 0, 0);
	setfsuid(0);
	setfsgid(0);
	ASSERT_OK(SYS(stat(shared.path, &st)));
	ASSERT_EQ(st.st_uid, 1005);
	ASSERT_EQ(st.st_gid, 2005);
	ASSERT_EQ(st.st_mode, S_IFREG | 0600);
	unshare_buffer(&shared);
}

static void modes(struct instance *instance)
{
	static const uint32_t allowed[] = {0, 0400, 0640, 0666, 0777};
	static const uint32_t refused[] = {01000, 04755, 01777, 0100644, 0xffffffff};
	int root = ASSERT_OK(raw_root(instance));
	struct stat st;
	uint8_t uuid[16];

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		struct shared shared;

		share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, allowed[i]);
		ASSERT_OK(SYS(stat(shared.path, &st)));
		ASSERT_EQ(st.st_mode, S_IFREG | allowed[i]);
		unshare_buffer(&shared);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		ASSERT_ERR(raw_export_fd(root, raw_memfd(PAGE), DMABUFFS_EXPORT_MODE,
					 refused[i], uuid),
			   EINVAL);
	ASSERT_ERR(raw_export_fd(root, raw_memfd(PAGE), 0, 0600, uuid), EINVAL);
	close(root);
}

static int export_label(int root, const char *label, size_t size)
{
	struct dmabuffs_export request;
	int fd = raw_memfd(PAGE);
	int result;

	raw_request(&request, fd);
	memcpy(request.label, label, size);
	result = raw_export(root, &request);
	close(fd);
	return result;
}

static void labels(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	char longest[64] = "";

	memset(longest, 'x', 63);
	ASSERT_OK(export_label(root, "", 1));
	ASSERT_OK(export_label(root, " a camera's frame ~", 20));
	ASSERT_OK(export_label(root, longest, 64));
	longest[63] = 'x';
	ASSERT_ERR(export_label(root, longest, 64), EINVAL);
	ASSERT_ERR(export_label(root, "a\nb", 4), EINVAL);
	ASSERT_ERR(export_label(root, "\033[2J", 5), EINVAL);
	ASSERT_ERR(export_label(root, "\177", 2), EINVAL);
	ASSERT_ERR(export_label(root, "caf\xc3\xa9", 6), EINVAL);
	close(root);
}

static void empty_buffer(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	char byte;
	int fd;

	share(&shared, instance, 0, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_EQ(read(fd, &byte, 1), 0);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.bytes, 0);
	close(fd);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"by_descriptor", by_descriptor},
	{"by_thread", by_thread},
	{"by_thread_without_leader", by_thread_without_leader},
	{"by_forked_child", by_forked_child},
	{"by_undumpable", by_undumpable},
	{"owner_is_fsuid", owner_is_fsuid},
	{"modes", modes},
	{"labels", labels},
	{"empty_buffer", empty_buffer},
	{0},
};
