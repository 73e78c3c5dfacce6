/* SPDX-License-Identifier: MIT */
/* test-accel-queue.c - queues: commands, completion, fences, faults, and their number */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"
#include "syscalls.h"

/* A seat with a queue and memory that is attached to it. */
struct scene {
	struct seat seat;
	struct dmabuffs_queue *queue;
	struct region region;
};

static void scene_start(struct scene *scene, const struct instance *instance,
			uint32_t queue_flags, uint32_t entries)
{
	seat_open(&scene->seat, instance, SOFT0);
	scene->queue = make_queue_with(&scene->seat, queue_flags, entries, 0);
	region_create(&scene->seat, &scene->region, 4 * PAGE);
	attach_region(&scene->seat, scene->queue, &scene->region);
}

static void scene_end(struct scene *scene)
{
	dmabuffs_queue_close(scene->queue);
	region_finish(&scene->region);
	seat_close(&scene->seat);
}

/* ---- submission -------------------------------------------------------------------- */

/* Fills a page, copies it on twice, and stores a word: the last two see the first. */
static void run_batch(struct scene *scene, uint8_t byte)
{
	const struct region *region = &scene->region;
	uint32_t asid = region->asid;
	uint64_t iova = region->iova, index, again;
	const struct accel_command commands[] = {
		fill(asid, iova, PAGE, byte),
		copy(asid, iova + PAGE, asid, iova, PAGE),
		copy(asid, iova + 2 * PAGE, asid, iova + PAGE, PAGE),
		store(asid, iova + 3 * PAGE, 0x0123456789abcdef),
	};
	uint64_t word;

	memset(region->bytes, 0, region->size);
	ASSERT_OK(dmabuffs_queue_submit(scene->queue, commands, 4, &index));
	ASSERT_OK(dmabuffs_queue_wait(scene->queue, index + 3, WAIT_NS));
	ASSERT(is_filled(region, 0, 3 * PAGE, byte));
	memcpy(&word, region->bytes + 3 * PAGE, sizeof(word));
	ASSERT_EQ(word, 0x0123456789abcdef);
	ASSERT_EQ(dmabuffs_queue_completed(scene->queue), index + 4);
	ASSERT_OK(dmabuffs_queue_submit(scene->queue, commands, 1, &again));
	ASSERT_EQ(again, index + 4);
	ASSERT_OK(dmabuffs_queue_wait(scene->queue, again, WAIT_NS));
}

static void commands_of(struct instance *instance, uint32_t flags)
{
	const struct accel_command many[17] = { nop() };
	struct accel_queue_info info;
	struct scene scene;

	scene_start(&scene, instance, flags, 16);
	for (int i = 0; i < 20; i++)
		run_batch(&scene, (uint8_t)(i + 1));
	ASSERT_ERR(dmabuffs_queue_submit(scene.queue, many, 0, NULL), EINVAL);
	ASSERT_ERR(dmabuffs_queue_submit(scene.queue, many, 17, NULL), EINVAL);
	info = queue_info(scene.seat.context, dmabuffs_queue_id(scene.queue));
	ASSERT_EQ(info.flags, flags);
	ASSERT_EQ(info.entries, 16);
	ASSERT_EQ(info.attached, 1);
	ASSERT_EQ(info.submitted, 100);
	ASSERT_EQ(info.completed, 100);
	ASSERT_EQ(info.state, ACCEL_QUEUE_RUNNING);
	ASSERT_EQ(info.fault.reason, ACCEL_FAULT_NONE);
	scene_end(&scene);
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
		{ .entries = 0 },
		{ .entries = 8 },
		{ .entries = 17 },
		{ .entries = 8192 },
		{ .entries = 16, .reserved = 1 },
	};
	struct accel_queue_submit submit = { .count = 1 };
	struct scene scene;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_ERR(dmabuffs_accel_call(scene.seat.context, ACCEL_IOC_QUEUE_CREATE,
					       &bad[i]),
			   EINVAL);
	bad[0].entries = 16;
	bad[0].flags = 1U << 20;
	ASSERT_ERR(dmabuffs_accel_call(scene.seat.context, ACCEL_IOC_QUEUE_CREATE, &bad[0]),
		   EOPNOTSUPP);
	/* A user-mode queue takes no batches. */
	submit.queue = dmabuffs_queue_id(scene.queue);
	ASSERT_ERR(dmabuffs_accel_call(scene.seat.context, ACCEL_IOC_QUEUE_SUBMIT, &submit),
		   EOPNOTSUPP);
	submit.queue = 9999;
	ASSERT_ERR(dmabuffs_accel_call(scene.seat.context, ACCEL_IOC_QUEUE_SUBMIT, &submit),
		   ENOENT);
	scene_end(&scene);
}

