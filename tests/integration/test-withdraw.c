/* SPDX-License-Identifier: MIT */
/*
 * test-withdraw.c - DMABUFFS_IOC_WITHDRAW removes one name through the root that exported
 * it
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books.h"
#include "child.h"
#include "harness.h"
#include "hostile.h"
#include "raw.h"

#define ANOTHER DMABUFFS_EXPORT_ANOTHER

/* ---- effects ----------------------------------------------------------------------- */

static void ends_the_name(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t *address, old[16];
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOENT);
	ASSERT_EQ(raw_count(instance), 0);
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), ENOENT);
	ASSERT_ERR(raw_unlink(instance, shared.uuid), ENOENT);
	/* Open descriptors stay valid and share the memory with the exporter. */
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(!(info.flags & (DMABUFFS_INFO_NAMED | DMABUFFS_INFO_REVOKED)));
	ASSERT_EQ(address[100], pattern(100));
	address[100] = 1;
	close(fd);
	ASSERT_EQ(pread(shared.fd, &address[101], 1, 100), 1);
	ASSERT_EQ(address[101], 1);
	/* The buffer can be exported again, under another name. */
	memcpy(old, shared.uuid, sizeof(old));
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	ASSERT(!same(old, shared.uuid));
	ASSERT_ERR(raw_open(instance, old, O_RDONLY), ENOENT);
	unshare_buffer(&shared);
}

static void open_twice(int peer, void *data)
{
	struct shared *shared = data;

	for (int i = 0; i < 3; i++)
		close(ASSERT_OK(raw_open(shared->instance, shared->uuid, O_RDWR)));
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_ERR(raw_open(shared->instance, shared->uuid, O_RDWR), ENOENT);
}

/* The kernel has the name cached for another process, which must not find it. */
static void cached_names_end(struct instance *instance)
{
	for (int i = 0; i < 20; i++) {
		struct shared shared;
		struct child child;

		share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
		child_start(&child, USER(1001), open_twice, &shared);
		peer_wait(child.peer);
		ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
		/* The service also invalidates the cache, without a look-up. */
		if (i % 2)
			ASSERT(wait_until(name_is_gone, &shared));
		peer_signal(child.peer);
		child_wait(&child);
		expect_no_name(instance, shared.uuid);
		close(shared.root);
		close(shared.fd);
	}
}

/* ---- permissions ------------------------------------------------------------------- */

static int withdraw_on_own_root(void *data)
{
	struct shared *shared = data;
	int root = ASSERT_OK(raw_root(shared->instance));

	return raw_withdraw(root, shared->uuid);
}

static void other_descriptions(struct instance *instance)
{
	struct shared shared, second;
	int copy;

	share(&shared, instance, PAGE, 0, 0);
	share(&second, instance, PAGE, 0, 0);
	ASSERT_ERR(raw_withdraw(second.root, shared.uuid), EPERM);
	ASSERT_ERR(child_call(NULL, withdraw_on_own_root, &shared), EPERM);
	ASSERT_ERR(child_call(USER(1001), withdraw_on_own_root, &shared), EPERM);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	/* A duplicate is the same description. */
	copy = ASSERT_OK(SYS(dup(shared.root)));
	ASSERT_OK(raw_withdraw(copy, shared.uuid));
	close(copy);
	close(ASSERT_OK(raw_open(instance, second.uuid, O_RDWR)));
	unshare_buffer(&second);
}

static int withdraw_on_same_root(void *data)
{
	struct shared *shared = data;

	return raw_withdraw(shared->root, shared->uuid);
}

static void withdraw_received(int peer, void *data)
{
	struct shared *shared = data;
	int root = peer_get_fd(peer);

	ASSERT_OK(raw_withdraw(root, shared->uuid));
}

