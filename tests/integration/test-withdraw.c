/* SPDX-License-Identifier: MIT */
/* test-withdraw.c - one name of several ends: ..._IOC_WITHDRAW, ..._EXPORT_ANOTHER */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "child.h"
#include "harness.h"
#include "hostile.h"
#include "raw.h"

#define ANOTHER DMABUFFS_EXPORT_ANOTHER

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

/* ---- what is charged --------------------------------------------------------------- */

struct books {
	const struct instance *instance;
	uint64_t names, blocks;
};

static void look_at_books(struct books *books, const struct instance *instance)
{
	struct statvfs st;

	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
	books->instance = instance;
	books->names = st.f_files - st.f_ffree;
	books->blocks = st.f_blocks - st.f_bfree;
}

static bool books_are_empty(void *data)
{
	struct books *books = data;

	look_at_books(books, books->instance);
	return books->names == 0 && books->blocks == 0;
}

static void expect_books(const struct instance *instance, uint64_t names, uint64_t blocks)
{
	struct books books;

	look_at_books(&books, instance);
	ASSERT_EQ(books.names, names);
	ASSERT_EQ(books.blocks, blocks);
}

static void expect_nothing_left(const struct instance *instance)
{
	struct books books = {.instance = instance};

	ASSERT(wait_until(books_are_empty, &books));
	ASSERT_EQ(raw_count(instance), 0);
}

/* ---- what it does ------------------------------------------------------------------ */

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
	/* Who has it keeps it, and shares it with the exporter. */
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(!(info.flags & (DMABUFFS_INFO_NAMED | DMABUFFS_INFO_REVOKED)));
	ASSERT_EQ(address[100], pattern(100));
	address[100] = 1;
	close(fd);
	ASSERT_EQ(pread(shared.fd, &address[101], 1, 100), 1);
	ASSERT_EQ(address[101], 1);
	/* The buffer can have a name again, which is another. */
	memcpy(old, shared.uuid, sizeof(old));
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	ASSERT(!same(old, shared.uuid));
	ASSERT_ERR(raw_open(instance, old, O_RDONLY), ENOENT);
	unshare_buffer(&shared);
}

static bool name_is_gone(void *data)
{
	struct shared *shared = data;
	int result = raw_exists(shared->instance, shared->uuid);

	ASSERT(result == 0 || result == -ENOENT);
	return result == -ENOENT;
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

/* The kernel of another process has the name cached: it must ask all the same. */
static void cached_names_end(struct instance *instance)
{
	for (int i = 0; i < 20; i++) {
		struct shared shared;
		struct child child;

		share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
		child_start(&child, USER(1001), open_twice, &shared);
		peer_wait(child.peer);
		ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
		/* It is told as well, without anybody's asking. */
		if (i % 2)
			ASSERT(wait_until(name_is_gone, &shared));
		peer_signal(child.peer);
		child_wait(&child);
		ASSERT_ERR(raw_exists(instance, shared.uuid), ENOENT);
		close(shared.root);
		close(shared.fd);
	}
}

/* ---- who may ----------------------------------------------------------------------- */

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
	/* Another descriptor is the same description. */
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

/* Possession is what counts: it came by fork(2), or in a message. */
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
	/* EACCES until the kernel has been told. */
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

/* The name is another user's now; the description is not. */
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
	/* One that ended with another description. */
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	close(shared.root);
	ASSERT(wait_until(name_is_gone, &shared));
	ASSERT_ERR(raw_withdraw(revoked.root, shared.uuid), ENOENT);
	close(revoked.root);
}

/* ---- another name ------------------------------------------------------------------ */

/* Reads and writes the same memory through a name. */
static void expect_byte(const struct instance *instance, const uint8_t uuid[16],
			uint8_t expected, uint8_t next)
{
	int fd = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	uint8_t byte;

	ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
	ASSERT_EQ(byte, expected);
	ASSERT_EQ(pwrite(fd, &next, 1, 0), 1);
	close(fd);
}

/* Who does not ask for another gets the one that was made so, or makes it. */
static void expect_plain_exports(const struct shared *shared, const uint8_t another[16])
{
	const struct instance *instance = shared->instance;
	uint8_t uuid[16];

	ASSERT_OK(raw_export_fd(shared->root, shared->fd, 0, 0, uuid));
	ASSERT(same(uuid, shared->uuid));
	ASSERT_OK(raw_withdraw(shared->root, shared->uuid));
	ASSERT_OK(raw_export_fd(shared->root, shared->fd, 0, 0, uuid));
	ASSERT(!same(uuid, shared->uuid) && !same(uuid, another));
	expect_byte(instance, uuid, 6, 7);
	expect_byte(instance, another, 7, 8);
}

