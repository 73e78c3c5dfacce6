/* SPDX-License-Identifier: MIT */
/* memory.c - attacks with kernel locks that a client holds: of an inode, leases */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "../harness.h"
#include "attacks.h"

/* State of a hostile process, shared by its threads. */
struct held {
	const struct scene *scene;
	struct shared shared;
	void *page;
	pid_t writer;
};

static void *memory_write(void *data)
{
	struct held *held = data;

	__atomic_store_n(&held->writer, gettid(), __ATOMIC_SEQ_CST);
	return (void *)pwrite(held->shared.fd, held->page, PAGE, 0);
}

static void memory_hold_inode(struct held *held)
{
	struct sleeper writer = {.call = SYS_pwrite64};
	pthread_t thread;

	held->page = scene_hostile_page(held->scene);
	ASSERT_EQ(pthread_create(&thread, NULL, memory_write, held), 0);
	while (!writer.tid)
		writer.tid = __atomic_load_n(&held->writer, __ATOMIC_SEQ_CST);
	ASSERT(wait_until(sleeps_in, &writer));
}

static void memory_use_held(int peer, struct held *held, void *(*use)(void *held), int n)
{
	pthread_t thread;

	memory_hold_inode(held);
	for (int i = 0; i < n; i++)
		ASSERT_EQ(pthread_create(&thread, NULL, use, held), 0);
	peer_signal(peer);
	pause();
}

static void *memory_export(void *data)
{
	struct held *held = data;
	int root = ASSERT_OK(raw_root(held->scene->instance));
	uint8_t uuid[16];

	return (void *)(long)raw_export_fd(root, held->shared.fd, 0, 0, uuid);
}

/* The memfd is not sealed yet. */
void attack_export_held(int peer, void *data)
{
	struct held held = {.scene = data};

	held.shared.fd = raw_memfd(PAGE);
	memory_use_held(peer, &held, memory_export, 40);
}

static void *memory_revoke(void *data)
{
	struct held *held = data;
	int root = ASSERT_OK(raw_root(held->scene->instance));

	return (void *)(long)raw_revoke(root, held->shared.uuid);
}

void attack_revoke_held(int peer, void *data)
{
	struct held held = {.scene = data};

	share(&held.shared, held.scene->instance, PAGE, 0, 0);
	memory_use_held(peer, &held, memory_revoke, 20);
}

static void *memory_write_name(void *data)
{
	struct held *held = data;
	int fd = ASSERT_OK(raw_open(held->scene->instance, held->shared.uuid, O_RDWR));

	return (void *)pwrite(fd, "x", 1, 0);
}

void attack_write_held(int peer, void *data)
{
	struct held held = {.scene = data};

	share(&held.shared, held.scene->instance, PAGE, 0, 0);
	memory_use_held(peer, &held, memory_write_name, 40);
}

/* For leases the kernel counts only descriptions made by open(2). */
static int memory_reopened(void)
{
	int first = raw_memfd(PAGE), fd;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", first);
	fd = ASSERT_OK(SYS(open(path, O_RDWR | O_CLOEXEC)));
	close(first);
	return fd;
}

/* open(2) of a leased memfd waits for the lease holder, up to 45 s. */
void attack_lease_memfd(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct dmabuffs_export request;
	int fd = memory_reopened();
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
	ASSERT_OK(raw_remove(scene->instance, root, uuid));
}

/* Of a name with mode 0666 that nobody else has open. */
void attack_lease_name(int peer, void *data)
{
	const struct scene *scene = data;
	struct shared *name = &scene->board->leased;
	int opened;

	signal(SIGIO, SIG_IGN);
	share(name, scene->instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	opened = ASSERT_OK(raw_open(scene->instance, name->uuid, O_RDWR));
	ASSERT_OK(SYS(fcntl(opened, F_SETLEASE, F_WRLCK)));
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_OK(SYS(fcntl(opened, F_SETLEASE, F_UNLCK)));
	peer_signal(peer);
	peer_wait(peer);
}
