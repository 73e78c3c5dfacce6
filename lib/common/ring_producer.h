/* SPDX-License-Identifier: MIT */
/*
 * ring_producer.h - the submitter's side of a queue's ring
 *
 * For one thread at a time. A push makes a system call only if the device sleeps. The
 * service on the other side is not trusted: no content of the ring causes an access
 * outside of it.
 */
#ifndef DMABUFFS_RING_PRODUCER_H
#define DMABUFFS_RING_PRODUCER_H

#include <accel-abi.h>
#include <stddef.h>
#include <stdint.h>

struct ring_producer {
	struct accel_ring *ring;     /* borrowed */
	struct accel_command *slots; /* NULL: a mediated queue, for waiting only */
	uint32_t entries;            /* our copy: the shared one may change */
	uint64_t tail;
	uint64_t head; /* the device's, when last looked at */
};

/* @ring is the mapping of @bytes. -EPROTO: it is not a ring that fits. */
int ring_producer_init(struct ring_producer *producer, void *ring, size_t bytes);

/*
 * Returns the number of commands that the next push has room for. The shared head is read
 * only if the last known one leaves room for fewer than @n.
 */
unsigned ring_producer_room(struct ring_producer *producer, unsigned n);

/*
 * Copies as many of the @n commands as there is room for and notifies the device. Returns
 * their number.
 */
unsigned ring_producer_push(struct ring_producer *producer,
			    const struct accel_command *commands, unsigned n);

/*
 * Waits until @index + 1 commands have completed: spins a moment, then sleeps.
 * @timeout_ns: negative: no limit. Returns 0; -ETIMEDOUT; -EIO: the queue faulted before
 * that command, or the last reset dropped it; -EOWNERDEAD: the same, with
 * ACCEL_FAULT_OWNER; -ENODEV: the queue is dead. Never -EINTR.
 */
int ring_wait(struct accel_ring *ring, uint64_t index, int64_t timeout_ns);

/* Commands completed so far. */
uint64_t ring_completed(const struct accel_ring *ring);

#endif
