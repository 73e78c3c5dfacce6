/* SPDX-License-Identifier: MIT */
/* test-queue.c - queues: number, attached ASIDs, batches, faults, destruction */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue.h"
#include "ring_producer.h"
#include "share.h"
#include "soft-fixture.h"
#include "util.h"

TestSuite(accel_queue, .init = soft_init, .fini = soft_finish);

static int create(uint32_t flags, uint32_t entries, uint32_t *ret_id)
{
	struct accel_queue_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.entries = entries,
	};
	int r = accel_queue_create(soft_context, &arg);

	*ret_id = arg.id;
	if (r < 0)
		cr_assert(zero(u32, arg.id), "output written on failure");
	return r;
}

static int destroy(uint32_t queue)
{
	return soft_call(soft_context, accel_queue_destroy, queue);
}

static int reset(uint32_t queue)
{
	return soft_call(soft_context, accel_queue_reset, queue);
}

static struct accel_queue_info info_of(uint32_t queue)
{
	return soft_queue_info(soft_context, queue);
}

static int64_t submit(uint32_t queue, const struct accel_command *command)
{
	return soft_submit(soft_context, queue, command);
}

static const struct accel_command nop = {.op = ACCEL_OP_NOP};
static const struct accel_command bad = {.op = ACCEL_OP_COUNT};

/* ---- number of queues -------------------------------------------------------------- */

Test(accel_queue, entries_are_a_power_of_two_in_range)
{
	const uint32_t wrong[] = {0, 1, 8, 15, 17, 24, 4095, 8192, UINT32_MAX};
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_expect(eq(int, create(0, wrong[i], &id), -EINVAL), "%u entries",
			  wrong[i]);
	cr_assert(zero(int, create(ACCEL_QUEUE_USER, ACCEL_RING_MIN, &id)));
	cr_assert(zero(int, create(ACCEL_QUEUE_USER, ACCEL_RING_MAX, &id)));
	cr_assert(eq(u32, info_of(id).entries, ACCEL_RING_MAX));
	cr_assert(eq(u32, info_of(id).flags, ACCEL_QUEUE_USER));
}

static bool can_create(void *data)
{
	int r = create(0, 16, data);

	cr_assert(r == 0 || r == -EBUSY);
	return r == 0;
}

Test(accel_queue, row_one_more_than_the_device_has)
{
	uint64_t charged;
	uint32_t ids[SOFT_QUEUES], id;

	for (size_t i = 0; i < SOFT_QUEUES; i++) {
		cr_assert(zero(int, create(i % 2 ? ACCEL_QUEUE_USER : 0, 16, &ids[i])));
		cr_assert(
			eq(u32, soft_info(soft_device).queues_free, SOFT_QUEUES - 1 - i));
	}
	charged = fixture_charged();
	cr_assert(eq(int, create(0, 16, &id), -EBUSY));
	cr_assert(zero(u32, soft_info(soft_device).queues_free));
	cr_assert(eq(u64, fixture_charged(), charged));
	cr_assert(zero(int, destroy(ids[1])));
	cr_assert(wait_until(can_create, &id), "the queue is not free again");
}

/* Queues belong to the device: destroying a context returns all of its queues. */
Test(accel_queue, come_back_with_the_end_of_the_context)
{
	struct accel_context *other = soft_open(soft_device);
	uint32_t id;

	for (size_t i = 0; i < SOFT_QUEUES; i++)
		soft_queue(other, i % 2 ? ACCEL_QUEUE_USER : 0, 0);
	cr_assert(eq(int, create(0, 16, &id), -EBUSY));
	accel_context_destroy(other);
	for (size_t i = 0; i < SOFT_QUEUES; i++)
		cr_assert(wait_until(can_create, &id));
}

Test(accel_queue, destroy_and_create_many_times)
{
	uint32_t id;

	for (int i = 0; i < 200; i++) {
		cr_assert(wait_until(can_create, &id));
		cr_assert(zero(i64, submit(id, &nop)));
		cr_assert(zero(int, destroy(id)));
		cr_assert(eq(int, destroy(id), -ENOENT));
	}
}

