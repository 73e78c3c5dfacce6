/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-stress.c - one handle, opened and closed by 32 threads in 8 processes
 *
 *
 * The memory starts with constant words, which every reader checks. Then each thread has
 * a word that it writes through its current mapping; the exporter finally compares it
 * with the value the thread reports.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"
#include "witness.h"

#define DEFAULT_SECONDS 30
#define N_PROCESSES     8
#define N_THREADS       4
#define N_WORKERS       (N_PROCESSES * N_THREADS)
#define MAX_NESTED      6

/* In 64-bit words. */
#define CONSTANT_WORDS 8192
#define ALL_WORDS      (CONSTANT_WORDS + N_WORKERS)
#define READ_WORDS     512

/* Shared by all processes. */
struct board {
	hipIpcMemHandle_t handle;
	atomic_bool stop;
	atomic_ulong opened, read, written;
	/* The expected word of each thread in the memory, written by that thread only. */
	uint64_t words[N_WORKERS];
};

/* The open memory of a process: all opens return one address. */
struct common {
	struct board *board;
	pthread_mutex_t lock;
	void *pointer;
	unsigned int n_open;
};

struct worker {
	struct common *common;
	unsigned int index, seed;
	void *pointer; /* opened @n_open times */
	unsigned int n_open;
};

static uint64_t constant(size_t i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static unsigned int draw(struct worker *worker, unsigned int below)
{
	return (unsigned int)rand_r(&worker->seed) % below;
}

/* ---- threads ----------------------------------------------------------------------- */

static void open_once(struct worker *worker)
{
	struct common *common = worker->common;
	void *pointer = NULL;

	ASSERT_IPC(
		hipSuccess,
		hipIpcOpenMemHandle(&pointer, common->board->handle,
				    draw(worker, 2) ? hipIpcMemLazyEnablePeerAccess : 0));
	ASSERT(worker->n_open == 0 || pointer == worker->pointer);
	pthread_mutex_lock(&common->lock);
	ASSERT(common->n_open == 0 || pointer == common->pointer);
	common->pointer = pointer;
	common->n_open++;
	pthread_mutex_unlock(&common->lock);
	worker->pointer = pointer;
	worker->n_open++;
	common->board->opened++;
}

/* Decrement before closing: another thread may still have it open. */
static void close_once(struct worker *worker)
{
	struct common *common = worker->common;

	pthread_mutex_lock(&common->lock);
	common->n_open--;
	pthread_mutex_unlock(&common->lock);
	worker->n_open--;
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(worker->pointer));
}

static void check_constants(struct worker *worker)
{
	size_t first = draw(worker, CONSTANT_WORDS - READ_WORDS);
	uint64_t words[READ_WORDS];

	ASSERT_HIP(hipSuccess, hipMemcpy(words, (uint64_t *)worker->pointer + first,
					 sizeof(words), hipMemcpyDeviceToHost));
	for (size_t i = 0; i < READ_WORDS; i++)
		ASSERT(words[i] == constant(first + i));
	worker->common->board->read++;
}

static void change_word(struct worker *worker)
{
	uint64_t *expected = &worker->common->board->words[worker->index];
	uint64_t *word = (uint64_t *)worker->pointer + CONSTANT_WORDS + worker->index;
	uint64_t value = 0;

	ASSERT_HIP(hipSuccess,
		   hipMemcpy(&value, word, sizeof(value), hipMemcpyDeviceToHost));
	ASSERT(value == *expected);
	(*expected)++;
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(word, expected, sizeof(*expected), hipMemcpyHostToDevice));
	worker->common->board->written++;
}

static void work_once(struct worker *worker)
{
	unsigned int n = 1 + draw(worker, MAX_NESTED);

	while (worker->n_open < n)
		open_once(worker);
	if (draw(worker, 4) == 0)
		check_constants(worker);
	if (draw(worker, 4) == 0)
		change_word(worker);
	/* Mostly close all, so that the memory is unmapped and mapped again. */
	n = draw(worker, 4) ? 0 : draw(worker, worker->n_open);
	while (worker->n_open > n)
		close_once(worker);
}

static void *run_thread(void *data)
{
	struct worker *worker = data;

	ASSERT_HIP(hipSuccess, hipSetDevice(0));
	while (!worker->common->board->stop)
		work_once(worker);
	while (worker->n_open)
		close_once(worker);
	return NULL;
}

/* ---- processes --------------------------------------------------------------------- */

/* Descriptors that the first call keeps open are not leaks. */
static void warm_up(struct board *board)
{
	uint64_t word;
	void *pointer;

	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&pointer, board->handle, 0));
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(&word, pointer, sizeof(word), hipMemcpyDeviceToHost));
	ASSERT_EQ(word, constant(0));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(pointer));
}

