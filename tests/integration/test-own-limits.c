/* SPDX-License-Identifier: MIT */
/* test-own-limits.c - what a user holds and may hold */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

static struct dmabuffs_limits get_limits(const struct instance *instance)
{
	struct dmabuffs_limits limits = {.size = sizeof(limits)};
	int control = ASSERT_OK(raw_root(instance));

	ASSERT_OK(SYS(ioctl(control, DMABUFFS_IOC_LIMITS, &limits)));
	close(control);
	return limits;
}

static void expect_use(const struct dmabuffs_limits *limits, enum dmabuffs_limit which,
		       uint64_t used, uint64_t max)
{
	ASSERT_EQ(limits->user[which].used, used);
	ASSERT_EQ(limits->user[which].max, max);
}

/* Root's names are not this user's. */
static void expect_own(int peer, void *data)
{
	const struct instance *instance = data;
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_limits limits;
	struct shared shared;

	share(&shared, instance, 3 * PAGE, 0, 0);
	close(ASSERT_OK(raw_exchange(
		connection, ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)))));
	limits = get_limits(instance);
	expect_use(&limits, DMABUFFS_LIMIT_EXPORTS, 1, 5);
	expect_use(&limits, DMABUFFS_LIMIT_BYTES, 3 * PAGE, 1 << 20);
	expect_use(&limits, DMABUFFS_LIMIT_ROOTS, 2, 7);
	expect_use(&limits, DMABUFFS_LIMIT_CONNECTIONS, 1, 6);
}

static void own_limits(struct instance *instance)
{
	struct shared first, second;
	struct child child;

	share(&first, instance, PAGE, 0, 0);
	share(&second, instance, PAGE, 0, 0);
	child_start(&child, USER(1001), expect_own, instance);
	child_wait(&child);
	unshare_buffer(&first);
	unshare_buffer(&second);
}

const struct test_case test_cases[] = {
	{"own_limits", own_limits,
	 "max-exports-per-uid=5,max-bytes-per-uid=1M,max-roots-per-uid=7,"
	 "max-connections-per-uid=6"},
	{0},
};