/* ---- queues whose engines do not stop ---------------------------------------------- */

#define MANY (ACCEL_SHARE_MAX_STOPPING + 4)

static void *stuck[MANY];
static size_t n_stuck;

static void keep_running(void *engine)
{
	stuck[n_stuck++] = engine;
}

/* A context of a device with @queues queues whose engines stop only in let_stop(). */
static struct accel_context *open_stuck(uint32_t queues)
{
	struct accel_device_params params = {
		.size = sizeof(params), .name = "stuck", .queues = queues};
	static struct accel_backend backend;
	struct accel_device *device;

	backend = accel_soft_backend;
	backend.queue_stop = keep_running;
	cr_assert(zero(int,
		       accel_device_create(soft_registry, &backend, &params, &device)));
	return soft_open(device);
}

static void let_stop(void)
{
	while (n_stuck > 0)
		accel_soft_backend.queue_stop(stuck[--n_stuck]);
}

static uint32_t free_queues(void)
{
	return soft_info(accel_device_find(soft_registry, "stuck")).queues_free;
}

Test(accel_queue, destroyed_one_does_not_count)
{
	struct accel_context *context = open_stuck(2);
	uint32_t set = soft_set(context, 1), asid = soft_asid(context, set);
	uint64_t before = fixture_charged();

	for (int i = 0; i < 3; i++) {
		uint32_t queue = soft_queue(context, 0, set);

		soft_queue(context, ACCEL_QUEUE_USER, 0);
		cr_assert(zero(int, soft_attach(context, queue, asid)));
		cr_assert(zero(u32, free_queues()));
		cr_assert(zero(int, soft_call(context, accel_queue_destroy, queue)));
		cr_assert(zero(int, soft_call(context, accel_queue_destroy, queue + 1)));
		cr_assert(eq(u32, free_queues(), 2));
		cr_assert(eq(u64, fixture_charged(), before));
	}
	cr_assert(eq(sz, n_stuck, 6));
	cr_assert(zero(int, soft_call(context, accel_asid_destroy, asid)));
	cr_assert(zero(int, soft_call(context, accel_set_destroy, set)));
	soft_queue(context, 0, 0);
	soft_queue(context, 0, 0);
	accel_context_destroy(context);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_CONTEXTS], 1), "the fixture's alone");
	cr_assert(zero(u64, owner_charged[ACCEL_RES_QUEUES]));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_FILES]));
	cr_assert(eq(u32, free_queues(), 2));
	let_stop();
}

/* One user has no more engines than that, and gets no error either. */
Test(accel_queue, waits_for_an_engine_to_stop)
{
	struct accel_context *context = open_stuck(4);
	uint32_t queues[3];

	for (int i = 0; i < ACCEL_SHARE_MAX_STOPPING; i++)
		cr_assert(zero(int, soft_call(context, accel_queue_destroy,
					      soft_queue(context, 0, 0))));
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		queues[i] = soft_queue(context, 0, 0);
		cr_assert(zero(i64, soft_submit(context, queues[i], &nop)));
	}
	/* Destroyed while it waits: no engine is left for it. */
	cr_assert(zero(int, soft_call(context, accel_queue_destroy, queues[1])));
	cr_assert(eq(sz, n_stuck, ACCEL_SHARE_MAX_STOPPING));
	cr_assert(zero(u64, soft_queue_info(context, queues[0]).completed));
	accel_soft_backend.queue_stop(stuck[--n_stuck]);
	cr_assert(soft_completed(context, queues[0], 1));
	cr_assert(soft_completed(context, queues[2], 1));
	let_stop();
	accel_context_destroy(context);
	let_stop();
}

/* ---- shares of users --------------------------------------------------------------- */

static struct accel_context *open_as(uint64_t user)
{
	const struct accel_owner owner = {.size = sizeof(owner), .user = user};
	struct accel_context *context;

	cr_assert(zero(int, accel_context_create(soft_device, &owner, &context)));
	return context;
}

