/* SPDX-License-Identifier: MIT */
/* user-queue.h - the submitter's side of a user-mode queue */
#ifndef ACCEL_TESTS_USER_QUEUE_H
#define ACCEL_TESTS_USER_QUEUE_H

#include <errno.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/mman.h>
#include <unistd.h>

#include <accel.h>

#include "../support/wait.h"
#include "ring_producer.h"

#define USER_WAIT_NS INT64_C(20000000000) /* for events that must happen */

struct user_queue {
	struct accel_context *context;
	uint32_t id;
	int fd; /* of the ring */
	size_t bytes;
	struct ring_producer producer;
	uint64_t next; /* index of the next command */
};

struct user_queue_attempt {
	struct accel_context *context;
	struct accel_queue_create arg;
	int r;
};

/* Engines of destroyed queues may still be stopping. */
static inline bool user_queue_is_free(void *data)
{
	struct user_queue_attempt *attempt = data;

	attempt->r = accel_queue_create(attempt->context, &attempt->arg);
	return attempt->r != -EBUSY;
}

static inline void user_queue_init(struct user_queue *queue,
				   struct accel_context *context, uint32_t entries)
{
	struct user_queue_attempt attempt = {
		.context = context,
		.arg = {.size = sizeof(attempt.arg),
			.flags = ACCEL_QUEUE_USER,
			.entries = entries},
	};
	void *memory;

	cr_assert(wait_until(user_queue_is_free, &attempt));
	cr_assert(zero(int, attempt.r));
	*queue = (struct user_queue){
		.context = context,
		.id = attempt.arg.id,
		.bytes = ACCEL_RING_ENTRIES + entries * sizeof(struct accel_command),
	};
	cr_assert(zero(int, accel_queue_open_ring(context, attempt.arg.id, &queue->fd)));
	memory = mmap(NULL, queue->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, queue->fd,
		      0);
	cr_assert(ne(ptr, memory, MAP_FAILED));
	cr_assert(zero(int, ring_producer_init(&queue->producer, memory, queue->bytes)));
}

/* Releases the submitter's side; the queue stays until it is destroyed. */
static inline void user_queue_finish(struct user_queue *queue)
{
	munmap(queue->producer.ring, queue->bytes);
	close(queue->fd);
}

static inline void user_queue_submit(struct user_queue *queue,
				     const struct accel_command *command)
{
	cr_assert(eq(uint, ring_producer_push(&queue->producer, command, 1), 1));
	queue->next++;
}

/* Waits for the last submitted command, as ring_wait(). */
static inline int user_queue_wait(struct user_queue *queue)
{
	return ring_wait(queue->producer.ring, queue->next - 1, USER_WAIT_NS);
}

static inline int user_queue_run(struct user_queue *queue,
				 const struct accel_command *command)
{
	user_queue_submit(queue, command);
	return user_queue_wait(queue);
}

#endif
