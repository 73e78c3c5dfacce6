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
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "harness.h"
#include "hostile.h"

/* State of a hostile process, shared by its threads. */
struct attack {
	const struct scene *scene;
	struct shared shared;
	void *page;
	pid_t writer;
};

static void *write_for_ever(void *data)
{
	struct attack *attack = data;

	__atomic_store_n(&attack->writer, gettid(), __ATOMIC_SEQ_CST);
	return (void *)pwrite(attack->shared.fd, attack->page, PAGE, 0);
}

struct sleeper {
	pid_t tid;
	long call;
};

/* True if the thread sleeps in this system call, that is, cannot proceed. */
static bool sleeps_in(void *data)
{
	const struct sleeper *sleeper = data;
	char path[64];
	long call = -1;
	FILE *file;

	/* For a running thread the file reads "running". */
	snprintf(path, sizeof(path), "/proc/%d/syscall", sleeper->tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%ld", &call) != 1)
		call = -1;
	fclose(file);
	return call == sleeper->call;
}

static void hold_inode(struct attack *attack)
{
	struct sleeper writer = {.call = SYS_pwrite64};
	pthread_t thread;

	attack->page = scene_hostile_page(attack->scene);
	ASSERT_EQ(pthread_create(&thread, NULL, write_for_ever, attack), 0);
	while (!writer.tid)
		writer.tid = __atomic_load_n(&attack->writer, __ATOMIC_SEQ_CST);
	ASSERT(wait_until(sleeps_in, &writer));
}

static void *export_it(void *data)
{
	struct attack *attack = data;
	int root = ASSERT_OK(raw_root(attack->scene->instance));
	uint8_t uuid[16];

	return (void *)(long)raw_export_fd(root, attack->shared.fd, 0, 0, uuid);
}

/* Exports its memfd, which is not sealed yet, from many threads. */
static void export_held(int peer, void *data)
{
	struct attack attack = {.scene = data};
	pthread_t threads[40];

	attack.shared.fd = raw_memfd(PAGE);
	hold_inode(&attack);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, export_it, &attack), 0);
	peer_signal(peer);
	pause();
}

static void *revoke_it(void *data)
{
	struct attack *attack = data;
	int root = ASSERT_OK(raw_root(attack->scene->instance));

	return (void *)(long)raw_revoke(root, attack->shared.uuid);
}

static void revoke_held(int peer, void *data)
{
	struct attack attack = {.scene = data};
	pthread_t threads[20];

	share(&attack.shared, attack.scene->instance, PAGE, 0, 0);
	hold_inode(&attack);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, revoke_it, &attack), 0);
	peer_signal(peer);
	pause();
}

static void *write_it(void *data)
{
	struct attack *attack = data;
	int fd =
		ASSERT_OK(raw_open(attack->scene->instance, attack->shared.uuid, O_RDWR));

	return (void *)pwrite(fd, "x", 1, 0);
}

static void write_held(int peer, void *data)
{
	struct attack attack = {.scene = data};
	pthread_t threads[40];

	share(&attack.shared, attack.scene->instance, PAGE, 0, 0);
	hold_inode(&attack);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, write_it, &attack), 0);
	peer_signal(peer);
	pause();
}

/* Several users attack while others are served; killing the server unblocks all. */
static void attack_by(struct instance *instance, void (*attacker)(int peer, void *data))
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
	attack_by(instance, export_held);
}

static void revoke_of_held_inode(struct instance *instance)
{
	attack_by(instance, revoke_held);
}

static void write_to_held_inode(struct instance *instance)
{
	attack_by(instance, write_held);
}

/* For leases the kernel counts only descriptions made by open(2). */
static int reopened_memfd(void)
{
	int first = raw_memfd(PAGE), fd;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", first);
	fd = ASSERT_OK(SYS(open(path, O_RDWR | O_CLOEXEC)));
	close(first);
	return fd;
}

/* open(2) of a leased memfd waits for the lease holder, up to 45 s. */
static void lease(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct dmabuffs_export request;
	int fd = reopened_memfd();
	uint8_t uuid[16];

	signal(SIGIO, SIG_IGN);
	ASSERT_OK(SYS(fcntl(fd, F_SETLEASE, F_WRLCK)));
	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EAGAIN);
	raw_request(&request, -1);
	request.flags = DMABUFFS_EXPORT_TICKET;
	ASSERT_OK(raw_ticket(connection, fd, request.ticket));
	ASSERT_ERR(raw_export(root, &request), EAGAIN);
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_OK(SYS(fcntl(fd, F_SETLEASE, F_UNLCK)));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	/* After the export no lease is granted. */
	ASSERT_ERR(SYS(fcntl(fd, F_SETLEASE, F_WRLCK)), EAGAIN);
	ASSERT_ERR(SYS(fcntl(fd, F_SETLEASE, F_RDLCK)), EAGAIN);
	ASSERT_OK(raw_unlink(scene->instance, uuid));
}

static void leased_memfd(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), lease, &scene);
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

/* A daemon blocked in close(2) cannot exit; its unmount must not wait for that. */
static void end_with_stuck_close(struct instance *instance)
{
	struct instance other;
	struct scene scene;
	struct child child;
	int opened;

	instance_start(&other, NULL);
	scene_start(&scene, &other);
	opened = ASSERT_OK(raw_open(&other, scene.good.uuid, O_RDWR));
	child_start(&child, USER(1001), close_for_ever, &scene);
	peer_wait(child.peer);
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	ASSERT(wait_until(connection_is_gone, &opened));
	ASSERT(!is_mounted(other.dir));
	scene_kill_server(&scene);
	instance_expect_exit(&other, 0);
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