/* Creates queues until that fails with -EBUSY; returns how many. */
static uint32_t take_all(struct accel_context *context)
{
	struct accel_queue_create arg = {.size = sizeof(arg), .entries = 16};
	uint32_t n = 0;
	int r;

	while ((r = accel_queue_create(context, &arg)) == 0)
		n++;
	cr_assert(eq(int, r, -EBUSY));
	return n;
}

Test(accel_queue, few_although_others_have_all)
{
	const uint32_t shares[] = {SOFT_QUEUES, SOFT_QUEUES / 2, 1, 1, 0};
	struct accel_context *contexts[ARRAY_SIZE(shares)];

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		contexts[i] = open_as(i + 1);
		cr_assert(eq(u32, take_all(contexts[i]), shares[i]), "user %zu", i);
		cr_assert(zero(u32, soft_info(soft_device).queues_free));
	}
	/* Another context of the same user has no share of its own. */
	accel_context_destroy(contexts[4]);
	contexts[4] = open_as(2);
	cr_assert(zero(u32, take_all(contexts[4])));
	/* What is beyond the device's number is not handed on. */
	accel_context_destroy(contexts[1]);
	cr_assert(zero(u32, take_all(contexts[0])));
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (i != 1)
			accel_context_destroy(contexts[i]);
	cr_assert(eq(u32, soft_info(soft_device).queues_free, SOFT_QUEUES));
}

/* ---- attached ASIDs ---------------------------------------------------------------- */

Test(accel_queue, attach_and_detach)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);
	uint32_t asid = soft_asid(soft_context, 0);
	struct accel_asid_info info = {.size = sizeof(info), .id = asid};

	cr_assert(eq(int, soft_detach(soft_context, queue, asid), -ENOENT));
	cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
	cr_assert(eq(int, soft_attach(soft_context, queue, asid), -EEXIST));
	cr_assert(eq(int, soft_attach(soft_context, queue, 12345), -ENOENT));
	cr_assert(eq(u32, info_of(queue).attached, 1));
	cr_assert(zero(int, accel_asid_get_info(soft_context, &info)));
	cr_assert(eq(u32, info.attached, 1));
	cr_assert(zero(int, soft_detach(soft_context, queue, asid)));
	cr_assert(eq(int, soft_detach(soft_context, queue, asid), -ENOENT));
	cr_assert(zero(u32, info_of(queue).attached));
}

Test(accel_queue, attach_up_to_the_limit)
{
	uint32_t queue = soft_queue(soft_context, 0, 0), first = 0, asid;

	for (int i = 0; i < ACCEL_QUEUE_MAX_ASIDS; i++) {
		asid = soft_asid(soft_context, 0);
		first = first ?: asid;
		cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
	}
	asid = soft_asid(soft_context, 0);
	cr_assert(eq(int, soft_attach(soft_context, queue, asid), -ENOSPC));
	cr_assert(eq(int, soft_attach(soft_context, queue, first), -EEXIST));
	cr_assert(zero(int, soft_detach(soft_context, queue, first)));
	cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
}

Test(accel_queue, row_destroy_an_attached_asid)
{
	uint32_t asid = soft_asid(soft_context, 0);
	uint32_t one = soft_queue(soft_context, 0, 0),
		 two = soft_queue(soft_context, 0, 0);

	cr_assert(zero(int, soft_attach(soft_context, one, asid)));
	cr_assert(zero(int, soft_attach(soft_context, two, asid)));
	cr_assert(eq(int, soft_call(soft_context, accel_asid_destroy, asid), -EBUSY));
	cr_assert(zero(int, soft_detach(soft_context, one, asid)));
	cr_assert(eq(int, soft_call(soft_context, accel_asid_destroy, asid), -EBUSY));
	cr_assert(zero(int, destroy(two)));
	cr_assert(zero(int, soft_call(soft_context, accel_asid_destroy, asid)));
}

static void expect_fault(uint32_t queue, uint64_t index, uint32_t reason)
{
	struct accel_queue_info info;

	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	info = info_of(queue);
	cr_expect(eq(u64, info.fault.index, index));
	cr_expect(eq(u32, info.fault.reason, reason));
}

