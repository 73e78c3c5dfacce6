/* SPDX-License-Identifier: MIT */
/* test-hipipc-many.c - thousands of handles at once, and reused addresses */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"
#include "witness.h"

#define N_MANY 2000
#define SIDES  2

/* Time limit for a step of thousands of calls. */
#define STEP_MS 60000

static void use(const struct instance *instance)
{
	struct rlimit limit;

	hip_begin(instance);
	ASSERT_OK(SYS(getrlimit(RLIMIT_NOFILE, &limit)));
	/* Each allocation and each import uses descriptors. */
	ASSERT(limit.rlim_max >= 5 * N_MANY);
	limit.rlim_cur = limit.rlim_max;
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
}

/* peer_wait() with the longer time limit. */
static void peer_wait_long(int peer)
{
	ASSERT(wait_ready(peer, POLLIN, STEP_MS));
	peer_wait(peer);
}

/* Both sides do each step concurrently; the case starts both. */
static void step_done(int peer)
{
	peer_signal(peer);
	peer_wait_long(peer);
}

/* ---- both directions --------------------------------------------------------------- */

/* Shared by the two sides; each writes its own half. */
struct board {
	hipIpcMemHandle_t handles[SIDES][N_MANY];
};

struct side {
	const struct instance *instance;
	struct board *board;
	unsigned int self;
};

static uint64_t number_of(unsigned int side, unsigned int i)
{
	return (uint64_t)(side + 1) << 32 | i;
}

/* The reply that the other side writes to the memory. */
static uint64_t answer_to(uint64_t number)
{
	return ~number;
}

static void put_number(void *pointer, uint64_t number)
{
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(pointer, &number, sizeof(number), hipMemcpyHostToDevice));
}

static uint64_t get_number(const void *pointer)
{
	uint64_t number = 0;

	ASSERT_HIP(hipSuccess,
		   hipMemcpy(&number, pointer, sizeof(number), hipMemcpyDeviceToHost));
	return number;
}

/* Descriptors that the first call of each kind keeps open are not leaks. */
static void warm_up(struct side *side, int peer)
{
	hipIpcMemHandle_t *handles = side->board->handles[side->self];
	void *own, *other;

	ASSERT_HIP(hipSuccess, hipMalloc(&own, PAGE));
	put_number(own, 1);
	ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(&handles[0], own));
	step_done(peer);
	ASSERT_IPC(hipSuccess,
		   hipIpcOpenMemHandle(&other, side->board->handles[!side->self][0], 0));
	ASSERT_EQ(get_number(other), 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(other));
	step_done(peer);
	ASSERT_HIP(hipSuccess, hipFree(own));
	step_done(peer);
}

static void share_all(struct side *side, void **pointers)
{
	for (unsigned int i = 0; i < N_MANY; i++) {
		hipIpcMemHandle_t *handle = &side->board->handles[side->self][i];

		ASSERT_HIP(hipSuccess, hipMalloc(&pointers[i], PAGE));
		put_number(pointers[i], number_of(side->self, i));
		ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(handle, pointers[i]));
	}
}

