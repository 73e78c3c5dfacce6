/* SPDX-License-Identifier: MIT */
/* test-accel-queue.c - queues: commands, completion, fences and limits */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw-accel.h"

/* ---- submission -------------------------------------------------------------------- */

static void commands_of(struct instance *instance, uint32_t flags)
{
	const struct accel_command many[17] = {nop()};
	struct accel_queue_info info;
	struct desk desk;

	desk_start(&desk, instance, flags, 16);
	for (int i = 0; i < 20; i++)
		desk_check(&desk, (uint8_t)(i + 1));
	ASSERT_ERR(dmabuffs_accel_queue_submit(desk.queue, many, 0, NULL), EINVAL);
	ASSERT_ERR(dmabuffs_accel_queue_submit(desk.queue, many, 17, NULL), EINVAL);
	info = queue_info(desk.seat.context, dmabuffs_accel_queue_id(desk.queue));
	ASSERT_EQ(info.flags, flags);
	ASSERT_EQ(info.entries, 16);
	ASSERT_EQ(info.attached, 1);
	ASSERT_EQ(info.submitted, 100);
	ASSERT_EQ(info.completed, 100);
	ASSERT_EQ(info.state, ACCEL_QUEUE_RUNNING);
	ASSERT_EQ(info.fault.reason, ACCEL_FAULT_NONE);
	desk_end(&desk);
	expect_unused(instance, SOFT0);
}

static void mediated(struct instance *instance)
{
	commands_of(instance, 0);
}

static void user_mode(struct instance *instance)
{
	commands_of(instance, ACCEL_QUEUE_USER);
}

static void refused_queues(struct instance *instance)
{
	struct accel_queue_create bad[] = {
		{.entries = 0},
		{.entries = 8},
		{.entries = 17},
		{.entries = 8192},
		{.entries = 16, .reserved = 1},
	};
	struct accel_queue_submit submit = {.count = 1};
	struct desk desk;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_ERR(dmabuffs_accel_call(desk.seat.context,
					       DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &bad[i]),
			   EINVAL);
	bad[0].entries = 16;
	bad[0].flags = 1U << 20;
	ASSERT_ERR(dmabuffs_accel_call(desk.seat.context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE,
				       &bad[0]),
		   EOPNOTSUPP);
	/* User-mode queues refuse batches by ioctl. */
	submit.queue = dmabuffs_accel_queue_id(desk.queue);
	ASSERT_ERR(dmabuffs_accel_call(desk.seat.context, DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT,
				       &submit),
		   EOPNOTSUPP);
	submit.queue = 9999;
	ASSERT_ERR(dmabuffs_accel_call(desk.seat.context, DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT,
				       &submit),
		   ENOENT);
	desk_end(&desk);
}

struct batch {
	struct dmabuffs_accel_queue *queue;
	struct accel_command commands[16];
	uint64_t index;
};

static bool is_taken(void *data)
{
	struct batch *batch = data;
	int r = dmabuffs_accel_queue_submit(batch->queue, batch->commands, 16,
					    &batch->index);

	ASSERT(r == 0 || r == -EAGAIN);
	return r == 0;
}

/* A full queue refuses a batch as a whole. */
static void full(struct instance *instance, uint32_t flags)
{
	struct desk desk;
	struct batch batch;
	uint32_t fence;

	desk_start(&desk, instance, flags, 16);
	fence = make_fence(desk.seat.context);
	batch.queue = desk.queue;
	for (size_t i = 0; i < 16; i++)
		batch.commands[i] = wait_fence(fence, i + 1);
	ASSERT(is_taken(&batch));
	/* The commands that the device has fetched make room for one more batch. */
	ASSERT(wait_until(is_taken, &batch));
	ASSERT_EQ(batch.index, 16);
	ASSERT(!is_taken(&batch));
	ASSERT_ERR(dmabuffs_accel_queue_submit(desk.queue, batch.commands, 1, NULL),
		   EAGAIN);
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, 0, 0), ETIMEDOUT);
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, 0, 2000000), ETIMEDOUT);
	raise_fence(desk.seat.context, fence, 4);
	ASSERT_OK(dmabuffs_accel_queue_wait(desk.queue, 3, WAIT_NS));
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, 4, 0), ETIMEDOUT);
	raise_fence(desk.seat.context, fence, 16);
	ASSERT_OK(dmabuffs_accel_queue_wait(desk.queue, 15, WAIT_NS));
	desk_end(&desk);
}