static void run_process(int peer, void *data)
{
	struct worker *first = data;
	struct common common = {.board = first->common->board,
				.lock = PTHREAD_MUTEX_INITIALIZER};
	struct worker workers[N_THREADS];
	pthread_t threads[N_THREADS];
	int n_fds;

	warm_up(common.board);
	n_fds = count_stable_fds(getpid());
	for (unsigned int i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){.common = &common,
					     .index = first->index + i,
					     .seed = first->index + i + 1};
		ASSERT_EQ(pthread_create(&threads[i], NULL, run_thread, &workers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	ASSERT_EQ(common.n_open, 0);
	/* Each open was closed exactly once. */
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(common.pointer));
	witness_expect_fds(getpid(), n_fds);
	peer_signal(peer);
	/* The case checks the service while this process still runs. */
	peer_wait(peer);
}

/* ---- the exporter ------------------------------------------------------------------ */

static int seconds(void)
{
	const char *text = getenv("DMABUFFS_STRESS_SECONDS");

	return text && atoi(text) > 0 ? atoi(text) : DEFAULT_SECONDS;
}

static void run_exporter(int peer, void *data)
{
	static uint64_t words[ALL_WORDS];
	struct board *board = data;
	void *pointer;

	for (size_t i = 0; i < CONSTANT_WORDS; i++)
		words[i] = constant(i);
	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, sizeof(words)));
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(pointer, words, sizeof(words), hipMemcpyHostToDevice));
	ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(&board->handle, pointer));
	peer_signal(peer);
	ASSERT(wait_ready(peer, POLLIN, seconds() * 1000 + 3 * WAIT_MS));
	peer_wait(peer);
	ASSERT_HIP(hipSuccess,
		   hipMemcpy(words, pointer, sizeof(words), hipMemcpyDeviceToHost));
	for (size_t i = 0; i < CONSTANT_WORDS; i++)
		ASSERT(words[i] == constant(i));
	for (size_t i = 0; i < N_WORKERS; i++)
		ASSERT(words[CONSTANT_WORDS + i] == board->words[i]);
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	peer_signal(peer);
	peer_wait(peer);
}

/* ---- the case ---------------------------------------------------------------------- */

/* A process sends a byte before the end only when it fails. */
static void wait_for_time(const struct child *processes)
{
	uint64_t end = now_ms() + (uint64_t)seconds() * 1000;

	for (size_t i = 0; now_ms() < end; i = (i + 1) % N_PROCESSES)
		if (wait_ready(processes[i].peer, POLLIN, 20))
			test_fail(__FILE__, __LINE__, "process %zu has exited", i);
}

static void expect_no_importer(const struct shared *name)
{
	int opened = ASSERT_OK(raw_open(name->instance, name->uuid, O_RDONLY));

	expect_no_other_importer(opened);
	close(opened);
}

static struct board *new_board(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(board != MAP_FAILED);
	return board;
}

/* Each process has another user; the name's mode permits access. */
static void start_processes(struct child *processes, struct board *board)
{
	for (unsigned int i = 0; i < N_PROCESSES; i++) {
		struct common common = {.board = board};
		struct worker first = {.common = &common, .index = i * N_THREADS};

		child_start(&processes[i], USER(2001 + i), run_process, &first);
	}
}

/* All is closed and all processes run: only the name is left, then nothing. */
static void check_remains(const struct shared *name, struct child *exporter,
			  const struct child *processes)
{
	struct witness witness;

	for (size_t i = 0; i < N_PROCESSES; i++)
		peer_wait(processes[i].peer);
	expect_no_importer(name);
	witness_take_name(&witness, name->instance, name->uuid);
	peer_signal(exporter->peer);
	peer_wait(exporter->peer);
	expect_names(name->instance, 0);
	witness_expect_gone(&witness, 1);
}

static void eight_processes(struct instance *instance)
{
	struct child exporter, processes[N_PROCESSES];
	struct shared name = {.instance = instance};
	struct board *board = new_board();
	struct wire wire;

	hip_begin(instance);
	ASSERT_OK(SYS(setenv("HIPIPC_MODE", "666", 1)));
	child_start(&exporter, USER(1001), run_exporter, board);
	peer_wait(exporter.peer);
	wire = memory_wire(board->handle);
	memcpy(name.uuid, wire.uuid, sizeof(name.uuid));
	start_processes(processes, board);
	wait_for_time(processes);
	board->stop = true;
	check_remains(&name, &exporter, processes);
	for (size_t i = 0; i < N_PROCESSES; i++) {
		peer_signal(processes[i].peer);
		child_wait(&processes[i]);
	}
	peer_signal(exporter.peer);
	child_wait(&exporter);
	test_note("%lu opens, %lu reads, %lu writes", board->opened, board->read,
		  board->written);
	ASSERT(board->opened && board->read && board->written);
	instance_settle(instance);
}

const struct test_case test_cases[] = {
	{"eight_processes", eight_processes, NULL, 900},
	{0},
};