/* Any process with the description may withdraw, inherited or received. */
static void inherited_description(struct instance *instance)
{
	struct shared shared;
	struct child child;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(child_call(USER(1001), withdraw_on_same_root, &shared));
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR), ENOENT);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	child_start(&child, USER(1001), withdraw_received, &shared);
	peer_put_fd(child.peer, shared.root);
	child_wait(&child);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR), ENOENT);
}

static void export_and_change_user(int peer, void *data)
{
	struct shared shared;

	share(&shared, data, PAGE, 0, 0);
	ASSERT_OK(SYS(setresgid(1002, 1002, 1002)));
	ASSERT_OK(SYS(setresuid(1002, 1002, 1002)));
	ASSERT_ERR(raw_open(shared.instance, shared.uuid, O_RDONLY), EACCES);
	ASSERT_ERR(raw_revoke(shared.root, shared.uuid), EPERM);
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	ASSERT_EQ(raw_count(shared.instance), 0);
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), ENOENT);
	/* EACCES until the kernel's cache is invalidated. */
	ASSERT(wait_until(name_is_gone, &shared));
}

static void after_setuid(struct instance *instance)
{
	struct child child;

	child_start(&child, NULL, export_and_change_user, instance);
	child_wait(&child);
}

static void withdraw_not_unlink(int peer, void *data)
{
	struct shared shared;

	share(&shared, data, PAGE, 0, 0);
	ASSERT_ERR(raw_unlink(shared.instance, shared.uuid), EACCES);
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	ASSERT_ERR(raw_open(shared.instance, shared.uuid, O_RDONLY), ENOENT);
}

static void root_without_write(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), withdraw_not_unlink, instance);
	child_wait(&child);
}

/* The name has another owner now; the description has not. */
static void given_away(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(SYS(chown(shared.path, 1002, 1002)));
	ASSERT_OK(SYS(chmod(shared.path, 0)));
	ASSERT_OK(child_call(USER(1001), withdraw_on_same_root, &shared));
	close(shared.root);
	close(shared.fd);
	expect_nothing_left(instance);
}

static void persistent_names_stay(struct instance *instance)
{
	struct shared shared;
	uint8_t another[16];

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_PERSIST | ANOTHER,
				0, another));
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), EPERM);
	ASSERT_ERR(raw_withdraw(shared.root, another), EPERM);
	close(shared.root);
	shared.root = ASSERT_OK(raw_root(instance));
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), EPERM);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	close(ASSERT_OK(raw_open(instance, another, O_RDWR)));
	ASSERT_OK(raw_unlink(instance, another));
	ASSERT_ERR(raw_withdraw(shared.root, another), ENOENT);
	unshare_buffer(&shared);
	expect_nothing_left(instance);
}

static void no_such_name(struct instance *instance)
{
	struct shared shared, revoked;
	uint8_t uuid[16] = {0};

	share(&shared, instance, PAGE, 0, 0);
	share(&revoked, instance, PAGE, 0, 0);
	ASSERT_ERR(raw_withdraw(shared.root, uuid), ENOENT);
	for (int i = 0; i < 128; i++) {
		memcpy(uuid, shared.uuid, sizeof(uuid));
		uuid[i / 8] ^= (uint8_t)(1 << i % 8);
		ASSERT_ERR(raw_withdraw(shared.root, uuid), ENOENT);
	}
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), ENOENT);
	ASSERT_OK(raw_revoke(revoked.root, revoked.uuid));
	ASSERT_ERR(raw_withdraw(revoked.root, revoked.uuid), ENOENT);
	/* A name withdrawn through another description. */
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	close(shared.root);
	ASSERT(wait_until(name_is_gone, &shared));
	ASSERT_ERR(raw_withdraw(revoked.root, shared.uuid), ENOENT);
	close(revoked.root);
}

/* ---- charges ----------------------------------------------------------------------- */