static void full_mediated(struct instance *instance)
{
	full(instance, 0);
}

static void full_user_mode(struct instance *instance)
{
	full(instance, ACCEL_QUEUE_USER);
}

/* ---- completion -------------------------------------------------------------------- */

static bool word_is_there(void *data)
{
	return __atomic_load_n((uint64_t *)data, __ATOMIC_ACQUIRE) == 42;
}

/* Polls memory only: results of earlier commands are visible once the word is. */
static void completion_word(struct instance *instance)
{
	struct accel_command commands[2];
	struct desk desk;
	uint64_t *word;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	word = (void *)(desk.region.bytes + 2 * PAGE);
	commands[0] = fill(desk.region.asid, desk.region.iova, 2 * PAGE, 0x42);
	commands[1] = store(desk.region.asid, desk.region.iova + 2 * PAGE, 42);
	for (int i = 0; i < 50; i++) {
		memset(desk.region.bytes, 0, desk.region.size);
		ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, commands, 2, NULL));
		ASSERT(wait_until(word_is_there, word));
		ASSERT(is_filled(&desk.region, 0, 2 * PAGE, 0x42));
	}
	desk_end(&desk);
}

static void expect_notice(const struct desk *desk, uint64_t index)
{
	struct accel_event event;

	ASSERT(wait_ready(desk->seat.context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(desk->seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_COMPLETED);
	ASSERT_EQ(event.object, dmabuffs_accel_queue_id(desk->queue));
	ASSERT_EQ(event.value, index);
	ASSERT_EQ(dmabuffs_accel_queue_completed(desk->queue) > index, 1);
}

static void notified(struct instance *instance)
{
	struct accel_command commands[3] = {nop(), nop(), nop()};
	struct desk desk;
	uint64_t index;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	commands[1].flags = ACCEL_COMMAND_NOTIFY;
	for (int i = 0; i < 20; i++) {
		ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, commands, 3, &index));
		expect_notice(&desk, index + 1);
	}
	ASSERT(!wait_ready(desk.seat.context, POLLIN, 0));
	desk_end(&desk);
}

/* Submitter and device sleep alternately, and each wakes the other. */
static void both_asleep(struct instance *instance)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	struct desk desk;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	for (int i = 0; i < 100; i++) {
		expect_done(desk.queue,
			    store(desk.region.asid, desk.region.iova, (uint64_t)i));
		/* Lets the engine sleep in every second round. */
		if (i % 2)
			nanosleep(&pause, NULL);
	}
	desk_end(&desk);
}

/* ---- fences ------------------------------------------------------------------------ */

struct relay {
	const struct instance *instance;
	int context;
	uint32_t fences[2], asid;
	uint64_t iova;
};

/* Waits for the first fence, doubles the value, raises the second. */
static void second_runner(int peer, void *data)
{
	const struct relay *relay = data;
	struct dmabuffs_accel_queue *queue;
	struct seat seat;
	uint64_t index;

	seat_take(&seat, relay->instance, relay->context);
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_accel_queue_id(queue), relay->asid));
	for (uint64_t i = 1; i <= 50; i++) {
		const struct accel_command commands[] = {
			wait_fence(relay->fences[0], i),
			copy(relay->asid, relay->iova + PAGE, relay->asid, relay->iova,
			     PAGE),
			signal_fence(relay->fences[1], i),
		};

		ASSERT_OK(dmabuffs_accel_queue_submit(queue, commands, 3, &index));
		if (i == 1)
			peer_signal(peer);
		ASSERT_OK(dmabuffs_accel_queue_wait(queue, index + 2, WAIT_NS));
	}
	peer_wait(peer);
}

