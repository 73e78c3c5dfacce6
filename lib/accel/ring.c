/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "guard.h"
#include "memfd.h"
#include "util.h"

#define ALIGN_COMMANDS 64
#define RING_SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* ---- life -------------------------------------------------------------------------- */

static bool ring_is_user(const struct accel_queue *queue)
{
	return queue->flags & ACCEL_QUEUE_USER;
}

static int ring_make_slots(struct accel_queue *queue)
{
	size_t bytes = queue->entries * sizeof(*queue->slots);

	if (ring_is_user(queue)) {
		queue->slots = (void *)((char *)queue->ring + ACCEL_RING_ENTRIES);
		return 0;
	}
	queue->slots = aligned_alloc(ALIGN_COMMANDS, bytes);
	return queue->slots ? 0 : -ENOMEM;
}

static void ring_write_header(void *arg)
{
	struct accel_queue *queue = arg;

	queue->ring->version = ACCEL_RING_VERSION;
	queue->ring->entries = ring_is_user(queue) ? queue->entries : 0;
	queue->ring->entry_size = sizeof(*queue->slots);
	queue->ring->magic = ACCEL_RING_MAGIC;
}

static size_t ring_bytes(const struct accel_queue *queue)
{
	size_t slots = ring_is_user(queue) ? queue->entries * sizeof(*queue->slots) : 0;

	return ACCEL_RING_ENTRIES + slots;
}

static int ring_map(struct accel_queue *queue, int fd)
{
	size_t bytes = ring_bytes(queue);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	queue->ring = memory;
	queue->ring_bytes = bytes;
	if (accel_guard_call(ring_write_header, queue) < 0)
		return -ENOMEM;
	return ring_make_slots(queue);
}

/* Sealed, so that no holder can truncate it. */
int accel_ring_init(struct accel_queue *queue)
{
	queue->ring_fd = memfd_new("accel-ring", ring_bytes(queue), RING_SEALS);
	return queue->ring_fd < 0 ? queue->ring_fd : ring_map(queue, queue->ring_fd);
}

int accel_ring_restore(struct accel_queue *queue, int fd)
{
	int r, seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & RING_SEALS) != RING_SEALS || fstat(fd, &st) < 0 ||
	    (size_t)st.st_size != ring_bytes(queue))
		return -EBADFD;
	r = ring_map(queue, fd);
	if (r == 0)
		queue->ring_fd = fd;
	return r;
}

void accel_ring_finish(struct accel_queue *queue)
{
	if (!ring_is_user(queue))
		free(queue->slots);
	queue->slots = NULL;
	if (queue->ring)
		munmap(queue->ring, queue->ring_bytes);
	queue->ring = NULL;
	if (queue->ring_fd >= 0)
		close(queue->ring_fd);
	queue->ring_fd = -1;
}

/* ---- fetch ------------------------------------------------------------------------- */

struct fetch {
	struct accel_queue *queue;
	struct accel_command *commands;
	uint64_t head, offset; /* the first command is at their sum */
	unsigned max;
	int n;
};

static uint64_t ring_load_tail(struct accel_queue *queue)
{
	if (ring_is_user(queue))
		return __atomic_load_n(&queue->ring->tail, __ATOMIC_ACQUIRE);
	return atomic_load_explicit(&queue->tail, memory_order_acquire);
}

static void ring_copy_commands(struct fetch *fetch, uint32_t n)
{
	const struct accel_command *slots = fetch->queue->slots;
	uint32_t entries = fetch->queue->entries;
	uint32_t first = (uint32_t)(fetch->head + fetch->offset) & (entries - 1);
	uint32_t straight = MIN(n, entries - first);

	memcpy(fetch->commands, slots + first, straight * sizeof(*slots));
	memcpy(fetch->commands + straight, slots, (n - straight) * sizeof(*slots));
	/* Checks use the copy: nothing is read a second time. */
	__asm__ volatile("" ::: "memory");
}

static void ring_peek_guarded(void *arg)
{
	struct fetch *fetch = arg;
	struct accel_queue *queue = fetch->queue;
	uint64_t waiting = ring_load_tail(queue) - fetch->head;

	if (waiting > queue->entries) {
		fetch->n = -EPROTO;
	} else if (waiting > fetch->offset) {
		fetch->n = (int)MIN(waiting - fetch->offset, fetch->max);
		ring_copy_commands(fetch, (uint32_t)fetch->n);
	}
}

static void ring_publish_head_guarded(void *arg)
{
	const struct fetch *fetch = arg;

	__atomic_store_n(&fetch->queue->ring->head, fetch->head + (uint32_t)fetch->n,
			 __ATOMIC_RELEASE);
}

static void ring_fetch_guarded(void *arg)
{
	struct fetch *fetch = arg;
	struct accel_queue *queue = fetch->queue;

	ring_peek_guarded(fetch);
	if (fetch->n > 0 && !queue->base.record)
		ring_publish_head_guarded(fetch);
}

/*
 * For a successor the commands are fetched before their slots can be written again, and
 * before any of them is executed.
 */
static int ring_note_fetch(struct fetch *fetch)
{
	struct accel_queue *queue = fetch->queue;

	if (fetch->n <= 0 || !queue->base.record)
		return 0;
	if (ring_is_user(queue))
		accel_queue_promise(queue, fetch->commands, (unsigned)fetch->n);
	ACCEL_RECORD_STORE(queue->base.record, queue.head,
			   fetch->head + (uint32_t)fetch->n);
	return accel_guard_call(ring_publish_head_guarded, fetch);
}