Test(accel_queue, commands_that_name_a_detached_asid_fault)
{
	struct accel_command fill;
	struct soft_job job;

	soft_job_init(&job, soft_context, 0);
	fill = soft_fill(job.asid, job.iova, 1);
	cr_assert(zero(i64, submit(job.queue, &fill)));
	cr_assert(soft_completed(soft_context, job.queue, 1));
	cr_assert(zero(int, soft_detach(soft_context, job.queue, job.asid)));
	fill.value = 2;
	cr_assert(eq(i64, submit(job.queue, &fill), 1));
	expect_fault(job.queue, 1, ACCEL_FAULT_ASID);
	cr_assert(eq(u64, job.memory[0], 1));
	soft_job_finish(&job);
}

/* ---- batches ----------------------------------------------------------------------- */

static int submit_batch(uint32_t queue, uint32_t count, uint64_t *ret_index)
{
	static struct accel_queue_submit arg;
	int r;

	arg = (struct accel_queue_submit){
		.size = sizeof(arg),
		.queue = queue,
		.count = count,
		.index = UINT64_MAX,
	};
	r = accel_queue_submit(soft_context, &arg);
	if (r < 0)
		cr_assert(eq(u64, arg.index, UINT64_MAX), "output written on failure");
	*ret_index = arg.index;
	return r;
}

Test(accel_queue, submit_counts)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);
	uint64_t index;

	cr_assert(eq(int, submit_batch(queue, 0, &index), -EINVAL));
	cr_assert(eq(int, submit_batch(queue, ACCEL_SUBMIT_MAX + 1, &index), -EINVAL));
	cr_assert(zero(int, submit_batch(queue, 64, &index)));
	cr_assert(zero(u64, index));
	cr_assert(soft_completed(soft_context, queue, 64));
	cr_assert(zero(int, submit_batch(queue, 1, &index)));
	cr_assert(eq(u64, index, 64));
	cr_assert(soft_completed(soft_context, queue, 65));
	cr_assert(eq(u64, info_of(queue).submitted, 65));
}

/* A batch with more commands than the queue has entries. */
Test(accel_queue, submit_a_batch_larger_than_the_queue)
{
	uint64_t index;
	uint32_t queue;

	cr_assert(zero(int, create(0, 16, &queue)));
	cr_assert(eq(int, submit_batch(queue, 17, &index), -EINVAL));
	cr_assert(zero(int, submit_batch(queue, 16, &index)));
	cr_assert(soft_completed(soft_context, queue, 16));
}

struct batch {
	uint32_t queue, count;
};

static bool is_taken(void *data)
{
	const struct batch *batch = data;
	uint64_t index;
	int r = submit_batch(batch->queue, batch->count, &index);

	cr_assert(r == 0 || r == -EAGAIN);
	return r == 0;
}

/* The engine waits at a fence with the commands it has fetched; the rest fills the queue.
 */
Test(accel_queue, submit_to_a_full_queue_takes_all_or_nothing)
{
	struct accel_command wait = {.op = ACCEL_OP_WAIT, .value = 1};
	struct accel_fence fence = {.size = sizeof(fence), .value = 1};
	struct batch batch = {.count = 16};
	uint64_t index;
	uint32_t queue;

	cr_assert(zero(int, create(0, 16, &queue)));
	batch.queue = queue;
	fence.id = soft_fence(soft_context, 0);
	wait.src2_asid = fence.id;
	cr_assert(zero(i64, submit(queue, &wait)));
	/* Room for 16 means that the wait is fetched, and later commands are not. */
	cr_assert(wait_until(is_taken, &batch));
	cr_assert(eq(int, submit_batch(queue, 1, &index), -EAGAIN));
	cr_assert(eq(int, submit_batch(queue, 16, &index), -EAGAIN));
	cr_assert(eq(u64, info_of(queue).submitted, 17));
	cr_assert(zero(int, accel_fence_signal(soft_context, &fence)));
	cr_assert(wait_until(is_taken, &batch));
	cr_assert(soft_completed(soft_context, queue, 33));
}

Test(accel_queue, submit_to_a_user_mode_queue)
{
	uint32_t queue = soft_queue(soft_context, ACCEL_QUEUE_USER, 0);
	uint64_t index;

	cr_assert(eq(int, submit_batch(queue, 1, &index), -EOPNOTSUPP));
}