/* Two queues in two processes, synchronized by fences only. */
static void fences_across_processes(struct instance *instance)
{
	struct desk desk;
	struct relay relay;
	struct child child;
	uint64_t index;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	relay = (struct relay){
		.instance = instance,
		.context = desk.seat.context,
		.fences = {make_fence(desk.seat.context), make_fence(desk.seat.context)},
		.asid = desk.region.asid,
		.iova = desk.region.iova};
	child_start(&child, USER(1001), second_runner, &relay);
	peer_wait(child.peer);
	for (uint64_t i = 1; i <= 50; i++) {
		const struct accel_command commands[] = {
			fill(relay.asid, relay.iova, PAGE, (uint8_t)i),
			signal_fence(relay.fences[0], i),
			wait_fence(relay.fences[1], i),
			copy(relay.asid, relay.iova + 2 * PAGE, relay.asid,
			     relay.iova + PAGE, PAGE),
		};

		ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, commands, 4, &index));
		ASSERT_OK(dmabuffs_accel_queue_wait(desk.queue, index + 3, WAIT_NS));
		ASSERT(is_filled(&desk.region, 0, 3 * PAGE, (uint8_t)i));
	}
	peer_signal(child.peer);
	child_wait(&child);
	desk_end(&desk);
}

static void fence_rules(struct instance *instance)
{
	struct accel_fence fence = {.value = 5}, query;
	struct accel_command command;
	struct accel_fault fault;
	struct desk desk;
	uint64_t index;
	int context;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	context = desk.seat.context;
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &fence));
	query = fence;
	raise_fence(context, fence.id, 3);
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_QUERY, &query));
	ASSERT_EQ(query.value, 5);
	expect_done(desk.queue, wait_fence(fence.id, 5));
	expect_done(desk.queue, signal_fence(fence.id, 9));
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_QUERY, &query));
	ASSERT_EQ(query.value, 9);
	expect_fault(desk.queue, wait_fence(9999, 1), ACCEL_FAULT_FENCE, 0);
	expect_fault(desk.queue, signal_fence(desk.region.asid, 1), ACCEL_FAULT_FENCE, 0);
	/* Destroy the fence while a command waits for it. */
	command = wait_fence(fence.id, 10);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, &command, 1, &index));
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index, 2000000), ETIMEDOUT);
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_FENCE_DESTROY, fence.id));
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index, WAIT_NS), EIO);
	ASSERT_OK(dmabuffs_accel_queue_fault(desk.queue, &fault));
	ASSERT_EQ(fault.reason, ACCEL_FAULT_FENCE);
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_QUERY, &query),
		   ENOENT);
	desk_end(&desk);
}

static uint32_t make_fence_of(int context, uint32_t signaller)
{
	struct accel_fence fence = {.signaller = signaller};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &fence));
	return fence.id;
}

/* A queue of the context, which ends without a signal. */
static void hold_queue(int peer, void *data)
{
	const struct relay *relay = data;
	struct seat seat;
	uint32_t id;

	seat_take(&seat, relay->instance, relay->context);
	id = dmabuffs_accel_queue_id(make_queue(&seat));
	peer_put(peer, &id, sizeof(id));
	pause();
}

/*
 * The process that was to submit the signal is killed. The context lives on, and so does
 * the process's queue, until another process of the context destroys it.
 */
static void fence_of_the_dead(struct instance *instance)
{
	struct accel_command wait;
	struct accel_fault fault;
	struct relay relay;
	struct child child;
	struct desk desk;
	uint64_t index;
	uint32_t id;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	relay = (struct relay){.instance = instance, .context = desk.seat.context};
	child_start(&child, USER(1001), hold_queue, &relay);
	peer_get(child.peer, &id, sizeof(id));
	wait = wait_fence(make_fence_of(desk.seat.context, id), 1);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, &wait, 1, &index));
	child_kill(&child, SIGKILL);
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index, 2000000), ETIMEDOUT);
	ASSERT_OK(object_call(desk.seat.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, id));
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index, WAIT_NS), EIO);
	ASSERT_OK(dmabuffs_accel_queue_fault(desk.queue, &fault));
	ASSERT_EQ(fault.reason, ACCEL_FAULT_FENCE);
	desk_end(&desk);
}

static void hold_context(int peer, void *data)
{
	peer_signal(peer);
	pause();
}

static bool is_dead(void *data)
{
	const struct raw_ring *ring = data;

	return __atomic_load_n(&ring->header->state, __ATOMIC_ACQUIRE) ==
	       ACCEL_QUEUE_DEAD;
}

