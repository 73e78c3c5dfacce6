/* SPDX-License-Identifier: MIT */
/* test-limits.c - each limit is reached, refuses more, and is released */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#include "books.h"
#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

static int export_sized(int root, size_t bytes, uint8_t ret_uuid[16])
{
	int fd = new_memfd(bytes);
	int result;

	result = raw_export_fd(root, fd, 0, 0, ret_uuid);
	close(fd);
	return result;
}

/* A request that is repeated until it succeeds. */
struct room {
	const struct instance *instance;
	int root;
	size_t bytes;
	uint8_t uuid[16];
};

static bool there_is_room(void *data)
{
	struct room *room = data;
	int result = export_sized(room->root, room->bytes, room->uuid);

	ASSERT(result == 0 || result == -EDQUOT || result == -ENOSPC);
	return result == 0;
}

/* Three exports fit, of any user; unlink(2) and the closing of a root make room. */
static void count_until(const struct instance *instance, int refusal)
{
	int root = ASSERT_OK(raw_root(instance)), second = ASSERT_OK(raw_root(instance));
	struct room room = {instance, root, PAGE, {0}};
	uint8_t uuids[3][16], uuid[16];

	ASSERT_OK(export_sized(root, PAGE, uuids[0]));
	ASSERT_OK(export_sized(root, PAGE, uuids[1]));
	ASSERT_OK(export_sized(second, PAGE, uuids[2]));
	ASSERT_ERR(export_sized(root, PAGE, uuid), refusal);
	ASSERT_ERR(export_sized(second, 0, uuid), refusal);
	ASSERT_OK(raw_remove(instance, root, uuids[1]));
	ASSERT(wait_until(there_is_room, &room));
	ASSERT_ERR(export_sized(root, PAGE, uuid), refusal);
	close(second);
	ASSERT(wait_until(there_is_room, &room));
	ASSERT_ERR(export_sized(root, PAGE, uuid), refusal);
	close(root);
}

static void exports_of_mount(struct instance *instance)
{
	count_until(instance, ENOSPC);
}

static int export_one(void *data)
{
	struct instance *instance = data;
	uint8_t uuid[16];
	int root = ASSERT_OK(raw_root(instance));
	int result = export_sized(root, PAGE, uuid);

	close(root);
	return result;
}

static void count_until_quota(int peer, void *data)
{
	count_until(data, EDQUOT);
}

static void hold_three(int peer, void *data)
{
	int root = ASSERT_OK(raw_root(data));
	uint8_t uuid[16];

	for (int i = 0; i < 3; i++)
		ASSERT_OK(export_sized(root, PAGE, uuid));
	peer_signal(peer);
	peer_wait(peer);
}

static void exports_of_user(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), count_until_quota, instance);
	child_wait(&child);
	/* The last close(2) of a root returns before the service has processed it. */
	expect_nothing_left(instance);
	child_start(&child, USER(1001), hold_three, instance);
	peer_wait(child.peer);
	/* The limit is per user. */
	ASSERT_ERR(child_call(USER(1001), export_one, instance), EDQUOT);
	ASSERT_OK(child_call(USER(1002), export_one, instance));
	child_kill(&child, SIGKILL);
}

#define N_SUBUIDS 64

/* Takes all it gets, for good; the result is the number of names. */
static int export_many(void *data)
{
	int root = ASSERT_OK(raw_root(data)), n = 0;
	uint8_t uuid[16];

	for (int r = 0; r == 0 && n < 100; n += r == 0) {
		int fd = raw_memfd(PAGE);

		r = raw_export_fd(root, fd, DMABUFFS_EXPORT_PERSIST, 0, uuid);
		ASSERT(r == 0 || r == -EDQUOT || r == -ENOSPC);
		close(fd);
	}
	close(root);
	return n;
}

static void unlink_all(const struct instance *instance)
{
	DIR *dir = opendir(instance->dir);
	const struct dirent *entry;

	ASSERT(dir);
	while ((entry = readdir(dir)))
		if (strlen(entry->d_name) == 36)
			ASSERT_OK(SYS(unlinkat(dirfd(dir), entry->d_name, 0)));
	closedir(dir);
}

static void export_as_all_subuids(int peer, void *data)
{
	int n = 0;

	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	peer_signal(peer);
	peer_wait(peer);
	for (uid_t uid = 1; uid <= N_SUBUIDS; uid++)
		n += child_call(USER(uid), export_many, data);
	peer_put(peer, &n, sizeof(n));
}

/* 64 uids of one person's user namespace hold no more than the person itself may. */
static void uids_of_one_person(struct instance *instance)
{
	struct child child;
	int n;

	child_start(&child, USER(1001), export_as_all_subuids, instance);
	peer_wait(child.peer);
	namespaces_map_subids(child.pid, 1001, N_SUBUIDS);
	peer_signal(child.peer);
	peer_get(child.peer, &n, sizeof(n));
	child_wait(&child);
	ASSERT_EQ(n, 10);
	ASSERT_EQ(child_call(USER(1001), export_many, instance), 0);
	ASSERT_EQ(child_call(USER(1002), export_many, instance), 10);
	unlink_all(instance);
}

