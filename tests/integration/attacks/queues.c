/* SPDX-License-Identifier: MIT */
/* queues.c - attacks with queues: too many, busy, destroyed, faulting */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../harness.h"
#include "../raw-accel.h"
#include "attacks.h"

#define ROUNDS    20
#define HOG_BYTES (16UL << 20)

void attack_take_queues(int peer, void *data)
{
	const struct scene *scene = data;
	int context = ASSERT_OK(raw_context(scene->instance));

	for (int i = 0; i < ATTACK_USER_QUEUES; i++)
		ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	ASSERT_ERR(raw_accel_queue(context, 0, ACCEL_RING_MIN), EDQUOT);
	peer_signal(peer);
	pause();
}

/* A context whose queues each copy 8 MiB. */
static void queues_start_copies(int context, uint32_t queues[ATTACK_USER_QUEUES])
{
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, 16 << 20));
	struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = asid,
		.src_asid = asid,
		.dst = JOB_IOVA + (8 << 20),
		.src = JOB_IOVA,
		.length = 8 << 20,
	};

	ASSERT_OK(raw_accel_map(context, asid, buffer, 16 << 20, JOB_IOVA));
	for (int i = 0; i < ATTACK_USER_QUEUES; i++) {
		queues[i] =
			(uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
		ASSERT_OK(raw_accel_attach(context, queues[i], asid));
		ASSERT_OK(raw_accel_submit(context, queues[i], &command, 1));
	}
}

/* Engines stop later than their queues are destroyed, which is not the user's fault. */
void attack_remake_queues(int peer, void *data)
{
	const struct scene *scene = data;
	uint32_t queues[ATTACK_USER_QUEUES];

	peer_signal(peer);
	for (int round = 0; round < ROUNDS; round++) {
		int context = ASSERT_OK(raw_context(scene->instance));

		queues_start_copies(context, queues);
		for (int i = 0; round % 2 && i < ATTACK_USER_QUEUES; i++)
			ASSERT_OK(raw_accel_object(
				context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, queues[i]));
		close(context);
	}
}

/* ---- endless work ------------------------------------------------------------------ */

/* As many queues as possible, filled with the command. */
static void queues_fill(struct raw_ring rings[ATTACK_USER_QUEUES],
			const struct instance *instance, struct accel_command *command)
{
	int context = ASSERT_OK(raw_context(instance));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0)), buffer;

	buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, 2 * HOG_BYTES));
	ASSERT_OK(raw_accel_map(context, asid, buffer, 2 * HOG_BYTES, JOB_IOVA));
	if (command->op != ACCEL_OP_NOP)
		command->dst_asid = command->src_asid = asid;
	if (command->op == ACCEL_OP_MATMUL)
		command->src2_asid = asid;
	for (size_t i = 0; i < ATTACK_USER_QUEUES; i++) {
		raw_ring_start(&rings[i], instance, context, 256);
		ASSERT_OK(raw_accel_attach(context, rings[i].queue, asid));
		for (int n = 0; n < 256; n++)
			raw_ring_submit(&rings[i], command, 1);
	}
}

static void queues_hog(int peer, const struct scene *scene, struct accel_command command)
{
	struct raw_ring rings[ATTACK_USER_QUEUES];

	queues_fill(rings, scene->instance, &command);
	peer_signal(peer);
	for (;;) {
		for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
			struct accel_ring *header = rings[i].header;

			ASSERT_EQ(header->state, ACCEL_QUEUE_RUNNING);
			while (rings[i].tail - *(volatile __u64 *)&header->head < 256)
				raw_ring_submit(&rings[i], &command, 1);
		}
		sched_yield();
	}
}

void attack_endless_copies(int peer, void *scene)
{
	queues_hog(peer, scene,
		   (struct accel_command){.op = ACCEL_OP_COPY,
					  .dst = JOB_IOVA + HOG_BYTES,
					  .src = JOB_IOVA,
					  .length = HOG_BYTES});
}

void attack_endless_products(int peer, void *scene)
{
	queues_hog(peer, scene,
		   (struct accel_command){.op = ACCEL_OP_MATMUL,
					  .dst = JOB_IOVA,
					  .src = JOB_IOVA + (4 << 20),
					  .src2 = JOB_IOVA + (8 << 20),
					  .rows = 512,
					  .columns = 512,
					  .inner = 512});
}

