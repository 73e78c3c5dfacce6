/* SPDX-License-Identifier: MIT */
/* test-long.c - calls beside a command that runs long, and calls with much work */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "soft-fixture.h"

#define BASE     (UINT64_C(1) << 32)
#define REPEATED (64 * PAGE)
#define TIMES    8192 /* 2 GiB in all */

TestSuite(accel_long, .init = soft_init, .fini = soft_finish);

/* Maps the same memory repeatedly, so that a command over all of it runs long. */
static void map_often(uint32_t asid, uint32_t buffer, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct accel_asid_map arg = {
			.size = sizeof(arg),
			.flags = RW | ACCEL_MAP_FIXED,
			.asid = asid,
			.buffer = buffer,
			.length = REPEATED,
			.iova = BASE + i * REPEATED,
		};

		cr_assert(zero(int, accel_asid_map(soft_context, &arg)));
	}
}

static bool has_begun(void *memory)
{
	return __atomic_load_n((uint64_t *)memory, __ATOMIC_ACQUIRE) != 0;
}

struct fill {
	uint32_t buffer, asid, queue;
	int fd;
	uint64_t *memory;
};

/* Starts a FILL that runs long; returns when it has begun. */
static void fill_start(struct fill *fill)
{
	struct accel_command command;

	fill->buffer = soft_buffer(soft_context, REPEATED, 0);
	fill->asid = soft_asid(soft_context, 0);
	fill->queue = soft_queue(soft_context, 0, 0);
	fill->fd = soft_fd(soft_context, fill->buffer, O_RDWR);
	fill->memory = soft_view(fill->fd, REPEATED);
	map_often(fill->asid, fill->buffer, TIMES);
	cr_assert(zero(int, soft_attach(soft_context, fill->queue, fill->asid)));
	command = soft_fill(fill->asid, BASE, UINT64_MAX);
	command.length = TIMES * REPEATED;
	cr_assert(ge(i64, soft_submit(soft_context, fill->queue, &command), 0));
	cr_assert(wait_until(has_begun, fill->memory));
}

/* What the device still writes to its memory can be seen. */
static void overwrite(struct fill *fill)
{
	memset(fill->memory, 0x11, REPEATED);
}

static void expect_overwritten(const struct fill *fill)
{
	for (size_t i = 0; i < REPEATED / sizeof(uint64_t); i++)
		cr_assert(eq(u64, fill->memory[i], UINT64_C(0x1111111111111111)));
}

/* The device wrote nothing more: the command has ended. */
static void expect_fault(struct fill *fill, uint32_t reason)
{
	overwrite(fill);
	cr_assert(soft_in_state(soft_context, fill->queue, ACCEL_QUEUE_FAULTED));
	cr_assert(
		eq(u32, soft_queue_info(soft_context, fill->queue).fault.reason, reason));
	expect_overwritten(fill);
}

static void fill_end(struct fill *fill)
{
	munmap(fill->memory, REPEATED);
	close(fill->fd);
}

Test(accel_long, detach_ends_the_command_that_runs)
{
	struct fill fill;

	fill_start(&fill);
	cr_assert(zero(int, soft_detach(soft_context, fill.queue, fill.asid)));
	expect_fault(&fill, ACCEL_FAULT_ASID);
	cr_assert(
		eq(u32, soft_queue_info(soft_context, fill.queue).fault.asid, fill.asid));
	fill_end(&fill);
}

Test(accel_long, unmap_ends_the_command_that_runs)
{
	struct fill fill;

	fill_start(&fill);
	cr_assert(eq(i64, soft_unmap(soft_context, fill.asid, 0, UINT64_MAX),
		     TIMES * REPEATED));
	expect_fault(&fill, ACCEL_FAULT_UNMAPPED);
	fill_end(&fill);
}

static bool is_dead(void *data)
{
	const struct accel_ring *ring = data;

	return __atomic_load_n(&ring->state, __ATOMIC_ACQUIRE) == ACCEL_QUEUE_DEAD;
}

/* After the ring reports the state DEAD, the device does nothing more. */
Test(accel_long, destroy_is_over_when_the_ring_says_so)
{
	struct accel_ring *ring;
	struct fill fill;
	int fd;

	fill_start(&fill);
	cr_assert(zero(int, accel_queue_open_ring(soft_context, fill.queue, &fd)));
	ring = soft_view(fd, PAGE);
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, fill.queue)));
	cr_assert(wait_until(is_dead, ring));
	overwrite(&fill);
	/* The thread of its engine has exited. */
	soft_settle();
	expect_overwritten(&fill);
	munmap(ring, PAGE);
	close(fd);
	fill_end(&fill);
}

Test(accel_long, unmap_of_too_many)
{
	uint32_t asid = soft_asid(soft_context, 0);
	uint32_t buffer = soft_buffer(soft_context, REPEATED, 0);
	const uint64_t most = ACCEL_MAX_MAPPINGS_PER_CALL * REPEATED;

	map_often(asid, buffer, ACCEL_MAX_MAPPINGS_PER_CALL + 1);
	cr_assert(eq(i64, soft_unmap(soft_context, asid, BASE, most + REPEATED), -E2BIG));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS],
		     ACCEL_MAX_MAPPINGS_PER_CALL + 1));
	cr_assert(eq(i64, soft_unmap(soft_context, asid, BASE, most), most));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 1));
}

Test(accel_long, copy_of_too_many)
{
	uint32_t asid = soft_asid(soft_context, 0), other = soft_asid(soft_context, 0);
	uint32_t buffer = soft_buffer(soft_context, REPEATED, 0);
	struct accel_asid_copy arg = {
		.size = sizeof(arg),
		.flags = RW,
		.dst_asid = other,
		.src_asid = asid,
		.src_iova = BASE,
		.length = (ACCEL_MAX_MAPPINGS_PER_CALL + 1) * REPEATED,
	};

	map_often(asid, buffer, ACCEL_MAX_MAPPINGS_PER_CALL + 1);
	cr_assert(eq(int, accel_asid_copy(soft_context, &arg), -E2BIG));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS],
		     ACCEL_MAX_MAPPINGS_PER_CALL + 1));
	arg.length -= REPEATED;
	cr_assert(zero(int, accel_asid_copy(soft_context, &arg)));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS],
		     2 * ACCEL_MAX_MAPPINGS_PER_CALL + 1));
}

/* Destroying an ASID with many mappings takes time, but its quota is free at once. */
Test(accel_long, destroy_with_many_mappings)
{
	uint32_t asid = soft_asid(soft_context, 0);
	uint32_t buffer = soft_buffer(soft_context, SOFT_MEMORY, 0), again;

	map_often(asid, buffer, TIMES);
	cr_assert(zero(int, soft_call(soft_context, accel_asid_destroy, asid)));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_MAPPINGS]));
	cr_assert(zero(int, soft_call(soft_context, accel_buffer_free, buffer)));
	soft_settle();
	again = soft_buffer(soft_context, SOFT_MEMORY, 0);
	cr_assert(ne(u32, again, 0));
}