/* ---- the ring ---------------------------------------------------------------------- */

static struct accel_ring *open_ring(uint32_t queue, size_t *ret_bytes)
{
	struct accel_ring *ring;
	off_t bytes;
	int fd = -1;

	cr_assert(zero(int, accel_queue_open_ring(soft_context, queue, &fd)));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	bytes = lseek(fd, 0, SEEK_END);
	cr_assert(ne(int, ftruncate(fd, 0), 0));
	cr_assert(ne(int, ftruncate(fd, bytes + 4096), 0));
	ring = soft_view(fd, (uint64_t)bytes);
	close(fd);
	*ret_bytes = (size_t)bytes;
	return ring;
}

Test(accel_queue, ring_of_a_user_mode_queue)
{
	uint32_t queue = soft_queue(soft_context, ACCEL_QUEUE_USER, 0);
	struct ring_producer producer;
	struct accel_ring *ring;
	size_t bytes;

	ring = open_ring(queue, &bytes);
	cr_assert(eq(u32, ring->magic, ACCEL_RING_MAGIC));
	cr_assert(eq(u32, ring->entries, info_of(queue).entries));
	cr_assert(zero(int, ring_producer_init(&producer, ring, bytes)));
	for (int i = 0; i < 1000; i++) {
		while (!ring_producer_push(&producer, &nop, 1))
			cr_assert(zero(int,
				       ring_wait(ring, producer.tail - 1, 10000000000)));
	}
	cr_assert(zero(int, ring_wait(ring, 999, 10000000000)));
	cr_assert(eq(u64, info_of(queue).completed, 1000));
	cr_assert(eq(u64, info_of(queue).submitted, 1000));
	munmap(ring, bytes);
}

/* A mediated queue's ring has no entries; it is only for waiting. */
Test(accel_queue, ring_of_a_mediated_queue)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);
	struct accel_ring *ring;
	size_t bytes;

	ring = open_ring(queue, &bytes);
	cr_assert(eq(sz, bytes, ACCEL_RING_ENTRIES));
	cr_assert(zero(u32, ring->entries));
	cr_assert(zero(i64, submit(queue, &nop)));
	cr_assert(zero(int, ring_wait(ring, 0, 10000000000)));
	munmap(ring, bytes);
}

/* Once a waiter has seen the state DEAD, the engine touches nothing more. */
Test(accel_queue, destroy_tells_who_waits_at_the_ring)
{
	uint32_t queue = soft_queue(soft_context, ACCEL_QUEUE_USER, 0);
	struct accel_ring *ring;
	size_t bytes;

	ring = open_ring(queue, &bytes);
	cr_assert(zero(int, destroy(queue)));
	cr_assert(eq(int, ring_wait(ring, 0, 10000000000), -ENODEV));
	cr_assert(eq(u32, ring->state, ACCEL_QUEUE_DEAD));
	munmap(ring, bytes);
}

/* Dropped commands count as completed, so the ring advances; waiters get an error. */
Test(accel_queue, reset_tells_who_waited_for_what_it_dropped)
{
	const struct accel_command commands[] = {nop, bad, nop, nop};
	uint32_t queue = soft_queue(soft_context, ACCEL_QUEUE_USER, 0);
	struct ring_producer producer;
	struct accel_ring *ring;
	size_t bytes;

	ring = open_ring(queue, &bytes);
	cr_assert(zero(int, ring_producer_init(&producer, ring, bytes)));
	cr_assert(eq(uint, ring_producer_push(&producer, commands, 4), 4));
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	cr_assert(eq(int, ring_wait(ring, 3, 10000000000), -EIO));
	cr_assert(zero(int, reset(queue)));
	cr_assert(eq(u64, ring_completed(ring), 4));
	cr_assert(zero(int, ring_wait(ring, 0, 10000000000)));
	for (uint64_t i = 1; i < 4; i++)
		cr_assert(eq(int, ring_wait(ring, i, 10000000000), -EIO));
	cr_assert(eq(uint, ring_producer_push(&producer, &nop, 1), 1));
	cr_assert(zero(int, ring_wait(ring, 4, 10000000000)));
	munmap(ring, bytes);
}