static void another_name(struct instance *instance)
{
	struct shared shared;
	uint8_t uuids[3][16];

	share(&shared, instance, PAGE, 0, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(raw_export_fd(shared.root, shared.fd, ANOTHER, 0, uuids[i]));
		ASSERT(!same(uuids[i], shared.uuid));
		for (int j = 0; j < i; j++)
			ASSERT(!same(uuids[i], uuids[j]));
	}
	ASSERT_EQ(raw_count(instance), 4);
	expect_byte(instance, shared.uuid, pattern(0), 1);
	for (uint8_t i = 0; i < 3; i++)
		expect_byte(instance, uuids[i], i + 1, i + 2);
	/* Each ends by itself. */
	ASSERT_OK(raw_withdraw(shared.root, uuids[1]));
	ASSERT_ERR(raw_open(instance, uuids[1], O_RDONLY), ENOENT);
	ASSERT_OK(raw_unlink(instance, uuids[2]));
	expect_byte(instance, uuids[0], 4, 5);
	expect_byte(instance, shared.uuid, 5, 6);
	expect_plain_exports(&shared, uuids[0]);
	close(shared.root);
	close(shared.fd);
	expect_nothing_left(instance);
}

/* The first name of a buffer may be one of these, too. */
static void another_before_any(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance)), fd = raw_memfd(PAGE);
	uint8_t first[16], plain[16], again[16];

	ASSERT_OK(raw_export_fd(root, fd, ANOTHER, 0, first));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, plain));
	ASSERT(!same(first, plain));
	ASSERT_OK(raw_withdraw(root, first));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, again));
	ASSERT(same(plain, again));
	ASSERT_OK(raw_withdraw(root, plain));
	ASSERT_EQ(raw_count(instance), 0);
	close(root);
	close(fd);
}

static void share_full_grown(struct shared *ret_shared, const struct instance *instance)
{
	int fd = raw_memfd(PAGE);

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
	share_fd(ret_shared, instance, fd, 0, 0);
}

static void export_on_other_terms(const struct shared *shared,
				  struct dmabuffs_export *ret_request)
{
	raw_request(ret_request, shared->fd);
	ret_request->flags = ANOTHER | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE |
			     DMABUFFS_EXPORT_PERSIST;
	ret_request->mode = 0444;
	strcpy((char *)ret_request->label, "another");
	ASSERT_OK(raw_export(shared->root, ret_request));
	ASSERT_EQ(ret_request->bytes, PAGE);
}

static void expect_other_terms(const struct instance *instance, const uint8_t uuid[16])
{
	struct dmabuffs_info info;
	struct stat st;
	int fd;

	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), EPERM);
	fd = ASSERT_OK(raw_open(instance, uuid, O_RDONLY));
	ASSERT_OK(SYS(fstat(fd, &st)));
	ASSERT_EQ(st.st_mode & 07777, 0444);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(strcmp((char *)info.label, "another"), 0);
	ASSERT(info.flags & DMABUFFS_INFO_PERSIST);
	ASSERT(info.flags & DMABUFFS_INFO_READONLY);
	close(fd);
}

/* Flags, mode and label are of the name, not of the buffer. */
static void another_on_other_terms(struct instance *instance)
{
	struct dmabuffs_export request;
	struct shared shared;
	uint8_t uuid[16];

	share_full_grown(&shared, instance);
	ASSERT_ERR(
		raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_READONLY, 0, uuid),
		EEXIST);
	export_on_other_terms(&shared, &request);
	expect_other_terms(instance, request.uuid);
	expect_byte(instance, shared.uuid, pattern(0), 1);
	close(shared.root);
	ASSERT(wait_until(name_is_gone, &shared));
	expect_other_terms(instance, request.uuid);
	ASSERT_OK(raw_unlink(instance, request.uuid));
	close(shared.fd);
	expect_nothing_left(instance);
}

/* The first export has frozen the seals, so that growth cannot be stopped any more. */
static void another_that_persists(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_ERR(raw_export_fd(shared.root, shared.fd,
				 ANOTHER | DMABUFFS_EXPORT_PERSIST, 0, uuid),
		   EPERM);
	ASSERT_EQ(raw_count(instance), 1);
	unshare_buffer(&shared);
	expect_nothing_left(instance);
}

