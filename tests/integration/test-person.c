/* SPDX-License-Identifier: MIT */
/*
 * test-person.c - one person with the uids of a user namespace is one user
 *
 * The person is uid 1001 outside; its subuids are 1, 2, ... in the namespace. What all of
 * them hold counts against the one limit, whatever way they take.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "child.h"
#include "harness.h"
#include "hostile.h"
#include "raw.h"

#define PERSON    1001
#define N_SUBUIDS 64

/* As container runtimes do it: the person's own uid is 0, its subuids are the rest. */
static void map_subids(pid_t pid, const char *name)
{
	char path[40], map[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	snprintf(map, sizeof(map), "0 %u 1\n1 100000 %u", PERSON, N_SUBUIDS);
	fd = ASSERT_OK(SYS(open(path, O_WRONLY | O_CLOEXEC)));
	ASSERT_OK(SYS(write(fd, map, strlen(map))));
	close(fd);
}

/* The person's side: enters a user namespace, which the case has to map. */
static void enter_namespace(int peer)
{
	pid_t pid = getpid();

	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	peer_put(peer, &pid, sizeof(pid));
	peer_wait(peer);
}

static void map_namespace(int peer)
{
	pid_t pid;

	peer_get(peer, &pid, sizeof(pid));
	map_subids(pid, "uid_map");
	map_subids(pid, "gid_map");
	peer_signal(peer);
}

static int get_number(int peer)
{
	int n;

	peer_get(peer, &n, sizeof(n));
	return n;
}

/* ---- what is closing --------------------------------------------------------------- */

struct closes {
	struct scene scene;
	int root, hostile;
};

/* Each request leaves a descriptor whose close does not return. */
static void export_hostile(int peer, void *data)
{
	const struct closes *closes = data;
	uint8_t uuid[16];
	int n, r = -EBADFD;

	for (n = 0; r == -EBADFD && n < 10000; n++)
		r = raw_export_fd(closes->root, closes->hostile, 0, 0, uuid);
	ASSERT_ERR(r, EBUSY);
	peer_put(peer, &n, sizeof(n));
	pause();
}

static void hostile_person(int peer, void *data)
{
	struct closes *closes = data;
	struct child child;
	int n;

	enter_namespace(peer);
	closes->root = ASSERT_OK(raw_root(closes->scene.instance));
	closes->hostile = ASSERT_OK(SYS(open(closes->scene.file, O_RDWR | O_CLOEXEC)));
	for (uid_t uid = 1; uid <= 2; uid++) {
		child_start(&child, USER(uid), export_hostile, closes);
		n = get_number(child.peer);
		peer_put(peer, &n, sizeof(n));
	}
	pause();
}

/* The uids use one description, which only the first of them has opened. */
static void closes_of_one_person(struct instance *instance)
{
	struct closes closes;
	struct child child;

	scene_start(&closes.scene, instance);
	child_start(&child, USER(PERSON), hostile_person, &closes);
	map_namespace(child.peer);
	ASSERT(get_number(child.peer) > 100);
	ASSERT_EQ(get_number(child.peer), 1);
	scene_expect_service(&closes.scene);
	scene_kill_server(&closes.scene);
	child_kill(&child, SIGKILL);
	scene_end(&closes.scene);
}

/* ---- credentials of others --------------------------------------------------------- */

/* A ring that submits one request at a time. */
static struct ring {
	int fd;
	struct io_uring_params params;
	uint8_t *rings; /* of both queues */
	struct io_uring_sqe *sqes;
} ring;

static uint32_t *ring_word(uint32_t offset)
{
	return (void *)(ring.rings + offset);
}

/* False: an administrator has switched it off, or there is none. */
static bool ring_start(void)
{
	size_t size;

	ring.fd = (int)SYS(syscall(SYS_io_uring_setup, 1, &ring.params));
	if (ring.fd == -EPERM || ring.fd == -ENOSYS)
		return false;
	ASSERT_OK(ring.fd);
	size = ring.params.cq_off.cqes +
	       ring.params.cq_entries * sizeof(struct io_uring_cqe);
	size = MAX(size,
		   ring.params.sq_off.array + ring.params.sq_entries * sizeof(uint32_t));
	ring.rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd,
			  IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, sizeof(*ring.sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
			 ring.fd, IORING_OFF_SQES);
	ASSERT(ring.rings != MAP_FAILED && ring.sqes != MAP_FAILED);
	return true;
}

static int ring_open(int personality, const char *path, int flags)
{
	uint32_t *tail = ring_word(ring.params.sq_off.tail);
	uint32_t *head = ring_word(ring.params.cq_off.head);
	const struct io_uring_cqe *cqes = (void *)(ring.rings + ring.params.cq_off.cqes);
	int result;

	ring.sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)path,
		.open_flags = (uint32_t)flags,
		.personality = (uint16_t)personality,
	};
	ring_word(ring.params.sq_off
			  .array)[*tail & *ring_word(ring.params.sq_off.ring_mask)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ASSERT_EQ(SYS(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS,
			      NULL, 0)),
		  1);
	result = cqes[*head & *ring_word(ring.params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

/* A subuid that lends its credentials, and then exports all it can. */
static void lend_and_export(int peer, void *data)
{
	int id = ASSERT_OK(SYS(syscall(SYS_io_uring_register, ring.fd,
				       IORING_REGISTER_PERSONALITY, NULL, 0)));
	int root, n = 0, r = 0;
	uint8_t uuid[16];

	peer_put(peer, &id, sizeof(id));
	peer_wait(peer);
	root = ASSERT_OK(raw_root(data));
	for (; r == 0 && n < 100; n += r == 0) {
		int fd = raw_memfd(PAGE);

		r = raw_export_fd(root, fd, 0, 0, uuid);
		ASSERT(r == 0 || r == -EDQUOT);
		close(fd);
	}
	peer_put(peer, &n, sizeof(n));
	pause();
}

static void lend_from_inside(int peer, void *data)
{
	struct child child;

	enter_namespace(peer);
	for (uid_t uid = 1; uid <= 2; uid++) {
		int number;

		child_start(&child, USER(uid), lend_and_export, data);
		number = get_number(child.peer);
		peer_put(peer, &number, sizeof(number));
		peer_wait(peer);
		peer_signal(child.peer);
		number = get_number(child.peer);
		peer_put(peer, &number, sizeof(number));
	}
	pause();
}

/* The person outside of its namespace opens .control with the credentials inside. */
static void borrow(int peer, void *data)
{
	const struct instance *instance = data;
	char path[INSTANCE_PATH_SIZE + sizeof("/" DMABUFFS_CONTROL_NAME)];
	struct child child;
	pid_t pid;
	int n = 0;

	snprintf(path, sizeof(path), "%s/%s", instance->dir, DMABUFFS_CONTROL_NAME);
	child_start(&child, NULL, lend_from_inside, data);
	peer_get(child.peer, &pid, sizeof(pid));
	peer_put(peer, &pid, sizeof(pid));
	peer_wait(peer);
	peer_signal(child.peer);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(ring_open(get_number(child.peer), path, O_RDWR | O_CLOEXEC));
		peer_signal(child.peer);
		n += get_number(child.peer);
	}
	peer_put(peer, &n, sizeof(n));
	pause();
}

/* A request has the credentials of one namespace and comes from another. */
static void borrowed_credentials(struct instance *instance)
{
	struct child child;

	if (!ring_start()) {
		test_note("skipped borrowed_credentials: no io_uring(7)");
		return;
	}
	child_start(&child, USER(PERSON), borrow, instance);
	map_namespace(child.peer);
	ASSERT_EQ(get_number(child.peer), 10);
	child_kill(&child, SIGKILL);
}

/* ---- connections ------------------------------------------------------------------- */

/* Leaves the connection idle. */
static void exchange_once(int peer, void *data)
{
	const struct shared *shared = data;
	int connection = ASSERT_OK(raw_connect(shared->instance));
	int opened = ASSERT_OK(raw_open(shared->instance, shared->uuid, O_RDONLY));

	close(ASSERT_OK(raw_exchange(connection, opened)));
	peer_signal(peer);
	pause();
}

static void exchange_as_subuids(int peer, void *data)
{
	struct child child;

	enter_namespace(peer);
	for (uid_t uid = 1; uid <= 12; uid++) {
		child_start(&child, USER(uid), exchange_once, data);
		peer_wait(child.peer);
	}
	exchange_once(peer, data);
}

/* Idle connections of some uids of a person make room for another uid. */
static void connections_of_one_person(struct instance *instance)
{
	struct shared shared;
	struct child child;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	child_start(&child, USER(PERSON), exchange_as_subuids, &shared);
	map_namespace(child.peer);
	peer_wait(child.peer);
	child_kill(&child, SIGKILL);
	unshare_buffer(&shared);
}

/* More than all of a mount that may wait. */
#define N_WAITING 17

static void connect_in_line(int peer, void *data)
{
	const struct shared *shared = data;

	for (int i = 0; i < N_WAITING; i++)
		ASSERT_OK(raw_connect(shared->instance));
	peer_signal(peer);
	pause();
}

static void stand_in_line(int peer, void *data)
{
	struct child children[N_SUBUIDS];

	enter_namespace(peer);
	for (uid_t i = 0; i < N_SUBUIDS; i++)
		child_start(&children[i], USER(1 + i), connect_in_line, data);
	for (int i = 0; i < N_SUBUIDS; i++)
		peer_wait(children[i].peer);
	peer_signal(peer);
	pause();
}

/* A ticket is to be named within a second; until then a fifth connection waits. */
static void wait_for_a_fifth(const struct shared *shared)
{
	int opened = ASSERT_OK(raw_open(shared->instance, shared->uuid, O_RDONLY));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	int connections[5];

	for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
		connections[i] = ASSERT_OK(raw_connect(shared->instance));
		if (i < 4)
			ASSERT_OK(raw_ticket(connections[i], shared->fd, ticket));
	}
	close(ASSERT_OK(raw_exchange(connections[4], opened)));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		close(connections[i]);
	close(opened);
}

/* The uids of a person leave room to wait to others. */
static void waiting_of_one_person(struct instance *instance)
{
	struct shared shared;
	struct child child;

	share(&shared, instance, PAGE, 0, 0);
	child_start(&child, USER(PERSON), stand_in_line, &shared);
	map_namespace(child.peer);
	peer_wait(child.peer);
	wait_for_a_fifth(&shared);
	child_kill(&child, SIGKILL);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"closes_of_one_person", closes_of_one_person},
	{"borrowed_credentials", borrowed_credentials, "max-exports-per-uid=10"},
	{"connections_of_one_person", connections_of_one_person,
	 "max-connections-per-uid=4"},
	{"waiting_of_one_person", waiting_of_one_person, "max-connections-per-uid=4"},
	{0},
};
