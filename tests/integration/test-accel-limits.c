/* SPDX-License-Identifier: MIT */
/* test-accel-limits.c - per-user limits of devices, and invalid options */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

static int try_two_contexts(void *data)
{
	int first = ASSERT_OK(open_context(data, SOFT0));
	int second = ASSERT_OK(open_context(data, SOFT0));
	int third = open_context(data, SOFT0);

	close(first);
	close(second);
	return third;
}

static void limit_of_contexts(struct instance *instance)
{
	int first = ASSERT_OK(open_context(instance, SOFT0));
	int second = ASSERT_OK(open_context(instance, SOFT0));

	ASSERT_ERR(open_context(instance, SOFT0), EDQUOT);
	/* The limit is per user. */
	ASSERT_ERR(child_call(USER(1001), try_two_contexts, instance), EDQUOT);
	close(first);
	close(ASSERT_OK(open_context(instance, SOFT0)));
	close(second);
	expect_unused(instance, SOFT0);
}

/* Exceeds each limit by one, then retries after freeing an object. */
static void limit_of_objects(struct instance *instance)
{
	struct accel_queue_create queue = {.entries = 16};
	uint32_t buffers[2], buffer, asids[2], id;
	uint64_t iova[3];
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(alloc_buffer(seat.context, PAGE, 0, &buffers[i]));
		asids[i] = make_asid(seat.context);
		ASSERT_OK(map_anywhere(seat.context, asids[0], buffers[i], PAGE,
				       READ_WRITE, &iova[i]));
	}
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &buffer), EDQUOT);
	ASSERT_ERR(try_asid(seat.context), EDQUOT);
	ASSERT_ERR(map_anywhere(seat.context, asids[1], buffers[0], PAGE, READ_WRITE,
				&iova[2]),
		   EDQUOT);
	/* A queue counts as a descriptor, like a buffer. */
	ASSERT_ERR(dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE,
				       &queue),
		   EDQUOT);
	ASSERT_EQ(device_info(instance, SOFT0).queues_free,
		  device_info(instance, SOFT0).queues);

	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[1]));
	id = make_asid(seat.context);
	ASSERT(id != asids[1]);
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[0]));
	ASSERT_OK(map_anywhere(seat.context, id, buffers[0], PAGE, READ_WRITE, &iova[2]));
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, buffers[1]));
	ASSERT_OK(dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE,
				      &queue));
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &buffer), EDQUOT);
	seat_close(&seat);
	expect_unused(instance, SOFT0);
}

static void limit_of_queues(struct instance *instance)
{
	struct accel_queue_create queue = {.entries = 16};
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE,
				      &queue));
	ASSERT_ERR(dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE,
				       &queue),
		   EDQUOT);
	seat_close(&seat);
	expect_unused(instance, SOFT0);
}

static void limit_of_memory(struct instance *instance)
{
	uint32_t large, small;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	ASSERT_ERR(alloc_buffer(seat.context, (1 << 20) + PAGE, 0, &large), ENOSPC);
	ASSERT_ERR(alloc_buffer(seat.context, UINT64_MAX - PAGE + 1, 0, &large), EDQUOT);
	ASSERT_ERR(alloc_buffer(seat.context, 0, 0, &large), EINVAL);
	ASSERT_ERR(alloc_buffer(seat.context, PAGE + 1, 0, &large), EINVAL);
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 1U << 31, &large), EOPNOTSUPP);
	ASSERT_OK(alloc_buffer(seat.context, 1 << 20, 0, &large));
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &small), ENOSPC);
	ASSERT_EQ(device_info(instance, SOFT0).memory_free, 0);
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, large));
	ASSERT_OK(alloc_buffer(seat.context, PAGE, 0, &small));
	seat_close(&seat);
	expect_unused(instance, SOFT0);
}

struct inheritor {
	const struct instance *instance;
	int context;
};

static int spend(void *data)
{
	const struct inheritor *inheritor = data;
	int own = ASSERT_OK(open_context(inheritor->instance, SOFT0));

	ASSERT_OK(try_asid(inheritor->context));
	ASSERT_ERR(try_asid(inheritor->context), EDQUOT);
	ASSERT_OK(try_asid(own));
	ASSERT_ERR(try_asid(own), EDQUOT);
	return 0;
}

