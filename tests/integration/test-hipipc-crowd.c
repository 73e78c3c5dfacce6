/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-crowd.c - hundreds of processes of one user open memory and events
 *
 * Each keeps one connection to the broker: together more than the user may have.
 */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define CROWD  300
#define ROUNDS 10

/* Limit for all of them, on a loaded machine. */
#define CROWD_MS 240000

/* Shared by all processes. */
struct board {
	hipIpcMemHandle_t memory;
	hipIpcEventHandle_t event;
	const struct instance *instance;
	atomic_uint calls, failures;
	char reason[256]; /* of one that failed */
};

static void note_result(struct board *board, hipError_t result)
{
	atomic_fetch_add(&board->calls, 1);
	if (result == hipSuccess || atomic_fetch_add(&board->failures, 1) > 0)
		return;
	(void)snprintf(board->reason, sizeof(board->reason), "%s: %s",
		       hipGetErrorName(result), hipipcLastReason());
}

static void use_event(struct board *board)
{
	hipEvent_t event;
	hipError_t result = hipIpcOpenEventHandle(&event, board->event);

	note_result(board, result);
	if (result != hipSuccess)
		return;
	ASSERT_HIP(hipSuccess, hipEventQuery(event));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
}

static void use_memory(struct board *board)
{
	void *pointer;
	hipError_t result = hipIpcOpenMemHandle(&pointer, board->memory, 0);

	note_result(board, result);
	if (result != hipSuccess)
		return;
	device_check(pointer, 0, PAGE, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
}

/* All start at once, and keep their connection until all are done. */
static void open_often(int peer, void *data)
{
	struct board *board = data;

	hip_begin(board->instance);
	ASSERT_HIP(hipSuccess, hipInit(0));
	peer_signal(peer);
	peer_wait(peer);
	for (int round = 0; round < ROUNDS; round++) {
		use_event(board);
		use_memory(board);
	}
	peer_signal(peer);
	peer_wait(peer);
}

static void crowd_wait(const struct child *crowd)
{
	for (size_t i = 0; i < CROWD; i++) {
		ASSERT(wait_ready(crowd[i].peer, POLLIN, CROWD_MS));
		peer_wait(crowd[i].peer);
	}
}

static void crowd_go(const struct child *crowd)
{
	for (size_t i = 0; i < CROWD; i++)
		peer_signal(crowd[i].peer);
}

static void crowd_run(struct board *board)
{
	static struct child crowd[CROWD];

	for (size_t i = 0; i < CROWD; i++)
		child_start(&crowd[i], USER(1001), open_often, board);
	crowd_wait(crowd);
	crowd_go(crowd);
	crowd_wait(crowd);
	crowd_go(crowd);
	for (size_t i = 0; i < CROWD; i++)
		child_wait_ms(&crowd[i], CROWD_MS);
}

static void three_hundred_processes(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rlimit limit = {CROWD + 100, CROWD + 100};

	ASSERT(board != MAP_FAILED);
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	exporter_start(&exporter, USER(1001));
	board->memory = exporter.memory;
	board->event = exporter.event;
	board->instance = instance;
	crowd_run(board);
	test_note("%u opens, %u failed%s%s", board->calls, board->failures,
		  board->failures ? ", for example " : "", board->reason);
	ASSERT_EQ(board->calls, CROWD * ROUNDS * 2);
	ASSERT_EQ(board->failures, 0);
	exporter_end(&exporter);
	expect_names(instance, 0);
}

const struct test_case test_cases[] = {
	{"three_hundred_processes", three_hundred_processes, NULL, 500},
	{"three_hundred_without_passthrough", three_hundred_processes, "nopassthrough",
	 500},
	{"three_hundred_share_two_connections", three_hundred_processes,
	 "nopassthrough,max-connections-per-uid=2", 500},
	{0},
};
