/* SPDX-License-Identifier: MIT */
/* engines.c - attacks with engines that hang in the memory of their client */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../harness.h"
#include "../raw-accel.h"
#include "attacks.h"

#define BINDERS 40 /* above the limit of concurrent calls per user */

/* Starts a queue whose command hangs in the page fault. */
static uint32_t engines_hang_queue(int context, uint32_t asid, void *page, bool write)
{
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	static uint8_t memory[PAGE];
	struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = asid,
		.src_asid = asid,
		.dst = (uintptr_t)memory,
		.src = (uintptr_t)page,
		.length = PAGE,
	};
	const struct accel_command before[] = {{.op = ACCEL_OP_NOP}};

	if (write) {
		command.src = (uintptr_t)memory;
		command.dst = (uintptr_t)page;
	}
	ASSERT_OK(raw_accel_attach(context, queue, asid));
	ASSERT_EQ(raw_accel_submit(context, queue, before, 1), 0);
	ASSERT_EQ(raw_accel_submit(context, queue, &command, 1), 1);
	ASSERT_OK(raw_queue_wait(context, queue, 1));
	return queue;
}

static uint32_t engines_bind_self(int context)
{
	int mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_sva(context, mem, maps));

	close(mem);
	close(maps);
	return asid;
}

static void engines_hang(int peer, const struct scene *scene, bool write, bool leave)
{
	int context = ASSERT_OK(raw_context(scene->instance));
	uint32_t asid = engines_bind_self(context);
	void *page = scene_hostile_page(scene);
	uint32_t queue = 0;
	uint64_t start;

	for (int i = 0; i < ATTACK_HUNG_QUEUES; i++)
		queue = engines_hang_queue(context, asid, page, write);
	peer_signal(peer);
	peer_wait(peer);
	start = now_ms();
	ASSERT_OK(raw_accel_object(context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, queue));
	if (leave)
		close(context);
	ASSERT(now_ms() - start <= PROMPT_MS);
	peer_signal(peer);
	pause();
}

void attack_hang_reading(int peer, void *scene)
{
	engines_hang(peer, scene, false, true);
}

void attack_hang_writing(int peer, void *scene)
{
	engines_hang(peer, scene, true, true);
}

void attack_hang_and_keep(int peer, void *scene)
{
	engines_hang(peer, scene, false, false);
}

struct binder {
	pthread_t thread;
	int gate, mem, maps, context; /* context 0: call mmap(2) instead */
	atomic_uint *refused;
};

static void engines_bind(struct binder *binder)
{
	long long asid;

	while ((asid = raw_accel_sva(binder->context, binder->mem, binder->maps)) >= 0)
		raw_accel_object(binder->context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
				 (uint32_t)asid);
	if (asid == -EBUSY)
		++*binder->refused;
}

/* Everything is opened beforehand: the process may block at any later point. */
static void *engines_pass_gate(void *data)
{
	struct binder *binder = data;
	char byte;

	if (read(binder->gate, &byte, 1) != 1)
		return NULL;
	if (binder->context)
		engines_bind(binder);
	else
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return NULL;
}

/*
 * The engine holds mmap_lock while it waits, a thread waits to take it for writing, and
 * from then on every other access, including each further bind, waits as well.
 */
void attack_bind_locked(int peer, void *data)
{
	const struct scene *scene = data;
	int context = ASSERT_OK(raw_context(scene->instance)), gate[2];
	void *page = scene_hostile_page(scene);
	static struct binder binders[BINDERS];
	uint32_t asid = engines_bind_self(context);

	ASSERT_OK(SYS(pipe2(gate, O_CLOEXEC)));
	for (size_t i = 0; i < BINDERS; i++) {
		binders[i].gate = gate[0];
		binders[i].refused = &scene->board->n_refused;
		binders[i].mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		binders[i].maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
		binders[i].context = i ? context : 0;
		ASSERT_EQ(pthread_create(&binders[i].thread, NULL, engines_pass_gate,
					 &binders[i]),
			  0);
	}
	engines_hang_queue(context, asid, page, false);
	for (size_t i = 0; i < BINDERS; i++)
		ASSERT_EQ(write(gate[1], "", 1), 1);
	peer_signal(peer);
	pause();
}
