/* SPDX-License-Identifier: MIT */
/* test-hipipc-free.c - names are removed with their object, without any privilege */
#include <sys/syscall.h>
#include <unistd.h>

#include <hipsoft.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define STRANGER 1000

/* Actions of the exporting child before it frees the objects. */
struct plan {
	const struct instance *instance;
	void (*before_free)(void);
};

/* Waits while the parent counts the names. */
static void free_between_counts(int peer, void *data)
{
	const struct plan *plan = data;
	hipEvent_t event;
	void *memory;

	hip_begin(plan->instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	event = make_event();
	(void)get_memory(memory);
	(void)get_event(event);
	peer_signal(peer);
	peer_wait(peer);
	if (plan->before_free)
		plan->before_free();
	ASSERT_HIP(hipSuccess, hipFree(memory));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	peer_signal(peer);
	peer_wait(peer);
}

/* The child keeps running: the names are removed by the free, not by its exit. */
static void run(struct plan *plan, const struct identity *who)
{
	struct child child;

	child_start(&child, who, free_between_counts, plan);
	peer_wait(child.peer);
	expect_names(plan->instance, 2);
	peer_signal(child.peer);
	peer_wait(child.peer);
	expect_names(plan->instance, 0);
	peer_signal(child.peer);
	child_wait(&child);
}

static void freed(struct instance *instance)
{
	struct plan plan = {.instance = instance};

	run(&plan, USER(STRANGER));
}

/* All threads of the C library, as setresuid(3) does; runtime threads do not matter. */
static void become_stranger(void)
{
	ASSERT_OK(SYS(setresgid(STRANGER, STRANGER, STRANGER)));
	ASSERT_OK(SYS(setresuid(STRANGER, STRANGER, STRANGER)));
}

static void freed_after_setuid(struct instance *instance)
{
	struct plan plan = {.instance = instance, .before_free = become_stranger};

	run(&plan, NULL);
}

const struct test_case test_cases[] = {
	{"freed", freed},
	/* The directory mode permits unlink(2) to root only; then to the owner, too. */
	{"freed_without_the_right_to_unlink", freed, "mode=1755"},
	{"freed_with_the_right_to_unlink", freed, "mode=1733"},
	{"freed_after_setuid", freed_after_setuid},
	{0},
};
