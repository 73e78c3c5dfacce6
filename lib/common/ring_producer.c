/* SPDX-License-Identifier: MIT */
#include "ring_producer.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "relax.h"
#include "util.h"

#define SPIN_NS         UINT64_C(20000)
#define SPINS_PER_CLOCK 64 /* checks of the ring per reading of the clock */

/* ---- submission -------------------------------------------------------------------- */

static int ring_producer_check_header(const struct accel_ring *ring, size_t bytes,
				      uint32_t *ret_entries)
{
	uint32_t entries;

	if (bytes < sizeof(*ring))
		return -EPROTO;
	entries = __atomic_load_n(&ring->entries, __ATOMIC_RELAXED);
	if (ring->magic != ACCEL_RING_MAGIC || ring->version != ACCEL_RING_VERSION ||
	    ring->entry_size != sizeof(struct accel_command))
		return -EPROTO;
	if (entries && (entries < ACCEL_RING_MIN || entries > ACCEL_RING_MAX ||
			entries & (entries - 1)))
		return -EPROTO;
	if (entries &&
	    bytes < ACCEL_RING_ENTRIES + entries * sizeof(struct accel_command))
		return -EPROTO;
	*ret_entries = entries;
	return 0;
}

static void ring_producer_wake_device(struct accel_ring *ring)
{
	__atomic_fetch_add(&ring->doorbell, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &ring->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int ring_producer_init(struct ring_producer *producer, void *memory, size_t bytes)
{
	struct accel_ring *ring = memory;
	uint32_t entries;
	int r = ring_producer_check_header(ring, bytes, &entries);

	if (r < 0)
		return r;
	*producer = (struct ring_producer){
		.ring = ring,
		.entries = entries,
		/* A former submitter may have advanced them. */
		.tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE),
		.head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE),
	};
	if (entries) {
		producer->slots = (void *)((char *)memory + ACCEL_RING_ENTRIES);
		/* The former one may have died after it cleared need_wakeup. */
		ring_producer_wake_device(ring);
	}
	return 0;
}

/* An invalid head counts as a full ring, so that nothing is overwritten. */
static uint32_t ring_producer_count_room(const struct ring_producer *producer)
{
	uint64_t used = producer->tail - producer->head;

	return used <= producer->entries ? producer->entries - (uint32_t)used : 0;
}

/* The device writes the cache line of the shared head: it is read only if needed. */
unsigned ring_producer_room(struct ring_producer *producer, unsigned n)
{
	uint32_t room = ring_producer_count_room(producer);

	if (room < n) {
		producer->head = __atomic_load_n(&producer->ring->head, __ATOMIC_ACQUIRE);
		room = ring_producer_count_room(producer);
	}
	return room;
}

unsigned ring_producer_push(struct ring_producer *producer,
			    const struct accel_command *commands, unsigned n)
{
	struct accel_ring *ring = producer->ring;
	uint32_t room, first, straight;

	room = ring_producer_room(producer, n);
	n = MIN(n, room);
	if (!n)
		return 0;
	first = (uint32_t)producer->tail & (producer->entries - 1);
	straight = MIN(n, producer->entries - first);
	memcpy(producer->slots + first, commands, straight * sizeof(*commands));
	memcpy(producer->slots, commands + straight, (n - straight) * sizeof(*commands));
	producer->tail += n;
	__atomic_store_n(&ring->tail, producer->tail, __ATOMIC_RELEASE);
	/* Either the device sees the new tail, or this thread sees need_wakeup. */
	atomic_thread_fence(memory_order_seq_cst);
	/* Once per sleep: the device may need a while to get a CPU. */
	if (__atomic_load_n(&ring->need_wakeup, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&ring->need_wakeup, 0, __ATOMIC_SEQ_CST))
		ring_producer_wake_device(ring);
	return n;
}

/* ---- waiting ----------------------------------------------------------------------- */

uint64_t ring_completed(const struct accel_ring *ring)
{
	return __atomic_load_n(&ring->completed, __ATOMIC_ACQUIRE);
}

/* By a reset, which publishes the range before it completes the commands. */
static bool ring_producer_was_dropped(const struct accel_ring *ring, uint64_t index)
{
	uint64_t end = __atomic_load_n(&ring->dropped_end, __ATOMIC_ACQUIRE);

	return index < end &&
	       index >= __atomic_load_n(&ring->dropped_first, __ATOMIC_RELAXED);
}

static int ring_producer_error(const struct accel_ring *ring)
{
	uint32_t reason = __atomic_load_n(&ring->fault.reason, __ATOMIC_RELAXED);

	return reason == ACCEL_FAULT_OWNER ? -EOWNERDEAD : -EIO;
}

/*
 * 0: completed; -EAGAIN: not yet; else why it never will. The state is read first, so
 * that a command that completed before the queue stopped counts as completed.
 */
static int ring_producer_look(const struct accel_ring *ring, uint64_t index)
{
	uint32_t state = __atomic_load_n(&ring->state, __ATOMIC_ACQUIRE);

	if (ring_completed(ring) > index)
		return ring_producer_was_dropped(ring, index) ? ring_producer_error(ring)
							      : 0;
	switch (state) {
	case ACCEL_QUEUE_RUNNING:
		return -EAGAIN;
	case ACCEL_QUEUE_DEAD:
		return -ENODEV;
	default:
		return ring_producer_error(ring);
	}
}

static int ring_producer_spin(const struct accel_ring *ring, uint64_t index, uint64_t end)
{
	int r;

	do {
		for (unsigned i = 0; i < SPINS_PER_CLOCK; i++) {
			r = ring_producer_look(ring, index);
			if (r != -EAGAIN)
				return r;
			relax_cpu();
		}
	} while (now_ns() < end);
	return -EAGAIN;
}

/* Until a wake-up, a change of the ring, or the deadline. */
static void ring_producer_sleep_once(struct accel_ring *ring, uint32_t seen,
				     uint64_t deadline)
{
	const struct timespec until = timespec_of_ns(deadline);

	/* _BITSET: the time is absolute. */
	syscall(SYS_futex, &ring->completion, FUTEX_WAIT_BITSET, seen,
		deadline < UINT64_MAX ? &until : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

static int ring_producer_sleep_until(struct accel_ring *ring, uint64_t index,
				     uint64_t deadline)
{
	int r;

	__atomic_fetch_add(&ring->waiters, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		/* Read before the ring: any later change makes the futex return. */
		uint32_t seen = __atomic_load_n(&ring->completion, __ATOMIC_SEQ_CST);

		r = ring_producer_look(ring, index);
		if (r == -EAGAIN && now_ns() >= deadline)
			r = -ETIMEDOUT;
		if (r != -EAGAIN)
			break;
		ring_producer_sleep_once(ring, seen, deadline);
	}
	__atomic_fetch_sub(&ring->waiters, 1, __ATOMIC_RELAXED);
	return r;
}

int ring_wait(struct accel_ring *ring, uint64_t index, int64_t timeout_ns)
{
	uint64_t deadline = UINT64_MAX, now;
	int r = ring_producer_look(ring, index);

	if (r != -EAGAIN)
		return r;
	if (!timeout_ns)
		return -ETIMEDOUT;
	now = now_ns();
	if (timeout_ns > 0)
		deadline = now + (uint64_t)timeout_ns;
	r = ring_producer_spin(ring, index, MIN(deadline, now + SPIN_NS));
	return r == -EAGAIN ? ring_producer_sleep_until(ring, index, deadline) : r;
}