static void charges_go_back(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16];
	int fd;

	share(&shared, instance, 4 * PAGE, 0, 0);
	expect_books(instance, 1, 4);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, ANOTHER, 0, uuid));
	expect_books(instance, 2, 8);
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	expect_books(instance, 1, 4);
	/* As after unlink(2), an importer keeps it charged. */
	fd = ASSERT_OK(raw_open(instance, uuid, O_RDONLY));
	ASSERT_OK(raw_withdraw(shared.root, uuid));
	expect_books(instance, 1, 4);
	close(fd);
	expect_nothing_left(instance);
	close(shared.root);
	close(shared.fd);
}

static void up_to_the_limit(int peer, void *data)
{
	int root = ASSERT_OK(raw_root(data)), fd = raw_memfd(PAGE);
	uint8_t uuids[3][16], uuid[16];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			ASSERT_OK(raw_export_fd(root, fd, ANOTHER, 0, uuids[i]));
		ASSERT_ERR(raw_export_fd(root, fd, ANOTHER, 0, uuid), EDQUOT);
		ASSERT_OK(raw_withdraw(root, uuids[0]));
		ASSERT_OK(raw_export_fd(root, fd, ANOTHER, 0, uuids[0]));
		ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EDQUOT);
		for (int i = 0; i < 3; i++)
			ASSERT_OK(raw_withdraw(root, uuids[i]));
	}
}

static void limits_count_each(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), up_to_the_limit, instance);
	child_wait(&child);
	expect_nothing_left(instance);
}

/* ---- hostile clients --------------------------------------------------------------- */

/* A write(2) to the memfd that never returns; shared by the process's threads. */
struct attack {
	const struct scene *scene;
	struct shared shared;
	void *page;
};

static void *write_for_ever(void *data)
{
	struct attack *attack = data;

	return (void *)pwrite(attack->shared.fd, attack->page, PAGE, 0);
}

static void withdraw_held(int peer, void *data)
{
	struct attack attack = {.scene = data};
	uint64_t start;
	pthread_t thread;
	uint8_t uuid[16];
	int fd;

	share(&attack.shared, attack.scene->instance, PAGE, 0, 0);
	ASSERT_OK(raw_export_fd(attack.shared.root, attack.shared.fd, ANOTHER, 0, uuid));
	fd = ASSERT_OK(raw_open(attack.scene->instance, uuid, O_RDWR));
	attack.page = scene_hostile_page(attack.scene);
	ASSERT_EQ(pthread_create(&thread, NULL, write_for_ever, &attack), 0);
	peer_signal(peer);
	peer_wait(peer);
	start = now_ms();
	ASSERT_OK(raw_withdraw(attack.shared.root, uuid));
	close(fd);
	ASSERT_OK(raw_withdraw(attack.shared.root, attack.shared.uuid));
	ASSERT(now_ms() - start < PROMPT_MS);
	peer_signal(peer);
	pause();
}

/* A client holds the inode lock of the memfd indefinitely. */
static void inode_is_kept_locked(struct instance *instance)
{
	struct child children[4];
	struct scene scene;

	scene_start(&scene, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], NULL, withdraw_held, &scene);
		peer_wait(children[i].peer);
	}
	scene_fall_silent(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		peer_signal(children[i].peer);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
	expect_nothing_left(instance);
}

const struct test_case test_cases[] = {
	{"ends_the_name", ends_the_name},
	{"cached_names_end", cached_names_end},
	{"other_descriptions", other_descriptions},
	{"inherited_description", inherited_description},
	{"after_setuid", after_setuid},
	{"root_without_write", root_without_write},
	{"root_without_write_1755", root_without_write, "mode=1755"},
	{"given_away", given_away},
	{"persistent_names_stay", persistent_names_stay},
	{"no_such_name", no_such_name},
	{"charges_go_back", charges_go_back},
	{"limits_count_each", limits_count_each, "max-exports-per-uid=3"},
	{"inode_is_kept_locked", inode_is_kept_locked},
	{0},
};