/* What many users left over is for those who hold nothing. */
static void reserve_of_mount(struct instance *instance)
{
	ASSERT_EQ(child_call(USER(1001), export_many, instance), 20);
	ASSERT_EQ(child_call(USER(1002), export_many, instance), 8);
	for (uid_t uid = 1003; uid < 1007; uid++)
		ASSERT_EQ(child_call(USER(uid), export_many, instance), 1);
	ASSERT_EQ(child_call(USER(1007), export_many, instance), 0);
	unlink_all(instance);
}

/* The total limit is 64 KiB. */
static void bytes_until(const struct instance *instance, int refusal)
{
	int root = ASSERT_OK(raw_root(instance));
	struct room room = {instance, root, 48 << 10, {0}};
	uint8_t large[16], uuid[16];

	ASSERT_ERR(export_sized(root, (64 << 10) + 1, uuid), refusal);
	ASSERT_ERR(export_sized(root, 1ULL << 50, uuid), refusal);
	ASSERT_OK(export_sized(root, 48 << 10, large));
	ASSERT_ERR(export_sized(root, 17 << 10, uuid), refusal);
	ASSERT_OK(export_sized(root, 16 << 10, uuid));
	ASSERT_ERR(export_sized(root, PAGE, uuid), refusal);
	ASSERT_OK(raw_remove(instance, root, large));
	ASSERT(wait_until(there_is_room, &room));
	close(root);
}

static void bytes_of_mount(struct instance *instance)
{
	bytes_until(instance, ENOSPC);
}

static void bytes_until_quota(int peer, void *data)
{
	bytes_until(data, EDQUOT);
}

static void bytes_of_user(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), bytes_until_quota, instance);
	child_wait(&child);
}

/* Opens another root once the service has processed a close. */
struct another_root {
	struct instance *instance;
	int fd;
};

static bool root_opens(void *data)
{
	struct another_root *another = data;

	another->fd = raw_root(another->instance);
	ASSERT(another->fd >= 0 || another->fd == -EDQUOT);
	return another->fd >= 0;
}

static int open_root(void *data)
{
	return MIN(raw_root(data), 0);
}

static void open_roots(int peer, void *data)
{
	int first = ASSERT_OK(raw_root(data)), second = ASSERT_OK(raw_root(data));
	struct another_root another = {.instance = data};

	ASSERT_ERR(raw_root(data), EDQUOT);
	close(first);
	ASSERT(wait_until(root_opens, &another));
	ASSERT_ERR(raw_root(data), EDQUOT);
	/* A duplicate shares the description, so it is not counted. */
	ASSERT_OK(SYS(dup(second)));
	peer_signal(peer);
	peer_wait(peer);
}

static void roots_of_user(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), open_roots, instance);
	peer_wait(child.peer);
	ASSERT_ERR(child_call(USER(1001), open_root, instance), EDQUOT);
	ASSERT_OK(child_call(USER(1002), open_root, instance));
	child_kill(&child, SIGKILL);
}

/* Refused requests are neither charged nor kept. */
static void refusals_are_free(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	struct statfs before, after;
	uint8_t uuid[16];

	ASSERT_OK(SYS(statfs(instance->dir, &before)));
	for (int i = 0; i < 200; i++) {
		ASSERT_ERR(raw_export_fd(root, STDIN_FILENO, 0, 0, uuid), EBADFD);
		ASSERT_ERR(export_sized(root, 1 << 20, uuid), ENOSPC);
	}
	ASSERT_OK(SYS(statfs(instance->dir, &after)));
	ASSERT_EQ(after.f_bfree, before.f_bfree);
	ASSERT_EQ(after.f_ffree, before.f_ffree);
	for (int i = 0; i < 3; i++)
		ASSERT_OK(export_sized(root, PAGE, uuid));
	close(root);
}

static bool all_is_free(void *data)
{
	struct statfs st;

	ASSERT_OK(SYS(statfs(((struct instance *)data)->dir, &st)));
	return st.f_bfree == st.f_blocks && st.f_ffree == st.f_files;
}

/* A buffer that an importer has open stays charged after its name is removed. */
static void unlinked_and_open(struct instance *instance)
{
	struct shared shared;
	void *address;
	int fd;

	share(&shared, instance, 4 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	unshare_buffer(&shared);
	close(fd);
	munmap(address, PAGE);
	ASSERT(wait_until(all_is_free, instance));
}

/* An unsealed buffer can grow; the larger size is charged before the next open. */
static void grown_buffer(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	ASSERT_OK(SYS(ftruncate(shared.fd, 1 << 20)));
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOSPC);
	ASSERT_OK(SYS(ftruncate(shared.fd, 32 << 10)));
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	ASSERT(!all_is_free(instance));
	unshare_buffer(&shared);
	ASSERT(wait_until(all_is_free, instance));
}