struct batch {
	struct dmabuffs_queue *queue;
	struct accel_command commands[16];
	uint64_t index;
};

static bool is_taken(void *data)
{
	struct batch *batch = data;
	int r = dmabuffs_queue_submit(batch->queue, batch->commands, 16, &batch->index);

	ASSERT(r == 0 || r == -EAGAIN);
	return r == 0;
}

/* No room: all of a batch is taken or none of it. */
static void full(struct instance *instance, uint32_t flags)
{
	struct scene scene;
	struct batch batch;
	uint32_t fence;

	scene_start(&scene, instance, flags, 16);
	fence = make_fence(scene.seat.context);
	batch.queue = scene.queue;
	for (size_t i = 0; i < 16; i++)
		batch.commands[i] = wait_fence(fence, i + 1);
	ASSERT(is_taken(&batch));
	/* What the device has fetched makes room, once. */
	ASSERT(wait_until(is_taken, &batch));
	ASSERT_EQ(batch.index, 16);
	ASSERT(!is_taken(&batch));
	ASSERT_ERR(dmabuffs_queue_submit(scene.queue, batch.commands, 1, NULL), EAGAIN);
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, 0, 0), ETIMEDOUT);
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, 0, 2000000), ETIMEDOUT);
	raise_fence(scene.seat.context, fence, 4);
	ASSERT_OK(dmabuffs_queue_wait(scene.queue, 3, WAIT_NS));
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, 4, 0), ETIMEDOUT);
	raise_fence(scene.seat.context, fence, 16);
	ASSERT_OK(dmabuffs_queue_wait(scene.queue, 15, WAIT_NS));
	scene_end(&scene);
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

/* By looking at memory alone: what came before the word is there when the word is. */
static void completion_word(struct instance *instance)
{
	struct accel_command commands[2];
	struct scene scene;
	uint64_t *word;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	word = (void *)(scene.region.bytes + 2 * PAGE);
	commands[0] = fill(scene.region.asid, scene.region.iova, 2 * PAGE, 0x42);
	commands[1] = store(scene.region.asid, scene.region.iova + 2 * PAGE, 42);
	for (int i = 0; i < 50; i++) {
		memset(scene.region.bytes, 0, scene.region.size);
		ASSERT_OK(dmabuffs_queue_submit(scene.queue, commands, 2, NULL));
		ASSERT(wait_until(word_is_there, word));
		ASSERT(is_filled(&scene.region, 0, 2 * PAGE, 0x42));
	}
	scene_end(&scene);
}

static void expect_notice(const struct scene *scene, uint64_t index)
{
	struct accel_event event;

	ASSERT(wait_ready(scene->seat.context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(scene->seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_COMPLETED);
	ASSERT_EQ(event.object, dmabuffs_queue_id(scene->queue));
	ASSERT_EQ(event.value, index);
	ASSERT_EQ(dmabuffs_queue_completed(scene->queue) > index, 1);
}

static void notified(struct instance *instance)
{
	struct accel_command commands[3] = { nop(), nop(), nop() };
	struct scene scene;
	uint64_t index;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	commands[1].flags = ACCEL_COMMAND_NOTIFY;
	for (int i = 0; i < 20; i++) {
		ASSERT_OK(dmabuffs_queue_submit(scene.queue, commands, 3, &index));
		expect_notice(&scene, index + 1);
	}
	ASSERT(!wait_ready(scene.seat.context, POLLIN, 0));
	scene_end(&scene);
}

/* The submitter and the device sleep in turn: each wakes the other. */
static void both_asleep(struct instance *instance)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct scene scene;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	for (int i = 0; i < 100; i++) {
		expect_done(scene.queue, store(scene.region.asid, scene.region.iova,
					       (uint64_t)i));
		/* So that the engine is asleep every other time. */
		if (i % 2)
			nanosleep(&pause, NULL);
	}
	scene_end(&scene);
}

/* ---- fences ------------------------------------------------------------------------ */

struct relay {
	const struct instance *instance;
	int context;
	uint32_t fences[2], asid;
	uint64_t iova;
};

/* Waits for the first fence, doubles what is there, raises the second. */
static void second_runner(int peer, void *data)
{
	const struct relay *relay = data;
	struct dmabuffs_queue *queue;
	struct seat seat;
	uint64_t index;

	seat_take(&seat, relay->instance, relay->context);
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_queue_id(queue), relay->asid));
	for (uint64_t i = 1; i <= 50; i++) {
		const struct accel_command commands[] = {
			wait_fence(relay->fences[0], i),
			copy(relay->asid, relay->iova + PAGE, relay->asid, relay->iova, PAGE),
			signal_fence(relay->fences[1], i),
		};

		ASSERT_OK(dmabuffs_queue_submit(queue, commands, 3, &index));
		if (i == 1)
			peer_signal(peer);
		ASSERT_OK(dmabuffs_queue_wait(queue, index + 2, WAIT_NS));
	}
	peer_wait(peer);
}

