/* SPDX-License-Identifier: MIT */
/*
 * test-hostile-memory.c - kernel locks that a client holds indefinitely
 *
 *
 * write(2) holds the inode lock of a memfd, and getdents(2) that of the directory, while
 * it faults in the caller's pages: indefinitely, if these belong to a FUSE server that
 * never replies. Every operation of the service on such an inode blocks; other clients
 * must not be affected.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include "attacks/attacks.h"
#include "harness.h"

/* Several users attack while others are served; killing the server unblocks all. */
static void attack_by(struct instance *instance, attack_fn *attacker)
{
	struct child children[3];
	struct scene scene;

	scene_start(&scene, instance);
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(3001 + i), attacker, &scene);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

static void export_of_held_inode(struct instance *instance)
{
	attack_by(instance, attack_export_held);
}

static void revoke_of_held_inode(struct instance *instance)
{
	attack_by(instance, attack_revoke_held);
}

static void write_to_held_inode(struct instance *instance)
{
	attack_by(instance, attack_write_held);
}

static void leased_memfd(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_lease_memfd, &scene);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	peer_signal(child.peer);
	child_wait(&child);
	scene_end(&scene);
}

/* Reads the directory into a page whose fault never returns; only uid 0 gets entries. */
static void hold_directory(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_directory(scene->instance, O_RDONLY));
	void *page = scene_hostile_page(scene);

	syscall(SYS_getdents64, root, page, PAGE);
	pause();
}

/*
 * Meanwhile the directory cannot be changed. Everything else works, names end, and the
 * instance can be unmounted.
 */
static void held_directory(struct instance *instance)
{
	struct sleeper reader = {.call = SYS_getdents64};
	struct instance other;
	struct scene scene;
	struct child child;
	int connection, opened;

	instance_start(&other, NULL);
	scene_start(&scene, &other);
	connection = ASSERT_OK(raw_connect(&other));
	opened = ASSERT_OK(raw_open(&other, scene.good.uuid, O_RDWR));
	child_start(&child, NULL, hold_directory, &scene);
	reader.tid = child.pid;
	ASSERT(wait_until(sleeps_in, &reader));
	/* Removes a name, which the service has to invalidate in the kernel. */
	close(scene.good.root);
	for (int i = 0; i < 20; i++)
		close(ASSERT_OK(raw_exchange(connection, opened)));
	ASSERT_OK(SYS(umount2(other.dir, MNT_DETACH)));
	instance_expect_exit(&other, 0);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
}

static bool connection_is_gone(void *data)
{
	struct dmabuffs_info info;
	int result = raw_info(*(int *)data, &info);

	return result == -ENOTCONN || result == -ECONNABORTED || result == -EIO;
}

static void close_for_ever(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int fd = ASSERT_OK(SYS(open(scene->file, O_RDWR)));
	uint8_t uuid[16];

	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EBADFD);
	peer_signal(peer);
	pause();
}

#define END_MS 5000

/* A thread blocked in close(2) cannot end; neither the unmount nor the end waits for it.
 */
static void end_with_stuck_close(struct instance *instance)
{
	struct instance other;
	struct scene scene;
	struct child child;
	int opened, service;
	uint64_t start;

	instance_start(&other, NULL);
	scene_start(&scene, &other);
	opened = ASSERT_OK(raw_open(&other, scene.good.uuid, O_RDWR));
	child_start(&child, USER(1001), close_for_ever, &scene);
	peer_wait(child.peer);
	service = ASSERT_OK(SYS(pidfd_open(other.service, 0)));
	start = now_ms();
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	ASSERT(wait_until(connection_is_gone, &opened));
	ASSERT(!is_mounted(other.dir));
	instance_expect_exit(&other, 0);
	ASSERT(now_ms() - start < END_MS);
	ASSERT(!wait_ready(service, POLLIN, 0));
	scene_kill_server(&scene);
	ASSERT(wait_ready(service, POLLIN, WAIT_MS));
	close(service);
	child_kill(&child, SIGKILL);
}

const struct test_case test_cases[] = {
	{"export_of_held_inode", export_of_held_inode},
	{"revoke_of_held_inode", revoke_of_held_inode},
	{"write_to_held_inode", write_to_held_inode, "nopassthrough"},
	{"leased_memfd", leased_memfd},
	{"held_directory", held_directory, NULL, 60, CASE_NO_INSTANCE},
	{"end_with_stuck_close", end_with_stuck_close, NULL, 60, CASE_NO_INSTANCE},
	{0},
};