/* ---- faults ------------------------------------------------------------------------ */

Test(accel_queue, row_fault_cancels_the_later_ones_and_no_neighbour)
{
	struct accel_command fill;
	struct soft_job job, neighbour;
	struct accel_event event;

	soft_job_init(&job, soft_context, 0);
	soft_job_init(&neighbour, soft_context, 0);
	cr_assert(zero(i64, submit(job.queue, &nop)));
	cr_assert(eq(i64, submit(job.queue, &bad), 1));
	expect_fault(job.queue, 1, ACCEL_FAULT_COMMAND);
	fill = soft_fill(job.asid, job.iova, 1);
	cr_assert(eq(i64, submit(job.queue, &fill), -EIO));
	cr_assert(eq(u64, info_of(job.queue).completed, 1));
	cr_assert(zero(u64, job.memory[0]));
	cr_assert(soft_next_event(soft_context, &event));
	cr_assert(eq(u32, event.type, ACCEL_EVENT_FAULT));
	cr_assert(eq(u32, event.object, job.queue));
	cr_assert(eq(u32, event.reason, ACCEL_FAULT_COMMAND));
	cr_assert(eq(u64, event.value, 1));
	fill = soft_fill(neighbour.asid, neighbour.iova, 7);
	cr_assert(zero(i64, submit(neighbour.queue, &fill)));
	cr_assert(soft_completed(soft_context, neighbour.queue, 1));
	cr_assert(eq(u64, neighbour.memory[0], 7));
	soft_job_finish(&job);
	soft_job_finish(&neighbour);
}

Test(accel_queue, row_touch_an_unmapped_or_readonly_address)
{
	struct accel_asid_map map = {.size = sizeof(map), .flags = ACCEL_MAP_READ};
	struct accel_command fill;
	struct soft_job job;

	soft_job_init(&job, soft_context, 0);
	fill = soft_fill(job.asid, job.iova + PAGE, 1);
	cr_assert(zero(i64, submit(job.queue, &fill)));
	expect_fault(job.queue, 0, ACCEL_FAULT_UNMAPPED);
	cr_assert(eq(u64, info_of(job.queue).fault.address, job.iova + PAGE));
	cr_assert(zero(int, reset(job.queue)));
	map.asid = job.asid;
	map.buffer = job.buffer;
	map.length = PAGE;
	cr_assert(zero(int, accel_asid_map(soft_context, &map)));
	fill.dst = map.iova;
	cr_assert(eq(i64, submit(job.queue, &fill), 1));
	expect_fault(job.queue, 1, ACCEL_FAULT_PERMISSION);
	cr_assert(zero(u64, job.memory[0]));
	soft_job_finish(&job);
}

Test(accel_queue, reset_runs_again)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);

	cr_assert(eq(int, reset(queue), -EINVAL), "reset without a fault");
	cr_assert(zero(i64, submit(queue, &bad)));
	expect_fault(queue, 0, ACCEL_FAULT_COMMAND);
	cr_assert(zero(int, reset(queue)));
	cr_assert(eq(u32, info_of(queue).state, ACCEL_QUEUE_RUNNING));
	cr_assert(eq(i64, submit(queue, &nop), 1));
	cr_assert(soft_completed(soft_context, queue, 2));
	cr_assert(eq(u32, info_of(queue).fault.count, 1), "the last fault is lost");
}

Test(accel_queue, isolated_after_too_many_faults)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);

	for (uint32_t i = 1; i < ACCEL_QUEUE_MAX_FAULTS; i++) {
		cr_assert(ge(i64, submit(queue, &bad), 0));
		cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
		cr_assert(eq(u32, info_of(queue).fault.count, i));
		cr_assert(zero(int, reset(queue)));
	}
	cr_assert(ge(i64, submit(queue, &bad), 0));
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_ISOLATED));
	cr_assert(eq(int, reset(queue), -EIO));
	cr_assert(eq(i64, submit(queue, &nop), -EIO));
	cr_assert(zero(int, destroy(queue)));
}