int accel_ring_fetch(struct accel_queue *queue, struct accel_command *ret_commands,
		     unsigned max)
{
	struct fetch fetch = {
		.queue = queue,
		.commands = ret_commands,
		.head = atomic_load_explicit(&queue->head, memory_order_relaxed),
		.max = max,
	};

	if (accel_guard_call(ring_fetch_guarded, &fetch) < 0 ||
	    ring_note_fetch(&fetch) < 0)
		return -EFAULT;
	/* After this, a batch may be written to the slots. */
	if (fetch.n > 0)
		atomic_store_explicit(&queue->head, fetch.head + (uint32_t)fetch.n,
				      memory_order_release);
	return fetch.n;
}

int accel_ring_peek(struct accel_queue *queue, uint64_t offset,
		    struct accel_command *ret_commands, unsigned max)
{
	struct fetch fetch = {
		.queue = queue,
		.commands = ret_commands,
		.head = atomic_load_explicit(&queue->head, memory_order_relaxed),
		.offset = offset,
		.max = max,
	};

	if (accel_guard_call(ring_peek_guarded, &fetch) < 0)
		return -EFAULT;
	return fetch.n;
}

/* ---- completion -------------------------------------------------------------------- */

struct publication {
	struct accel_queue *queue;
	uint64_t completed;
	bool wake;
};

/*
 * The full barrier: a thread that adds itself to the waiters after this check sees what
 * was stored before it.
 */
static void ring_count_completion(struct publication *publication)
{
	struct accel_ring *ring = publication->queue->ring;

	atomic_thread_fence(memory_order_seq_cst);
	if (!__atomic_load_n(&ring->waiters, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_add(&ring->completion, 1, __ATOMIC_RELEASE);
	publication->wake = true;
}

static void ring_wake_waiters(const struct publication *publication)
{
	if (publication->wake)
		syscall(SYS_futex, &publication->queue->ring->completion, FUTEX_WAKE,
			INT_MAX, NULL, NULL, 0);
}

static void ring_complete_guarded(void *arg)
{
	struct publication *publication = arg;

	__atomic_store_n(&publication->queue->ring->completed, publication->completed,
			 __ATOMIC_RELEASE);
	ring_count_completion(publication);
}

void accel_ring_complete(struct accel_queue *queue, uint64_t completed)
{
	struct publication publication = {.queue = queue, .completed = completed};

	atomic_store_explicit(&queue->completed, completed, memory_order_release);
	ACCEL_RECORD_STORE(queue->base.record, queue.completed, completed);
	/* If the memory is gone there are no waiters; the next fetch reports it. */
	if (accel_guard_call(ring_complete_guarded, &publication) == 0)
		ring_wake_waiters(&publication);
}

static void ring_publish_guarded(void *arg)
{
	struct publication *publication = arg;
	struct accel_queue *queue = publication->queue;

	queue->ring->fault = queue->fault;
	queue->ring->dropped_first = queue->dropped_first;
	__atomic_store_n(&queue->ring->dropped_end, queue->dropped_end, __ATOMIC_RELEASE);
	/* After a reset the client continues from here. */
	__atomic_store_n(&queue->ring->completed,
			 atomic_load_explicit(&queue->completed, memory_order_relaxed),
			 __ATOMIC_RELEASE);
	__atomic_store_n(&queue->ring->head,
			 atomic_load_explicit(&queue->head, memory_order_relaxed),
			 __ATOMIC_RELEASE);
	__atomic_store_n(&queue->ring->state, accel_queue_state(queue), __ATOMIC_RELEASE);
	ring_count_completion(publication);
}

void accel_ring_publish_state(struct accel_queue *queue)
{
	struct publication publication = {.queue = queue};

	if (accel_guard_call(ring_publish_guarded, &publication) == 0)
		ring_wake_waiters(&publication);
}

/* ---- sleep ------------------------------------------------------------------------- */

struct sleep {
	struct accel_ring *ring;
	uint32_t doorbell;
};

/*
 * The full barrier: a submitter that moves the tail after the engine's next fetch sees
 * need_wakeup, and then changes the doorbell, which was read before.
 */
static void ring_prepare_guarded(void *arg)
{
	struct sleep *sleep = arg;

	sleep->doorbell = __atomic_load_n(&sleep->ring->doorbell, __ATOMIC_RELAXED);
	__atomic_store_n(&sleep->ring->need_wakeup, 1, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
}

int accel_ring_prepare_sleep(struct accel_queue *queue, uint32_t *ret_doorbell)
{
	struct sleep sleep = {.ring = queue->ring};
	int r = accel_guard_call(ring_prepare_guarded, &sleep);

	if (r == 0)
		*ret_doorbell = sleep.doorbell;
	return r;
}

static void ring_end_guarded(void *arg)
{
	struct accel_ring *ring = arg;

	__atomic_store_n(&ring->need_wakeup, 0, __ATOMIC_RELAXED);
}

void accel_ring_end_sleep(struct accel_queue *queue)
{
	/* If it fails, the next fetch fails as well. */
	(void)accel_guard_call(ring_end_guarded, queue->ring);
}
