/* SPDX-License-Identifier: MIT */
/* test-asid-threads.c - lookups by engines while the page table changes */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "asid-fixture.h"
#include "asid.h"

#define ENGINES      3
#define CHANGES      3000
#define HAND_OVER_MS 20

static struct accel_asid *shared;
static uint32_t asid, buffer;
static atomic_bool stop;
static _Atomic unsigned running, hits;

static void init(void)
{
	asid_fixture_init();
	asid = new_asid(context, 0);
	buffer = new_buffer(context, 32 * PAGE, 0);
	cr_assert(zero(int, accel_asid_share(context, asid, &shared)));
}

static void finish(void)
{
	accel_asid_unref(shared);
	asid_fixture_finish();
}

TestSuite(asid_threads, .init = init, .fini = finish, .timeout = 300);

static void *engine(void *data)
{
	uint64_t address = 0;

	running++;
	while (!stop) {
		struct accel_window window;

		address = (address + 3 * PAGE) % APERTURE_END;
		pthread_rwlock_rdlock(&shared->lock);
		if (accel_asid_resolve_locked(shared, address, PAGE, ACCEL_MAP_READ,
					      &window) == 0)
			hits += *(char *)window.memory == 0;
		pthread_rwlock_unlock(&shared->lock);
	}
	return NULL;
}

static void start(pthread_t *threads, void *(*run)(void *data))
{
	for (int i = 0; i < ENGINES; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, run, NULL)));
	while (running < ENGINES)
		sched_yield();
}

static void end(const pthread_t *threads)
{
	stop = true;
	for (int i = 0; i < ENGINES; i++)
		pthread_join(threads[i], NULL);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Releases the lock when another thread has it, or cannot get it for a while. */
static void *relay(void *data)
{
	static _Atomic unsigned turns;

	running++;
	while (!stop) {
		uint64_t deadline;
		unsigned mine;

		pthread_rwlock_rdlock(&shared->lock);
		mine = ++turns;
		deadline = now_ms() + HAND_OVER_MS;
		while (turns == mine && now_ms() < deadline)
			sched_yield();
		pthread_rwlock_unlock(&shared->lock);
	}
	return NULL;
}

/*
 * If the lock preferred readers, the writer would never get it and the test would hang.
 */
Test(asid_threads, changes_are_not_starved, .timeout = 300)
{
	pthread_t threads[ENGINES];

	start(threads, relay);
	for (int i = 0; i < 20; i++) {
		cr_assert(zero(int, map(asid, buffer, 0, PAGE, RW | AT, PAGE)));
		cr_assert(eq(i64, unmap(asid, PAGE, PAGE), PAGE));
	}
	end(threads);
}

Test(asid_threads, changes_under_use)
{
	pthread_t threads[ENGINES];

	start(threads, engine);
	for (uint64_t i = 0; i < CHANGES; i++) {
		uint64_t place = PAGE * (1 + i % 15);

		cr_assert(zero(int, map(asid, buffer, 0, PAGE, RW | AT, place)));
		cr_assert(zero(int, copy(asid, 17 * PAGE, asid, place, PAGE, RW | AT)));
		cr_assert(eq(i64, unmap(asid, 0, i % 2 ? UINT64_MAX : 33 * PAGE),
			     2 * PAGE));
	}
	end(threads);
	expect_mapped(asid, 0, 0);
}

/* A mapping that an engine has resolved stays until the engine releases the lock. */
Test(asid_threads, unmap_waits_for_accesses)
{
	pthread_t threads[ENGINES];

	start(threads, engine);
	for (int i = 0; i < CHANGES || !hits; i++) {
		struct accel_object arg = {.size = sizeof(arg)};

		arg.id = new_buffer(context, 8 * PAGE, 0);
		cr_assert(zero(int, map(asid, arg.id, 0, 8 * PAGE, RW | AT, PAGE)));
		cr_assert(zero(int, accel_buffer_free(context, &arg)));
		cr_assert(eq(i64, unmap(asid, PAGE, 8 * PAGE), 8 * PAGE));
	}
	end(threads);
}

static void *copy_to_and_fro(void *data)
{
	const uint32_t *asids = data;

	for (int i = 0; i < CHANGES; i++) {
		if (copy(asids[0], 20 * PAGE, asids[1], PAGE, PAGE, RW | AT) == 0)
			unmap(asids[0], 20 * PAGE, PAGE);
	}
	return NULL;
}

/* Copies in both directions at once. */
Test(asid_threads, copies_do_not_deadlock)
{
	uint32_t there[2] = {asid, new_asid(context, 0)};
	uint32_t back[2] = {there[1], there[0]};
	pthread_t thread;

	cr_assert(zero(int, map(there[0], buffer, 0, PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, map(there[1], buffer, PAGE, PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, pthread_create(&thread, NULL, copy_to_and_fro, back)));
	copy_to_and_fro(there);
	pthread_join(thread, NULL);
	expect_mapped(there[0], 1, PAGE);
	expect_mapped(there[1], 1, PAGE);
}