/* Two queues of two processes, in step by fences alone. */
static void fences_across_processes(struct instance *instance)
{
	struct scene scene;
	struct relay relay;
	struct child child;
	uint64_t index;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	relay = (struct relay){ .instance = instance,
				.context = scene.seat.context,
				.fences = { make_fence(scene.seat.context),
					    make_fence(scene.seat.context) },
				.asid = scene.region.asid,
				.iova = scene.region.iova };
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

		ASSERT_OK(dmabuffs_queue_submit(scene.queue, commands, 4, &index));
		ASSERT_OK(dmabuffs_queue_wait(scene.queue, index + 3, WAIT_NS));
		ASSERT(is_filled(&scene.region, 0, 3 * PAGE, (uint8_t)i));
	}
	peer_signal(child.peer);
	child_wait(&child);
	scene_end(&scene);
}

static void fence_rules(struct instance *instance)
{
	struct accel_fence fence = { .value = 5 }, query;
	struct accel_command command;
	struct accel_fault fault;
	struct scene scene;
	uint64_t index;
	int context;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	context = scene.seat.context;
	ASSERT_OK(dmabuffs_accel_call(context, ACCEL_IOC_FENCE_CREATE, &fence));
	query = fence;
	raise_fence(context, fence.id, 3);
	ASSERT_OK(dmabuffs_accel_call(context, ACCEL_IOC_FENCE_QUERY, &query));
	ASSERT_EQ(query.value, 5);
	expect_done(scene.queue, wait_fence(fence.id, 5));
	expect_done(scene.queue, signal_fence(fence.id, 9));
	ASSERT_OK(dmabuffs_accel_call(context, ACCEL_IOC_FENCE_QUERY, &query));
	ASSERT_EQ(query.value, 9);
	expect_fault(scene.queue, wait_fence(9999, 1), ACCEL_FAULT_FENCE, 0);
	expect_fault(scene.queue, signal_fence(scene.region.asid, 1), ACCEL_FAULT_FENCE, 0);
	/* Destroyed while it is waited for. */
	command = wait_fence(fence.id, 10);
	ASSERT_OK(dmabuffs_queue_submit(scene.queue, &command, 1, &index));
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, index, 2000000), ETIMEDOUT);
	ASSERT_OK(object_call(context, ACCEL_IOC_FENCE_DESTROY, fence.id));
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, index, WAIT_NS), EIO);
	ASSERT_OK(dmabuffs_queue_fault(scene.queue, &fault));
	ASSERT_EQ(fault.reason, ACCEL_FAULT_FENCE);
	ASSERT_ERR(dmabuffs_accel_call(context, ACCEL_IOC_FENCE_QUERY, &query), ENOENT);
	scene_end(&scene);
}

/* ---- faults ------------------------------------------------------------------------ */