static int compare_pointers(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

/* Own and imported memory must not overlap. */
static void check_addresses(void *const *own, void *const *opened)
{
	static uintptr_t all[SIDES * N_MANY];

	memcpy(all, own, sizeof(*own) * N_MANY);
	memcpy(all + N_MANY, opened, sizeof(*opened) * N_MANY);
	qsort(all, ARRAY_SIZE(all), sizeof(all[0]), compare_pointers);
	for (size_t i = 1; i < ARRAY_SIZE(all); i++)
		ASSERT(all[i] - all[i - 1] >= PAGE);
}

static void open_all(struct side *side, void **opened)
{
	unsigned int other = !side->self;

	for (unsigned int i = 0; i < N_MANY; i++) {
		ASSERT_IPC(hipSuccess,
			   hipIpcOpenMemHandle(&opened[i], side->board->handles[other][i],
					       0));
		ASSERT_EQ(get_number(opened[i]), number_of(other, i));
		put_number(opened[i], answer_to(number_of(other, i)));
	}
}

static void end_all(struct side *side, void **pointers)
{
	for (unsigned int i = 0; i < N_MANY; i++) {
		ASSERT_EQ(get_number(pointers[i]), answer_to(number_of(side->self, i)));
		ASSERT_HIP(hipSuccess, hipFree(pointers[i]));
	}
}

/* All device memory is free; an importer's is released shortly after it exits. */
static bool has_all_memory(void *data)
{
	size_t free_now, total;

	ASSERT_HIP(hipSuccess, hipMemGetInfo(&free_now, &total));
	return free_now == total;
}

static void run_side(int peer, void *data)
{
	static void *own[N_MANY], *opened[N_MANY];
	struct side *side = data;
	int n_fds;

	warm_up(side, peer);
	ASSERT(wait_until(has_all_memory, NULL));
	n_fds = count_stable_fds(getpid());
	share_all(side, own);
	step_done(peer);
	open_all(side, opened);
	check_addresses(own, opened);
	step_done(peer);
	for (unsigned int i = 0; i < N_MANY; i++)
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(opened[i]));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(opened[0]));
	step_done(peer);
	end_all(side, own);
	ASSERT(wait_until(has_all_memory, NULL));
	witness_expect_fds(getpid(), n_fds);
	step_done(peer);
}

static int compare_handles(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(hipIpcMemHandle_t));
}

static int compare_uuids(const void *a, const void *b)
{
	const size_t at = offsetof(struct wire, uuid);

	return memcmp((const char *)a + at, (const char *)b + at,
		      sizeof(((struct wire *)0)->uuid));
}

static void check_handles(const struct board *board)
{
	static hipIpcMemHandle_t all[SIDES * N_MANY];
	size_t n = ARRAY_SIZE(all);

	memcpy(all, board->handles, sizeof(all));
	qsort(all, n, sizeof(all[0]), compare_handles);
	for (size_t i = 1; i < n; i++)
		ASSERT(compare_handles(&all[i - 1], &all[i]) != 0);
	qsort(all, n, sizeof(all[0]), compare_uuids);
	for (size_t i = 1; i < n; i++)
		ASSERT(compare_uuids(&all[i - 1], &all[i]) != 0);
}

static void both_done(const struct child *children)
{
	for (int i = 0; i < SIDES; i++)
		peer_wait_long(children[i].peer);
}

static void both_go(const struct child *children)
{
	for (int i = 0; i < SIDES; i++)
		peer_signal(children[i].peer);
}

static void both_step(const struct child *children)
{
	both_done(children);
	both_go(children);
}

/* While both sides still run, the daemon has no more descriptors than before. */
static void check_daemon(struct instance *instance, int n_fds)
{
	expect_names(instance, 0);
	witness_expect_fds(instance->service, n_fds);
}

static void watch_witnesses(const struct instance *instance, const struct board *board,
			    struct witness *witnesses)
{
	for (int i = 0; i < SIDES; i++) {
		struct wire wire = memory_wire(board->handles[i][N_MANY / 2]);

		witness_take_name(&witnesses[i], instance, wire.uuid);
	}
}

static void two_thousand_both_ways(struct instance *instance)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct witness witnesses[SIDES];
	struct child children[SIDES];
	int n_fds;

	ASSERT(board != MAP_FAILED);
	use(instance);
	for (unsigned int i = 0; i < SIDES; i++) {
		struct side side = {instance, board, i};

		child_start(&children[i], NULL, run_side, &side);
	}
	both_step(children); /* warm-up: exported, opened and freed */
	both_step(children);
	both_done(children);
	expect_names(instance, 0);
	n_fds = count_stable_fds(instance->service);
	both_go(children);

	both_done(children);
	check_handles(board);
	ASSERT_EQ(raw_count(instance), SIDES * N_MANY);
	watch_witnesses(instance, board, witnesses);
	both_go(children);
	both_step(children); /* all open */
	both_step(children); /* all closed */
	both_done(children); /* all freed */
	check_daemon(instance, n_fds);
	witness_expect_gone(witnesses, SIDES);
	both_go(children);
	for (int i = 0; i < SIDES; i++)
		child_wait(&children[i]);
	instance_settle(instance);
}

/* ---- reused addresses -------------------------------------------------------------- */

