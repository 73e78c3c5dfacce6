/* SPDX-License-Identifier: MIT */
/*
 * test-accel-frees.c - what one user has freed is there again, whatever another frees
 *
 * Each close(2) of a buffer walks the record locks of its memfd, of which a client can
 * set as many as it likes. What is freed in a thread is charged until then.
 */
#include <fcntl.h>
#include <stdio.h>

#include "attacks/attacks.h"
#include "harness.h"
#include "raw-accel.h"

#define PINNED       (1UL << 20) /* the limit of a user */
#define OPTIONS      "max-pinned-per-uid=1M"
#define SLOW_BUFFERS 250
#define LOCKS        200000
#define ROUNDS       20

/* Buffers that take seconds to free, all at once. */
static void free_slowly(int peer, void *data)
{
	int context = ASSERT_OK(raw_context(data)), fd = raw_memfd(PAGE);

	for (int i = 0; i < SLOW_BUFFERS; i++)
		ASSERT_OK(raw_accel_import(context, fd));
	attack_lock_often(fd, LOCKS);
	close(context);
	/* Until nothing of the attacker is left. */
	context = ASSERT_OK(raw_context(data));
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_ERR(raw_accel_import(context, raw_memfd(PINNED)), EDQUOT);
	peer_signal(peer);
	peer_wait(peer);
}

/* All that this user may have, again and again. */
static int free_and_import(void *data)
{
	int context = ASSERT_OK(raw_context(data)), fd = raw_memfd(PINNED);

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_import(context, fd));

		ASSERT_OK(raw_accel_object(context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
					   buffer));
	}
	return 0;
}

static void freed_is_there(struct instance *instance)
{
	struct child child;
	uint64_t start;

	child_start(&child, USER(1001), free_slowly, instance);
	peer_wait(child.peer);
	start = now_ms();
	ASSERT_OK(child_call(USER(1002), free_and_import, instance));
	printf("# %d rounds beside slow frees took %d ms\n", ROUNDS,
	       (int)(now_ms() - start));
	/* It was still freeing. */
	peer_signal(child.peer);
	peer_wait(child.peer);
	peer_signal(child.peer);
	child_wait(&child);
}

const struct test_case test_cases[] = {
	{"freed_is_there", freed_is_there, OPTIONS, 60},
	{0},
};