/* As with disk quotas, chown(2) charges the new owner, if its limits allow. */
static void new_owner(struct instance *instance)
{
	struct child child;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	child_start(&child, USER(1001), hold_three, instance);
	peer_wait(child.peer);
	ASSERT_ERR(SYS(chown(shared.path, 1001, -1)), EDQUOT);
	ASSERT_OK(SYS(chown(shared.path, 1002, -1)));
	ASSERT_OK(child_call(USER(1002), export_one, instance));
	child_kill(&child, SIGKILL);
	unshare_buffer(&shared);
}

/* Without CAP_SYS_RESOURCE after execve(2) the daemon cannot raise the limit. */
static void start_with_few_descriptors(struct instance *instance, rlim_t n,
				       const char *options)
{
	struct rlimit few = {n, n};

	ASSERT_OK(SYS(prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE)));
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &few)));
	instance_start(instance, options);
}

static void use_name(const struct instance *instance, const uint8_t uuid[16])
{
	int connection = ASSERT_OK(raw_connect(instance));
	int opened = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	void *address;

	close(ASSERT_OK(raw_exchange(connection, opened)));
	ASSERT_OK(raw_map(opened, PAGE, PROT_READ, &address));
	munmap(address, PAGE);
	close(opened);
	close(connection);
}

/* All names that df shows can be made and used, and no more. */
static void expect_ceiling(rlim_t n_fds)
{
	uint8_t first[16], last[16], uuid[16];
	struct instance other;
	struct statfs st;
	int root;

	start_with_few_descriptors(&other, n_fds, "max-exports=2000");
	root = ASSERT_OK(raw_root(&other));
	ASSERT_OK(export_sized(root, PAGE, first));
	ASSERT_OK(SYS(statfs(other.dir, &st)));
	test_note("RLIMIT_NOFILE %lu: room for %lu names", (unsigned long)n_fds,
		  (unsigned long)st.f_files);
	for (unsigned long n = st.f_ffree; n > 0; n--)
		ASSERT_OK(export_sized(root, PAGE, last));
	ASSERT_ERR(export_sized(root, PAGE, uuid), ENOSPC);
	ASSERT_OK(SYS(statfs(other.dir, &st)));
	ASSERT_EQ(st.f_ffree, 0);
	use_name(&other, first);
	use_name(&other, last);
	ASSERT_OK(raw_unlink(&other, first));
	ASSERT_OK(export_sized(root, PAGE, last));
	use_name(&other, last);
	close(root);
	instance_settle(&other);
	instance_stop(&other);
}

static void descriptor_ceiling(struct instance *instance)
{
	expect_ceiling(256);
}

static void descriptor_ceiling_of_64(struct instance *instance)
{
	expect_ceiling(64);
}

static void hoard_tickets(int peer, void *data)
{
	int fd = raw_memfd(PAGE), connection;
	uint8_t ticket[DMABUFFS_TICKET_SIZE];

	for (int i = 0; i < 128; i++) {
		connection = ASSERT_OK(raw_connect(data));
		while (raw_ticket(connection, fd, ticket) == 0)
			;
	}
	peer_signal(peer);
	peer_wait(peer);
}

/* Unused tickets keep descriptors in the service; they must leave room for others. */
static void hoarded_tickets(struct instance *instance)
{
	struct child children[3];
	struct instance other;

	start_with_few_descriptors(&other, 256, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(3001 + i), hoard_tickets, &other);
		peer_wait(children[i].peer);
	}
	for (int i = 0; i < 5; i++)
		ASSERT_OK(child_call(USER(1001), export_one, &other));
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	instance_settle(&other);
	instance_stop(&other);
}

const struct test_case test_cases[] = {
	{"exports_of_mount", exports_of_mount, "max-exports=3"},
	{"exports_of_user", exports_of_user, "max-exports-per-uid=3"},
	{"uids_of_one_person", uids_of_one_person,
	 "max-exports=40,max-exports-per-uid=10"},
	{"reserve_of_mount", reserve_of_mount, "max-exports=32,max-exports-per-uid=20"},
	{"bytes_of_mount", bytes_of_mount, "max-bytes=64K,max-bytes-per-uid=2048T"},
	{"bytes_of_user", bytes_of_user, "max-bytes-per-uid=64K"},
	{"roots_of_user", roots_of_user, "max-roots-per-uid=2"},
	{"refusals_are_free", refusals_are_free, "max-bytes=64K,max-exports=3"},
	{"unlinked_and_open", unlinked_and_open, "max-bytes=64K"},
	{"grown_buffer", grown_buffer, "max-bytes=64K"},
	{"new_owner", new_owner, "max-exports-per-uid=3"},
	{"descriptor_ceiling", descriptor_ceiling, NULL, 0, CASE_NO_INSTANCE},
	{"descriptor_ceiling_of_64", descriptor_ceiling_of_64, NULL, 0, CASE_NO_INSTANCE},
	{"hoarded_tickets", hoarded_tickets, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