struct pair {
	hipIpcMemHandle_t old, new;
};

static void free_and_allocate(int peer, void *data)
{
	struct pair pair;
	void *pointer, *again;

	pointer = device_alloc(DEVICE_BYTES, 1);
	put_number(pointer, 111);
	ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(&pair.old, pointer));
	peer_put(peer, &pair.old, sizeof(pair.old));
	peer_wait(peer);
	again = device_replace(pointer, DEVICE_BYTES);
	put_number(again, 222);
	ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(&pair.new, again));
	ASSERT(memcmp(&pair.old, &pair.new, sizeof(pair.old)) != 0);
	peer_put(peer, &pair, sizeof(pair));
	peer_wait(peer);
}

static void open_old_and_new(int peer, void *data)
{
	void *const untouched = &peer;
	void *pointer = untouched;
	struct pair pair;

	peer_get(peer, &pair.old, sizeof(pair.old));
	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&pointer, pair.old, 0));
	ASSERT_EQ(get_number(pointer), 111);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	peer_signal(peer);

	peer_get(peer, &pair, sizeof(pair));
	pointer = untouched;
	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenMemHandle(&pointer, pair.old, 0));
	ASSERT(pointer == untouched);
	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&pointer, pair.new, 0));
	ASSERT_EQ(get_number(pointer), 222);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	peer_signal(peer);
}

/* Forwards bytes between the two processes. */
static void relay(const struct child *from, const struct child *to, size_t size)
{
	struct pair pair;

	ASSERT(size <= sizeof(pair));
	peer_get(from->peer, &pair, size);
	peer_put(to->peer, &pair, size);
}

static void old_handle_of_same_address(struct instance *instance)
{
	struct child exporter, importer;

	use(instance);
	child_start(&exporter, NULL, free_and_allocate, NULL);
	child_start(&importer, NULL, open_old_and_new, NULL);
	relay(&exporter, &importer, sizeof(hipIpcMemHandle_t));
	relay(&importer, &exporter, 1);
	relay(&exporter, &importer, sizeof(struct pair));
	relay(&importer, &exporter, 1);
	child_wait(&importer);
	child_wait(&exporter);
	expect_names(instance, 0);
}

/* An importer keeps the old memory open beside the new one. */
static void keep_old_and_open_new(int peer, void *data)
{
	void *old, *new;
	struct pair pair;

	peer_get(peer, &pair.old, sizeof(pair.old));
	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&old, pair.old, 0));
	peer_signal(peer);
	peer_get(peer, &pair, sizeof(pair));
	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&new, pair.new, 0));
	ASSERT(old != new);
	ASSERT_EQ(get_number(old), 111);
	ASSERT_EQ(get_number(new), 222);
	put_number(old, 333);
	ASSERT_EQ(get_number(new), 222);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(old));
	ASSERT_IPC(hipErrorInvalidResourceHandle, hipIpcOpenMemHandle(&old, pair.old, 0));
	ASSERT_EQ(get_number(new), 222);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(new));
	peer_signal(peer);
}

static void old_memory_beside_new(struct instance *instance)
{
	struct child exporter, importer;
	struct witness witness;
	hipIpcMemHandle_t old;

	use(instance);
	child_start(&exporter, NULL, free_and_allocate, NULL);
	child_start(&importer, NULL, keep_old_and_open_new, NULL);
	peer_get(exporter.peer, &old, sizeof(old));
	witness_take_name(&witness, instance, memory_wire(old).uuid);
	peer_put(importer.peer, &old, sizeof(old));
	relay(&importer, &exporter, 1);
	relay(&exporter, &importer, sizeof(struct pair));
	peer_wait(importer.peer);
	/* The importer has closed it and the exporter has freed it; both still run. */
	witness_expect_gone(&witness, 1);
	peer_signal(exporter.peer);
	child_wait(&importer);
	child_wait(&exporter);
	expect_names(instance, 0);
}

const struct test_case test_cases[] = {
	{"two_thousand_both_ways", two_thousand_both_ways, NULL, 120},
	{"old_handle_of_same_address", old_handle_of_same_address},
	{"old_memory_beside_new", old_memory_beside_new},
	{0},
};
