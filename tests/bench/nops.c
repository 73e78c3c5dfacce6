/* SPDX-License-Identifier: MIT */
/* nops.c - NOPs through a ring: a user-mode queue, or io_uring with a polling thread */
#include "nops.h"

#include <relax.h>

#include "bench.h"
#include "../support/place.h"

#define SPINS 1000 /* roughly as many as dmabuffs_accel_queue_wait() */

/* ---- a user-mode queue ------------------------------------------------------------- */

/* Fills in and submits one batch; filling is part of the cost, as in a real program. */
static int submit_batch(struct dmabuffs_accel_queue *queue)
{
	struct accel_command commands[NOPS_BATCH];

	for (size_t i = 0; i < NOPS_BATCH; i++)
		commands[i] = (struct accel_command){.op = ACCEL_OP_NOP};
	return dmabuffs_accel_queue_submit(queue, commands, NOPS_BATCH, NULL);
}

/* Returns 0 also on a timeout. */
static int wait_batch(struct dmabuffs_accel_queue *queue, uint64_t index, int64_t wait_ns)
{
	int r = dmabuffs_accel_queue_wait(queue, index + NOPS_BATCH - 1, wait_ns);

	return r == -ETIMEDOUT ? 0 : r;
}

int nops_through_queue(struct dmabuffs_accel_queue *queue, uint64_t n, int64_t wait_ns)
{
	const uint64_t begin = dmabuffs_accel_queue_completed(queue);
	uint64_t sent = 0, done = 0;
	int r = 0;

	while (done < n && r >= 0) {
		while (sent < n && sent - done <= NOPS_DEPTH - NOPS_BATCH && r >= 0) {
			r = submit_batch(queue);
			sent += NOPS_BATCH;
		}
		if (r >= 0 &&
		    dmabuffs_accel_queue_completed(queue) - begin < done + NOPS_BATCH)
			r = wait_batch(queue, begin + done, wait_ns);
		done = dmabuffs_accel_queue_completed(queue) - begin;
	}
	return r < 0 ? complain(r, "NOPs through a queue") : 0;
}

/* ---- io_uring ---------------------------------------------------------------------- */

int nops_create_uring(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF |
			 IORING_SETUP_SINGLE_ISSUER,
		.sq_thread_cpu = (unsigned int)place_children_cpu(),
		.sq_thread_idle = NOPS_POLL_MS,
	};
	/*
	 * Twice the depth: an entry may complete before io_uring advances the head.
	 */
	int r = io_uring_queue_init_params(2 * NOPS_DEPTH, ring, &params);

	return r < 0 ? complain(r, "io_uring_setup") : 0;
}

/* -EBUSY, which cannot happen: the ring has no room. */
static int submit_entries(struct io_uring *ring)
{
	for (size_t i = 0; i < NOPS_BATCH; i++) {
		struct io_uring_sqe *entry = io_uring_get_sqe(ring);

		if (!entry)
			return -EBUSY;
		io_uring_prep_nop(entry);
	}
	return io_uring_submit(ring);
}

static int wait_entries(struct io_uring *ring)
{
	struct io_uring_cqe *entry;

	for (unsigned int i = 0; i < SPINS; i++) {
		if (io_uring_cq_ready(ring) >= NOPS_BATCH)
			return 0;
		relax_cpu();
	}
	return io_uring_wait_cqe_nr(ring, &entry, NOPS_BATCH);
}

int nops_through_uring(struct io_uring *ring, uint64_t n)
{
	uint64_t sent = 0, done = 0;
	int r = 0;

	while (done < n && r >= 0) {
		unsigned int ready;

		while (sent < n && sent - done <= NOPS_DEPTH - NOPS_BATCH && r >= 0) {
			r = submit_entries(ring);
			sent += NOPS_BATCH;
		}
		if (r >= 0 && io_uring_cq_ready(ring) < NOPS_BATCH)
			r = wait_entries(ring);
		ready = io_uring_cq_ready(ring);
		io_uring_cq_advance(ring, ready);
		done += ready;
	}
	return r < 0 ? complain(r, "NOPs through io_uring") : 0;
}