static void fault_record(struct instance *instance, uint32_t flags)
{
	struct accel_command batch[5];
	struct accel_queue_info info;
	struct accel_event event;
	struct accel_fault fault;
	struct scene scene, other;
	uint64_t bad, index;

	scene_start(&scene, instance, flags, 16);
	scene_start(&other, instance, flags, 16);
	bad = scene.region.iova + 4 * PAGE;
	for (unsigned int i = 0; i < 5; i++)
		batch[i] = fill(scene.region.asid, scene.region.iova + i * 8, 8, 0x99);
	/* The first byte that it cannot have is after two good ones. */
	batch[2].dst = bad - 2;
	expect_done(scene.queue, nop());
	ASSERT_ERR(dmabuffs_queue_fault(scene.queue, &fault), ENODATA);
	ASSERT_OK(dmabuffs_queue_submit(scene.queue, batch, 5, &index));
	ASSERT_EQ(index, 1);
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, index + 4, WAIT_NS), EIO);
	ASSERT_OK(dmabuffs_queue_wait(scene.queue, index + 1, 0));
	ASSERT_ERR(dmabuffs_queue_wait(scene.queue, index + 2, 0), EIO);
	ASSERT_OK(dmabuffs_queue_fault(scene.queue, &fault));
	ASSERT_EQ(fault.index, 3);
	ASSERT_EQ(fault.address, bad);
	ASSERT_EQ(fault.reason, ACCEL_FAULT_UNMAPPED);
	ASSERT_EQ(fault.asid, scene.region.asid);
	ASSERT_EQ(fault.count, 1);
	info = queue_info(scene.seat.context, dmabuffs_queue_id(scene.queue));
	ASSERT_EQ(info.state, ACCEL_QUEUE_FAULTED);
	ASSERT_EQ(info.completed, 3);
	ASSERT_EQ(memcmp(&info.fault, &fault, sizeof(fault)), 0);
	ASSERT_EQ(SYS(read(scene.seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_FAULT);
	ASSERT_EQ(event.object, dmabuffs_queue_id(scene.queue));
	ASSERT_EQ(event.value, 3);
	ASSERT_EQ(event.address, bad);
	ASSERT_EQ(event.reason, ACCEL_FAULT_UNMAPPED);
	ASSERT_EQ(event.asid, scene.region.asid);

	/* The two before were done, those after were not, and nothing is taken now. */
	ASSERT(is_filled(&scene.region, 0, 16, 0x99));
	ASSERT(is_filled(&scene.region, 16, 40, 0));
	ASSERT_ERR(dmabuffs_queue_submit(scene.queue, batch, 1, &index), EIO);
	/* A neighbour has not noticed. */
	run_batch(&other, 0x11);
	ASSERT_OK(dmabuffs_queue_reset(scene.queue));
	ASSERT_ERR(dmabuffs_queue_reset(scene.queue), EINVAL);
	ASSERT_ERR(dmabuffs_queue_fault(scene.queue, &fault), ENODATA);
	run_batch(&scene, 0x22);
	scene_end(&scene);
	scene_end(&other);
}

static void fault_mediated(struct instance *instance)
{
	fault_record(instance, 0);
}

static void fault_user_mode(struct instance *instance)
{
	fault_record(instance, ACCEL_QUEUE_USER);
}

static void fault_reasons(struct instance *instance)
{
	struct accel_command command;
	struct scene scene;
	uint32_t asid;
	uint64_t iova, only_read;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	asid = scene.region.asid;
	iova = scene.region.iova;
	ASSERT_OK(map_anywhere(scene.seat.context, asid, scene.region.buffer, PAGE,
			       ACCEL_MAP_READ, &only_read));
	expect_fault(scene.queue, fill(asid, iova, 0, 1), ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.op = ACCEL_OP_COUNT;
	expect_fault(scene.queue, command, ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.flags = 1U << 15;
	expect_fault(scene.queue, command, ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.dst = iova;
	expect_fault(scene.queue, command, ACCEL_FAULT_COMMAND, 0);
	expect_fault(scene.queue, fill(9999, iova, 8, 1), ACCEL_FAULT_ASID, iova);
	expect_fault(scene.queue, copy(asid, iova, 0, iova + PAGE, 8), ACCEL_FAULT_ASID,
		     iova + PAGE);
	expect_fault(scene.queue, copy(asid, iova, asid, 8, 8), ACCEL_FAULT_UNMAPPED, 8);
	expect_fault(scene.queue, fill(asid, -8UL, 16, 1), ACCEL_FAULT_UNMAPPED, -8UL);
	expect_fault(scene.queue, fill(asid, only_read, 8, 1), ACCEL_FAULT_PERMISSION,
		     only_read);
	expect_done(scene.queue, copy(asid, iova, asid, only_read + 8, 8));
	command = copy(asid, iova, asid, iova + PAGE + 1, 16);
	command.op = ACCEL_OP_VADD;
	command.src2_asid = asid;
	command.src2 = iova + 2 * PAGE;
	expect_fault(scene.queue, command, ACCEL_FAULT_ALIGNMENT, iova + PAGE + 1);
	ASSERT(is_filled(&scene.region, 0, 4 * PAGE, 0));
	scene_end(&scene);
}

/* A queue that faults again and again is put aside; its owner goes on with another. */
static void isolated(struct instance *instance)
{
	struct accel_queue_info info;
	struct scene scene;
	uint32_t id;
	int n = 0;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	id = dmabuffs_queue_id(scene.queue);
	do {
		ASSERT(n++ < 1000);
		ASSERT_ERR(run_command(scene.queue, fill(9999, 0, 8, 1)), EIO);
		info = queue_info(scene.seat.context, id);
		ASSERT_EQ(info.fault.count, n);
	} while (dmabuffs_queue_reset(scene.queue) == 0);
	ASSERT(n > 1);
	ASSERT_EQ(info.state, ACCEL_QUEUE_ISOLATED);
	ASSERT_ERR(dmabuffs_queue_reset(scene.queue), EIO);
	ASSERT_ERR(run_command(scene.queue, nop()), EIO);
	ASSERT_OK(object_call(scene.seat.context, ACCEL_IOC_QUEUE_DESTROY, id));
	ASSERT_ERR(run_command(scene.queue, nop()), ENODEV);
	dmabuffs_queue_close(scene.queue);
	scene.queue = make_queue(&scene.seat);
	attach_region(&scene.seat, scene.queue, &scene.region);
	run_batch(&scene, 0x33);
	scene_end(&scene);
}

/* ---- the device's number of queues ------------------------------------------------- */

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
	struct dmabuffs_queue *queue;
	struct child child;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	child_start(&child, USER(1001), hold_queues, instance);
	peer_wait(child.peer);
	ASSERT_EQ(device_info(instance, SOFT0).queues, 2);
	ASSERT_EQ(device_info(instance, SOFT0).queues_free, 0);
	ASSERT_ERR(dmabuffs_queue_create(seat.library, seat.context, ACCEL_QUEUE_USER, 16, 0,
					 &queue),
		   EBUSY);
	child_kill(&child, SIGKILL);
	ASSERT(wait_until(queues_are_free, instance));
	queue = make_queue(&seat);
	expect_done(queue, nop());
	ASSERT_EQ(device_info(instance, SOFT0).queues_free, 1);
	ASSERT_OK(object_call(seat.context, ACCEL_IOC_QUEUE_DESTROY, dmabuffs_queue_id(queue)));
	ASSERT(wait_until(queues_are_free, instance));
	dmabuffs_queue_close(queue);
	seat_close(&seat);
}

/* A queue goes from process to process, and goes on where it was. */
static void go_on_with(int peer, void *data)
{
	const struct relay *relay = data;
	struct dmabuffs_queue *queue;
	struct seat seat;
	uint64_t index;

	seat_take(&seat, relay->instance, relay->context);
	ASSERT_OK(dmabuffs_queue_open(seat.library, seat.context, relay->fences[0], &queue));
	for (uint64_t i = 0; i < 20; i++) {
		const struct accel_command command = nop();

		ASSERT_OK(dmabuffs_queue_submit(queue, &command, 1, &index));
		ASSERT_EQ(index, 20 + i);
		ASSERT_OK(dmabuffs_queue_wait(queue, index, WAIT_NS));
	}
	dmabuffs_queue_close(queue);
}

static void handed_on(struct instance *instance)
{
	struct relay relay = { .instance = instance };
	struct child child;
	struct scene scene;

	scene_start(&scene, instance, ACCEL_QUEUE_USER, 16);
	for (int i = 0; i < 20; i++)
		expect_done(scene.queue, nop());
	relay.context = scene.seat.context;
	relay.fences[0] = dmabuffs_queue_id(scene.queue);
	child_start(&child, USER(1001), go_on_with, &relay);
	child_wait(&child);
	ASSERT_EQ(dmabuffs_queue_completed(scene.queue), 40);
	scene_end(&scene);
}

/* ---- system calls ------------------------------------------------------------------ */

#define MANY	1000000
#define ENTRIES 4096
#define BATCH	16
#define TRIES	5

/* So that neither side waits for the other, however it is scheduled. */
static uint64_t fill_up(struct dmabuffs_queue *queue, const struct accel_command *batch)
{
	uint64_t last = 0, index;

	while (dmabuffs_queue_submit(queue, batch, BATCH, &index) == 0)
		last = index + BATCH;
	return last;
}

static void submit_many(struct dmabuffs_queue *queue)
{
	const struct accel_command batch[BATCH] = { nop() };
	uint64_t end = fill_up(queue, batch) + MANY, index = 0;

	count_mark();
	while (index + BATCH < end) {
		int r = dmabuffs_queue_submit(queue, batch, BATCH, &index);

		ASSERT(r == 0 || r == -EAGAIN);
	}
	count_mark();
	ASSERT_OK(dmabuffs_queue_wait(queue, index, WAIT_NS));
}

static void submit_for_count(int peer, void *data)
{
	struct dmabuffs_queue *queue;
	struct seat seat;

	seat_open(&seat, data, SOFT0);
	peer_signal(peer);
	peer_wait(peer);
	queue = make_queue_with(&seat, ACCEL_QUEUE_USER, ENTRIES, 0);
	expect_done(queue, nop());
	peer_signal(peer);
	for (int i = 0; i < TRIES; i++) {
		peer_wait(peer);
		submit_many(queue);
		peer_signal(peer);
	}
}

/* The threads that the daemon has more than before: the engine is one of them. */
static void find_engine(struct count *count, pid_t daemon, const pid_t *before,
			size_t n_before)
{
	pid_t now[512];
	size_t n = list_threads(daemon, now, ARRAY_SIZE(now));

	for (size_t i = 0; i < n; i++) {
		size_t known = 0;

		while (known < n_before && before[known] != now[i])
			known++;
		if (known < n_before)
			continue;
		ASSERT(count->n_threads < COUNTED_THREADS);
		count->threads[count->n_threads++] = now[i];
	}
	ASSERT(count->n_threads > 0);
}

static unsigned long engine_ticks(const struct count *count, pid_t daemon)
{
	unsigned long ticks = 0;

	for (size_t i = 0; i < count->n_threads; i++)
		ticks += thread_ticks(daemon, count->threads[i]);
	return ticks;
}

static void count_once(struct count *count, struct child *child, pid_t daemon)
{
	unsigned long ticks = engine_ticks(count, daemon);

	count_start(count);
	peer_signal(child->peer);
	count_run(count);
	peer_wait(child->peer);
	/* It was at work all the time, so it is the one that was watched. */
	ASSERT(engine_ticks(count, daemon) > ticks);
	test_note("%d commands: %lu system calls of the client, %lu of the device", MANY,
		  count->by_client, count->by_threads);
}

static void start_counting(struct count *count, struct child *child,
			   const struct instance *instance)
{
	pid_t before[512];
	size_t n;

	child_start(child, NULL, submit_for_count, (void *)instance);
	peer_wait(child->peer);
	n = list_threads(instance->pid, before, ARRAY_SIZE(before));
	peer_signal(child->peer);
	peer_wait(child->peer);
	*count = (struct count){ .client = child->pid };
	find_engine(count, instance->pid, before, n);
}

/*
 * The ring never runs dry while the device takes a few microseconds for each command,
 * unless the client is kept from running for the time of a whole ring. Then it has to
 * wake the device; on a machine with other work, that is not its fault.
 */
static void no_system_calls(struct instance *instance)
{
	struct count count;
	struct child child;
	bool none = false;

	start_counting(&count, &child, instance);
	for (int i = 0; i < TRIES && !none; i++) {
		count_once(&count, &child, instance->pid);
		ASSERT_EQ(count.by_client, count.futexes);
		none = !count.by_client && !count.by_threads;
	}
	ASSERT(none);
	child_kill(&child, SIGKILL);
}

/* At full speed both come to the end of the ring now and then, and rarely at that. */
static void few_system_calls(struct instance *instance)
{
	struct count count;
	struct child child;

	start_counting(&count, &child, instance);
	count_once(&count, &child, instance->pid);
	ASSERT_EQ(count.by_client, count.futexes);
	ASSERT(count.by_client < MANY / 100);
	child_kill(&child, SIGKILL);
}

const struct test_case test_cases[] = {
	{ "queue_mediated", mediated },
	{ "queue_user_mode", user_mode },
	{ "queue_refused", refused_queues },
	{ "queue_full_mediated", full_mediated },
	{ "queue_full_user_mode", full_user_mode },
	{ "queue_completion_word", completion_word },
	{ "queue_notified", notified },
	{ "queue_both_asleep", both_asleep },
	{ "queue_fences_across_processes", fences_across_processes },
	{ "queue_fence_rules", fence_rules },
	{ "queue_fault_mediated", fault_mediated },
	{ "queue_fault_user_mode", fault_user_mode },
	{ "queue_fault_reasons", fault_reasons },
	{ "queue_isolated", isolated },
	{ "queue_all_in_use", all_in_use, "accel=soft0:queues=2" },
	{ "queue_handed_on", handed_on },
	{ "queue_no_system_calls", no_system_calls, "accel=soft0:latency=3000", 60 },
	{ "queue_few_system_calls", few_system_calls, NULL, 60 },
	{ 0 },
};
