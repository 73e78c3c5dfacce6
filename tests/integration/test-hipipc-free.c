/* SPDX-License-Identifier: MIT */
/* test-hipipc-free.c - names end with what they name, whatever the process may do */
#include <sys/syscall.h>
#include <unistd.h>

#include <hipsoft.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define STRANGER 1000

/* What the exporting child does before it frees. */
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

/* The child lives on: what ends the names is not its end. */
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

/* All threads, as setresuid(3) does; those of the runtime do not matter here. */
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
	/* Only root may unlink(2) there. */
	{"freed_without_the_right_to_unlink", freed, "mode=1755"},
	{"freed_after_setuid", freed_after_setuid},
	{0},
};