static void limit_of_memory_per_user(struct instance *instance)
{
	uint32_t first, second;
	struct seat seat, other;

	seat_open(&seat, instance, SOFT0);
	seat_open(&other, instance, SOFT0);
	ASSERT_ERR(alloc_buffer(seat.context, (1 << 20) + PAGE, 0, &first), EDQUOT);
	ASSERT_OK(alloc_buffer(seat.context, 1 << 19, 0, &first));
	ASSERT_OK(alloc_buffer(other.context, 1 << 19, 0, &second));
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &second), EDQUOT);
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, first));
	ASSERT_OK(alloc_buffer(other.context, PAGE, 0, &second));
	seat_close(&seat);
	seat_close(&other);
	expect_unused(instance, SOFT0);
}

static bool may_allocate(void *data)
{
	uint32_t buffer;
	int r = alloc_buffer(*(int *)data, 1 << 20, 0, &buffer);

	ASSERT(r == 0 || r == -ENOSPC);
	return r == 0;
}

/* Freed memory stays charged while a process has it open or mapped. */
static void memory_that_lingers(struct instance *instance)
{
	struct seat seat;
	uint32_t buffer;
	uint8_t *bytes;
	int fd;

	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(seat.context, 1 << 20, 0, &buffer));
	ASSERT_OK(dmabuffs_accel_buffer_fd(seat.library, seat.context, buffer, &fd));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, buffer));
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &buffer), ENOSPC);
	ASSERT_EQ(device_info(instance, SOFT0).memory_free, 0);
	close(fd);
	ASSERT_ERR(alloc_buffer(seat.context, PAGE, 0, &buffer), ENOSPC);
	bytes[0] = 1;
	munmap(bytes, PAGE);
	ASSERT(wait_until(may_allocate, &seat.context));
	seat_close(&seat);
	expect_unused(instance, SOFT0);
}

/* The opener of a context is charged, whichever process uses it. */
static void payer(struct instance *instance)
{
	struct inheritor inheritor = {instance, -1};

	inheritor.context = ASSERT_OK(open_context(instance, SOFT0));
	ASSERT_OK(child_call(USER(1001), spend, &inheritor));
	ASSERT_ERR(try_asid(inheritor.context), EDQUOT);
	close(inheritor.context);
	expect_unused(instance, SOFT0);
}

static void bad_options(struct instance *instance)
{
	static const char *const bad[] = {
		"accel=",
		"accel=a/b",
		"accel=a:queues=0",
		"accel=a:queues=100000",
		"accel=a:asid-bits=21",
		"accel=a:memory=4097",
		"accel=a:latency=1000000001",
		"accel=a:exclusive=1",
		"accel=a:nothing",
		"accel=a:queues",
		"accel=a,accel=a",
		"accel=01234567890123456789012345678901",
		"max-contexts-per-uid=x",
	};
	char output[4000], dir[INSTANCE_PATH_SIZE];

	snprintf(dir, sizeof(dir), "%s/bad", test_work_dir);
	ASSERT_OK(SYS(mkdir(dir, 0755)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *argv[] = {NULL, "-f", "-o", bad[i], dir, NULL};

		if (daemon_run(argv, output, sizeof(output)) == 0)
			test_fail(__FILE__, __LINE__, "%s: accepted", bad[i]);
		if (!strstr(output, "accel") && !strstr(output, "max-contexts"))
			test_fail(__FILE__, __LINE__, "%s: says \"%s\"", bad[i], output);
		ASSERT(!is_mounted(dir));
	}
}

const struct test_case test_cases[] = {
	{"accel_limit_of_contexts", limit_of_contexts, "max-contexts-per-uid=2"},
	{"accel_limit_of_objects", limit_of_objects,
	 "max-asids-per-uid=2,max-buffers-per-uid=2,max-mappings-per-uid=2"},
	{"accel_limit_of_queues", limit_of_queues, "max-queues-per-uid=1"},
	{"accel_limit_of_memory", limit_of_memory, "accel=soft0:memory=1M"},
	{"accel_limit_of_memory_per_user", limit_of_memory_per_user,
	 "max-device-memory-per-uid=1M"},
	{"accel_memory_that_lingers", memory_that_lingers, "accel=soft0:memory=1M"},
	{"accel_payer", payer, "max-asids-per-uid=1"},
	{"accel_bad_options", bad_options, .flags = CASE_NO_INSTANCE},
	{0},
};
