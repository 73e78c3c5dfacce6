/* SPDX-License-Identifier: MIT */
/*
 * nops.h - NOPs through a ring: a user-mode queue, or io_uring with a polling thread
 *
 * Both are kept filled up to NOPS_DEPTH in the same way: a batch is submitted as soon as
 * there is room for one, completions are taken as they come, and a waiting thread
 * spins for a while before it calls the kernel.
 */
#ifndef DMABUFFS_BENCH_NOPS_H
#define DMABUFFS_BENCH_NOPS_H

#include <dmabuffs-accel.h>
#include <liburing.h>

#include <util.h>

#define NOPS_DEPTH 64
#define NOPS_BATCH 16

/*
 * A whole number of batches; nothing is in flight before and after it. @wait_ns: as of
 * dmabuffs_accel_queue_wait(), which is called again and again.
 */
int nops_through_queue(struct dmabuffs_accel_queue *queue, uint64_t n,
		       int64_t wait_ns) _must_check_;
int nops_through_uring(struct io_uring *ring, uint64_t n) _must_check_;

/*
 * A ring whose polling thread is on the children's CPU, where the engines are; it sleeps
 * when there was nothing for NOPS_POLL_MS.
 */
#define NOPS_POLL_MS 5
int nops_create_uring(struct io_uring *ring) _must_check_;

#endif