static void another_by_ticket(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	raw_request(&request, -1);
	request.flags = DMABUFFS_EXPORT_TICKET | ANOTHER;
	ASSERT_OK(raw_ticket(connection, shared.fd, request.ticket));
	ASSERT_OK(raw_export(shared.root, &request));
	ASSERT(!same(request.uuid, shared.uuid));
	expect_byte(instance, request.uuid, pattern(0), 1);
	ASSERT_OK(raw_withdraw(shared.root, request.uuid));
	close(connection);
	unshare_buffer(&shared);
}

/* The memory is that of all names. */
static void revoked_under_another(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16], byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, ANOTHER, 0, uuid));
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	fd = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 0);
	close(fd);
	ASSERT_OK(raw_withdraw(shared.root, uuid));
	close(shared.root);
	close(shared.fd);
	expect_nothing_left(instance);
}

/* ---- the books --------------------------------------------------------------------- */

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
	/* An importer keeps it charged, as with unlink(2). */
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

/* ---- races ------------------------------------------------------------------------- */

#define THREADS 8
#define ROUNDS  200

/* What the threads of a race work on; they meet at the barrier before each round. */
struct race {
	const struct instance *instance;
	struct shared shared;
	pthread_barrier_t barrier;
	atomic_uint turn;
	atomic_int n_ended, n_opened, is_opened;
};

static void race_start(struct race *race, const struct instance *instance, int n)
{
	race->instance = instance;
	share(&race->shared, instance, PAGE, 0, 0);
	ASSERT_EQ(pthread_barrier_init(&race->barrier, NULL, (unsigned int)n), 0);
}

static void run_threads(struct race *race, int n, void *(*run)(void *race))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < n; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, run, race), 0);
	for (int i = 0; i < n; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&race->barrier);
}

static void *export_and_withdraw(void *data)
{
	struct race *race = data;
	uint8_t uuids[4][16], byte;

	pthread_barrier_wait(&race->barrier);
	for (int round = 0; round < ROUNDS / 4; round++) {
		for (int i = 0; i < 4; i++)
			ASSERT_OK(raw_export_fd(race->shared.root, race->shared.fd,
						ANOTHER, 0, uuids[i]));
		for (int i = 0; i < 4; i++) {
			int fd = ASSERT_OK(raw_open(race->instance, uuids[i], O_RDONLY));

			ASSERT_OK(raw_withdraw(race->shared.root, uuids[i]));
			ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
			ASSERT_EQ(byte, pattern(0));
			close(fd);
			ASSERT_ERR(raw_open(race->instance, uuids[i], O_RDONLY), ENOENT);
			ASSERT_ERR(raw_withdraw(race->shared.root, uuids[i]), ENOENT);
		}
	}
	return NULL;
}

/* All on one description, of one buffer. */
static void threads_with_another(struct instance *instance)
{
	struct race race;

	race_start(&race, instance, THREADS);
	run_threads(&race, THREADS, export_and_withdraw);
	ASSERT_EQ(raw_count(instance), 1);
	ASSERT_OK(raw_withdraw(race.shared.root, race.shared.uuid));
	expect_nothing_left(instance);
	close(race.shared.root);
	close(race.shared.fd);
}

static void *export_and_withdraw_one(void *data)
{
	struct race *race = data;
	uint8_t uuid[16];

	pthread_barrier_wait(&race->barrier);
	for (int round = 0; round < ROUNDS; round++) {
		int result;

		/* Whose name it is that ends, nobody knows. */
		ASSERT_OK(raw_export_fd(race->shared.root, race->shared.fd, 0, 0, uuid));
		result = raw_withdraw(race->shared.root, uuid);
		ASSERT(result == 0 || result == -ENOENT);
	}
	return NULL;
}

static void threads_with_one_name(struct instance *instance)
{
	struct race race;

	race_start(&race, instance, THREADS);
	run_threads(&race, THREADS, export_and_withdraw_one);
	expect_nothing_left(instance);
	close(race.shared.root);
	close(race.shared.fd);
}

/* One of the ways that a name ends, in the midst of opens. */
static int end_it(struct race *race, unsigned int how)
{
	const uint8_t *uuid = race->shared.uuid;

	while (!race->is_opened)
		sched_yield();
	switch (how % 4) {
	case 0:
		return raw_unlink(race->instance, uuid);
	case 1:
		return raw_revoke(race->shared.root, uuid);
	default:
		return raw_withdraw(race->shared.root, uuid);
	}
}

