/* SPDX-License-Identifier: MIT */
/*
 * nops.h - NOPs through a ring: a user-mode queue, or io_uring with a polling thread
 *
 * Both are kept filled up to NOPS_DEPTH in the same way: a batch is submitted as soon as
 * it fits, completions are consumed as they arrive, and a wait spins for a while before
 * its system call.
 */
#ifndef DMABUFFS_BENCH_NOPS_H
#define DMABUFFS_BENCH_NOPS_H

#include <dmabuffs-accel.h>
#include <liburing.h>

#include <util.h>

#define NOPS_DEPTH 64
#define NOPS_BATCH 16

/*
 * @n is a number of whole batches; nothing is in flight before and after the call.
 * @wait_ns is the timeout of each dmabuffs_accel_queue_wait(), which is repeated.
 */
int nops_through_queue(struct dmabuffs_accel_queue *queue, uint64_t n,
		       int64_t wait_ns) _must_check_;
int nops_through_uring(struct io_uring *ring, uint64_t n) _must_check_;

/*
 * The ring's polling thread runs on the children's CPU, like the engines; it sleeps after
 * NOPS_POLL_MS without work.
 */
#define NOPS_POLL_MS 5
int nops_create_uring(struct io_uring *ring) _must_check_;

#endif
