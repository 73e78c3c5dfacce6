/* SPDX-License-Identifier: MIT */
/* backend.c - what the core does for backends: accel-backend.h */

#include <accel-backend.h>

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "context.h"
#include "fence.h"
#include "guard.h"
#include "memfd.h"
#include "ring.h"
#include "soft/access.h"
#include "util.h"

#define BOUNDED_NS 20000000 /* longest sleep where a wake-up can be missed */

/* Linux 5.16; headers may be older. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* ---- the queue --------------------------------------------------------------------- */

bool accel_queue_is_running(const struct accel_queue *queue)
{
	return accel_queue_state(queue) == ACCEL_QUEUE_RUNNING;
}

uint64_t accel_queue_head(const struct accel_queue *queue)
{
	return atomic_load_explicit(&queue->head, memory_order_relaxed);
}

/* ---- sleep ------------------------------------------------------------------------- */

void accel_engine_kick(uint32_t *kicks)
{
	__atomic_fetch_add(kicks, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, kicks, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void backend_wait_kick(const uint32_t *kicks, uint32_t seen,
			      const struct timespec *limit)
{
	syscall(SYS_futex, kicks, FUTEX_WAIT_PRIVATE, seen, limit, NULL, 0);
}

static void backend_wait_both(struct accel_queue *queue, const uint32_t *kicks,
			      uint32_t seen, uint32_t doorbell)
{
	const struct timespec limit = {.tv_nsec = BOUNDED_NS};
	const struct futex_waitv words[] = {
		{
			.val = seen,
			.uaddr = (uintptr_t)kicks,
			.flags = FUTEX_32 | FUTEX_PRIVATE_FLAG,
		},
		{
			.val = doorbell,
			.uaddr = (uintptr_t)&queue->ring->doorbell,
			.flags = FUTEX_32,
		},
	};

	/* Before Linux 5.16, or without the doorbell's page: not for long. */
	if (syscall(SYS_futex_waitv, words, ARRAY_SIZE(words), 0, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		backend_wait_kick(kicks, seen, &limit);
}

void accel_engine_sleep(struct accel_queue *queue, const uint32_t *kicks, uint32_t seen)
{
	struct accel_command unused;
	uint32_t doorbell;

	if (!(queue->flags & ACCEL_QUEUE_USER) || !accel_queue_is_running(queue)) {
		backend_wait_kick(kicks, seen, NULL);
		return;
	}
	if (accel_ring_prepare_sleep(queue, &doorbell) < 0)
		return; /* the next fetch reports it */
	if (accel_ring_peek(queue, 0, &unused, 1) == 0)
		backend_wait_both(queue, kicks, seen, doorbell);
	accel_ring_end_sleep(queue);
}

/* ---- memory ------------------------------------------------------------------------ */

struct caller {
	accel_access_fn fn;
	void *data;
};

static void backend_call(void *arg)
{
	const struct piece *piece = arg;
	const struct caller *caller = piece->data;

	caller->fn(piece->memory[0], piece->length, caller->data);
}

int accel_queue_access(struct accel_queue *queue, const struct accel_operand *what,
		       accel_access_fn fn, void *data, struct accel_fault *ret_fault)
{
	const struct operand like = {
		.address = what->address, .id = what->asid, .access = what->access};
	struct engine engine = {.queue = queue};
	struct operand operand = {0};
	const struct access access = {&engine, {&operand}, 1, ret_fault};
	struct caller caller = {fn, data};
	int r;

	*ret_fault = (struct accel_fault){.reason = ACCEL_FAULT_COMMAND};
	if (!what->length)
		return -EFAULT;
	r = operand_open(&operand, queue, &like, what->length, 1, ret_fault);
	if (r == 0)
		r = access_each(&access, what->length, backend_call, &caller);
	operand_close(&operand);
	free(engine.bounce);
	return r;
}

int accel_memory_alloc(void *device, uint64_t bytes, uint32_t flags)
{
	/* Revocable memory must not become pinned; and see accel_memory_scrub(). */
	int seals = flags & ACCEL_BUFFER_PINNED ? F_SEAL_SHRINK : F_SEAL_SEAL;

	return memfd_new("accel-memory", bytes, F_SEAL_GROW | seals);
}

struct area {
	void *memory;
	size_t bytes;
};

/* In place, so that holders of the pages see zeroes, too. */
static void backend_clear(void *arg)
{
	const struct area *area = arg;

	memset(area->memory, 0, area->bytes);
}

/*
 * A driver can have pinned the pages and closed the file (udmabuf, since Linux 6.12).
 * Only F_SEAL_WRITE checks for pins; if it succeeds the memory is not held, and the
 * kernel clears the pages before their next use. An export leaves the seals of such
 * memory open. If a client has frozen them nevertheless, pins cannot be checked, and the
 * memory is cleared.
 */
int accel_memory_scrub(void *device, int fd, void *memory, uint64_t bytes)
{
	struct area area = {memory, bytes};

	if (memory)
		return accel_guard_call(backend_clear, &area);
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 ? -errno : 0;
}

/* ---- fences ------------------------------------------------------------------------ */

int accel_queue_signal(struct accel_queue *queue, uint32_t fence, uint64_t value)
{
	struct accel_fence_object *object = accel_fence_get(queue->context, fence);

	if (!object)
		return -ENOENT;
	accel_fence_raise(object, value);
	accel_base_unref(&object->base);
	return 0;
}

struct fence_wait {
	struct accel_fence_wait base;
	uint32_t *kicks;
};

static void backend_wake_wait(struct accel_fence_wait *wait)
{
	accel_engine_kick(container_of(wait, struct fence_wait, base)->kicks);
}

int accel_queue_wait(struct accel_queue *queue, uint32_t fence, uint64_t value,
		     uint32_t *kicks)
{
	struct accel_fence_object *object = accel_fence_get(queue->context, fence);
	struct fence_wait wait = {.base = {.wake = backend_wake_wait}, .kicks = kicks};
	int r;

	if (!object)
		return -ENOENT;
	for (;;) {
		uint32_t seen = __atomic_load_n(kicks, __ATOMIC_ACQUIRE);

		r = accel_fence_wait_begin(object, &wait.base, value);
		if (r)
			break;
		if (accel_queue_state(queue) == ACCEL_QUEUE_DEAD) {
			r = -ECANCELED;
			break;
		}
		backend_wait_kick(kicks, seen, NULL);
	}
	accel_fence_wait_end(object, &wait.base);
	accel_base_unref(&object->base);
	if (r == -ECANCELED && accel_queue_state(queue) != ACCEL_QUEUE_DEAD)
		return -ESTALE;
	return r < 0 ? r : 0;
}