void attack_endless_events(int peer, void *scene)
{
	queues_hog(peer, scene,
		   (struct accel_command){.op = ACCEL_OP_NOP,
					  .flags = ACCEL_COMMAND_NOTIFY});
}

/* ---- endless calls ----------------------------------------------------------------- */

struct callers {
	const struct instance *instance;
	int context;
	uint32_t asid, buffer, queue;
	atomic_bool stop;
};

static void *queues_call(void *data)
{
	struct callers *callers = data;
	struct accel_asid_unmap unmap = {.asid = callers->asid, .length = UINT64_MAX};
	struct pollfd poll_context = {.fd = callers->context, .events = POLLIN};
	struct accel_event events[4];

	while (!callers->stop) {
		struct accel_asid_map map = {.flags = ACCEL_MAP_READ,
					     .asid = callers->asid,
					     .buffer = callers->buffer,
					     .length = PAGE};

		ASSERT_OK(raw_accel(callers->context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map));
		unmap.length = UINT64_MAX;
		ASSERT_OK(raw_accel(callers->context, DMABUFFS_ACCEL_IOC_ASID_UNMAP,
				    &unmap));
		raw_accel_object(callers->context, DMABUFFS_ACCEL_IOC_QUEUE_RESET,
				 callers->queue);
		poll(&poll_context, 1, 0);
		if (read(callers->context, events, sizeof(events)) < 0)
			ASSERT_EQ(errno, EAGAIN);
	}
	return NULL;
}

/* Two threads per core call continuously, beside the attacker's own engine. */
void attack_endless_calls(int peer, void *data)
{
	const struct scene *scene = data;
	struct callers callers = {.instance = scene->instance};
	pthread_t threads[8];

	callers.context = ASSERT_OK(raw_context(scene->instance));
	callers.asid = (uint32_t)ASSERT_OK(raw_accel_asid(callers.context, 0));
	callers.buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(callers.context, PAGE));
	callers.queue =
		(uint32_t)ASSERT_OK(raw_accel_queue(callers.context, 0, ACCEL_RING_MIN));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, queues_call, &callers), 0);
	peer_signal(peer);
	peer_wait(peer);
	callers.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

/* ---- faults ------------------------------------------------------------------------ */

void attack_fault(int peer, void *data)
{
	const struct scene *scene = data;
	struct accel_command command = {
		.op = ACCEL_OP_FILL, .dst_asid = 9999, .length = 8};
	int context = ASSERT_OK(raw_context(scene->instance));

	srandom(scene->seed);
	peer_signal(peer);
	for (;;) {
		uint32_t queue =
			(uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));

		do {
			command.op = 1 + (uint32_t)random() % 12;
			command.dst = (uint64_t)random() << 8;
			if (raw_accel_submit(context, queue, &command, 1) < 0)
				break;
			raw_queue_fault(context, queue);
		} while (!raw_accel_object(context, DMABUFFS_ACCEL_IOC_QUEUE_RESET,
					   queue));
		ASSERT_OK(raw_accel_object(context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
					   queue));
	}
}

/* One queue waits for what another would signal after a command that faults. */
static void queues_abandon_fence(const struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	uint32_t fence = (uint32_t)ASSERT_OK(raw_accel_fence(context));
	uint32_t waiter =
		(uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	uint32_t other = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	const struct accel_command wait = {
		.op = ACCEL_OP_WAIT, .src2_asid = fence, .value = 1};
	const struct accel_command commands[] = {
		{.op = ACCEL_OP_FILL, .dst_asid = 9999, .length = 8},
		{.op = ACCEL_OP_SIGNAL, .src2_asid = fence, .value = 1},
	};

	ASSERT_OK(raw_accel_submit(context, waiter, &wait, 1));
	ASSERT_OK(raw_accel_submit(context, other, commands, 2));
	raw_queue_fault(context, other);
	close(context);
}

void attack_abandon_fences(int peer, void *data)
{
	const struct scene *scene = data;

	peer_signal(peer);
	for (;;)
		queues_abandon_fence(scene->instance);
}
