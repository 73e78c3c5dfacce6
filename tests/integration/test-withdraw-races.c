/* SPDX-License-Identifier: MIT */
/* test-withdraw-races.c - names made, opened and removed concurrently */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "books.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define ANOTHER DMABUFFS_EXPORT_ANOTHER

#define THREADS 8
#define ROUNDS  200

/* Shared by the threads of a race, which meet at the barrier before each round. */
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

/* All threads use one description and one buffer. */
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

		/* The name may be that of another thread. */
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

/* Removes the name in one of several ways, while others open it. */
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

/* Opens the name until it is removed. */
static int look_at_it(struct race *race)
{
	uint8_t byte;
	int fd;

	while ((fd = raw_open(race->instance, race->shared.uuid, O_RDWR)) >= 0) {
		/* The memory may be revoked, but never has other content. */
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
		/* A revocation may succeed although another thread removes the name. */
		race->n_ended += me % 2 && me / 2 != 1 && result == 0;
		if (pthread_barrier_wait(&race->barrier)) {
			ASSERT(race->n_ended <= 1);
			close(race->shared.fd);
		}
	}
	return NULL;
}

/* Withdraw, unlink, revoke and open the same name concurrently. */
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

/* The description is closed by the kill during a withdrawal. */
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

const struct test_case test_cases[] = {
	{"threads_with_another", threads_with_another},
	{"threads_with_one_name", threads_with_one_name},
	{"threads_end_one_name", threads_end_one_name},
	{"killed_while_it_withdraws", killed_while_it_withdraws, .seconds = 60},
	{0},
};