/* The last process that could signal is killed; another one waits with its ring alone. */
static void last_signaller_is_killed(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	struct accel_command wait = wait_fence(make_fence(context), 1);
	struct raw_ring ring;
	struct child child;

	raw_ring_start(&ring, instance, context, 16);
	raw_ring_submit(&ring, &wait, 1);
	child_start(&child, NULL, hold_context, NULL);
	peer_wait(child.peer);
	close(context);
	ASSERT(!is_dead(&ring));
	child_kill(&child, SIGKILL);
	ASSERT(wait_until(is_dead, &ring));
	raw_ring_end(&ring);
	expect_unused(instance, SOFT0);
}

/* ---- the number of queues of a device ---------------------------------------------- */

static void hold_queues(int peer, void *data)
{
	struct seat seat;

	seat_open(&seat, data, SOFT0);
	for (int i = 0; i < 2; i++)
		make_queue(&seat);
	peer_signal(peer);
	peer_wait(peer);
}

static bool queues_are_free(void *data)
{
	return device_info(data, SOFT0).queues_free == 2;
}

static void all_in_use(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue, *extra;
	struct child child;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	child_start(&child, USER(1001), hold_queues, instance);
	peer_wait(child.peer);
	ASSERT_EQ(device_info(instance, SOFT0).queues, 2);
	ASSERT_EQ(device_info(instance, SOFT0).queues_free, 0);
	/* Another user still gets an equal share of the two, and no more. */
	extra = make_queue(&seat);
	expect_done(extra, nop());
	ASSERT_ERR(dmabuffs_accel_queue_create(seat.library, seat.context,
					       ACCEL_QUEUE_USER, 16, 0, &queue),
		   EBUSY);
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
			      dmabuffs_accel_queue_id(extra)));
	dmabuffs_accel_queue_close(extra);
	ASSERT_EQ(device_info(instance, SOFT0).queues_free, 0);
	child_kill(&child, SIGKILL);
	ASSERT(wait_until(queues_are_free, instance));
	queue = make_queue(&seat);
	expect_done(queue, nop());
	ASSERT_EQ(device_info(instance, SOFT0).queues_free, 1);
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
			      dmabuffs_accel_queue_id(queue)));
	ASSERT(wait_until(queues_are_free, instance));
	dmabuffs_accel_queue_close(queue);
	seat_close(&seat);
}

/* Another process continues a queue where the first left it. */
static void go_on_with(int peer, void *data)
{
	const struct relay *relay = data;
	struct dmabuffs_accel_queue *queue;
	struct seat seat;
	uint64_t index;

	seat_take(&seat, relay->instance, relay->context);
	ASSERT_OK(dmabuffs_accel_queue_open(seat.library, seat.context, relay->fences[0],
					    &queue));
	for (uint64_t i = 0; i < 20; i++) {
		const struct accel_command command = nop();

		ASSERT_OK(dmabuffs_accel_queue_submit(queue, &command, 1, &index));
		ASSERT_EQ(index, 20 + i);
		ASSERT_OK(dmabuffs_accel_queue_wait(queue, index, WAIT_NS));
	}
	dmabuffs_accel_queue_close(queue);
}

static void handed_on(struct instance *instance)
{
	struct relay relay = {.instance = instance};
	struct child child;
	struct desk desk;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	for (int i = 0; i < 20; i++)
		expect_done(desk.queue, nop());
	relay.context = desk.seat.context;
	relay.fences[0] = dmabuffs_accel_queue_id(desk.queue);
	child_start(&child, USER(1001), go_on_with, &relay);
	child_wait(&child);
	ASSERT_EQ(dmabuffs_accel_queue_completed(desk.queue), 40);
	desk_end(&desk);
}

const struct test_case test_cases[] = {
	{"queue_mediated", mediated},
	{"queue_user_mode", user_mode},
	{"queue_refused", refused_queues},
	{"queue_full_mediated", full_mediated},
	{"queue_full_user_mode", full_user_mode},
	{"queue_completion_word", completion_word},
	{"queue_notified", notified},
	{"queue_both_asleep", both_asleep},
	{"queue_fences_across_processes", fences_across_processes},
	{"queue_fence_rules", fence_rules},
	{"queue_fence_of_the_dead", fence_of_the_dead},
	{"queue_last_signaller_is_killed", last_signaller_is_killed},
	{"queue_all_in_use", all_in_use, "accel=soft0:queues=2"},
	{"queue_handed_on", handed_on},
	{0},
};