/* Opens it until it has ended. */
static int look_at_it(struct race *race)
{
	uint8_t byte;
	int fd;

	while ((fd = raw_open(race->instance, race->shared.uuid, O_RDWR)) >= 0) {
		/* Revoked, or there: what has been opened is never something else. */
		if (pread(fd, &byte, 1, 0) == 1)
			ASSERT_EQ(byte, pattern(0));
		close(fd);
		race->n_opened++;
		race->is_opened = 1;
	}
	return fd;
}

static void new_round(struct race *race)
{
	race->n_ended = race->is_opened = 0;
	race->shared.fd = raw_memfd(PAGE);
	ASSERT_OK(raw_export_fd(race->shared.root, race->shared.fd, 0, 0,
				race->shared.uuid));
}

static void *end_and_open(void *data)
{
	struct race *race = data;
	unsigned int me = atomic_fetch_add(&race->turn, 1);

	for (int round = 0; round < ROUNDS; round++) {
		int result;

		if (pthread_barrier_wait(&race->barrier))
			new_round(race);
		pthread_barrier_wait(&race->barrier);
		result = me % 2 ? end_it(race, me / 2) : look_at_it(race);
		ASSERT(result == 0 || result == -ENOENT);
		/* A revocation may have begun before the name was ended by another. */
		race->n_ended += me % 2 && me / 2 != 1 && result == 0;
		if (pthread_barrier_wait(&race->barrier)) {
			ASSERT(race->n_ended <= 1);
			close(race->shared.fd);
		}
	}
	return NULL;
}

/* Against unlink, revocation and opens of the same name. */
static void threads_end_one_name(struct instance *instance)
{
	struct race race = {0};

	race_start(&race, instance, THREADS);
	ASSERT_OK(raw_withdraw(race.shared.root, race.shared.uuid));
	close(race.shared.fd);
	run_threads(&race, THREADS, end_and_open);
	test_note("%d opens in %d rounds", race.n_opened, ROUNDS);
	expect_nothing_left(instance);
	close(race.shared.root);
}

static void *withdraw_for_ever(void *data)
{
	struct shared *shared = data;
	uint8_t uuids[4][16];

	for (;;) {
		for (int i = 0; i < 4; i++)
			ASSERT_OK(raw_export_fd(shared->root, shared->fd, ANOTHER, 0,
						uuids[i]));
		for (int i = 0; i < 3; i++)
			ASSERT_OK(raw_withdraw(shared->root, uuids[i]));
		if (raw_withdraw(shared->root, shared->uuid) == 0)
			ASSERT_OK(raw_export_fd(shared->root, shared->fd, ANOTHER, 0,
						uuids[3]));
	}
	return NULL;
}

static void withdraw_until_killed(int peer, void *data)
{
	pthread_t threads[4];
	struct shared shared;

	share(&shared, data, PAGE, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, withdraw_for_ever, &shared),
			  0);
	peer_signal(peer);
	pause();
}

/* The description ends in the midst of it. */
static void killed_while_it_withdraws(struct instance *instance)
{
	for (int i = 0; i < 20; i++) {
		struct child child;

		child_start(&child, USER(1001), withdraw_until_killed, instance);
		peer_wait(child.peer);
		child_kill(&child, SIGKILL);
	}
	expect_nothing_left(instance);
}

/* ---- nobody waits ------------------------------------------------------------------ */

/* A write(2) into the memfd that does not come back, and what its threads share. */
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
	ASSERT(now_ms() - start < BOUND_MS);
	peer_signal(peer);
	pause();
}

/* The inode of the memfd is locked for as long as a client likes. */
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
	{"root_without_write", root_without_write, "mode=1755"},
	{"given_away", given_away},
	{"persistent_names_stay", persistent_names_stay},
	{"no_such_name", no_such_name},
	{"another_name", another_name},
	{"another_before_any", another_before_any},
	{"another_on_other_terms", another_on_other_terms},
	{"another_that_persists", another_that_persists},
	{"another_by_ticket", another_by_ticket},
	{"revoked_under_another", revoked_under_another},
	{"charges_go_back", charges_go_back},
	{"limits_count_each", limits_count_each, "max-exports-per-uid=3"},
	{"threads_with_another", threads_with_another},
	{"threads_with_one_name", threads_with_one_name},
	{"threads_end_one_name", threads_end_one_name},
	{"killed_while_it_withdraws", killed_while_it_withdraws, .seconds = 60},
	{"inode_is_kept_locked", inode_is_kept_locked},
	{0},
};
