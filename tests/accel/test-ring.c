/* SPDX-License-Identifier: MIT */
/* test-ring.c - both sides of a ring, without an engine */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "ring.h"
#include "ring_producer.h"
#include "soft-fixture.h"

#define ENTRIES 16U
#define SECOND  INT64_C(1000000000)

static struct accel_queue queue;
static struct ring_producer producer;

static void init_as(uint32_t flags)
{
	queue = (struct accel_queue){.flags = flags, .entries = ENTRIES, .ring_fd = -1};
	cr_assert(zero(int, accel_guard_setup()));
	cr_assert(zero(int, accel_ring_init(&queue)));
}

/* Both sides share one mapping here. */
static void init(void)
{
	init_as(ACCEL_QUEUE_USER);
	cr_assert(zero(int, ring_producer_init(&producer, queue.ring, queue.ring_bytes)));
}

static void finish(void)
{
	accel_ring_finish(&queue);
	accel_ring_finish(&queue);
}

TestSuite(ring, .init = init, .fini = finish);
TestSuite(mediated_ring, .fini = finish);

/* Commands distinguishable by their value. */
static unsigned push(uint64_t first, unsigned n)
{
	struct accel_command commands[2 * ENTRIES] = {0};

	for (unsigned i = 0; i < n; i++)
		commands[i].value = first + i;
	return ring_producer_push(&producer, commands, n);
}

/* Fails the test unless exactly these are fetched. */
static void expect_fetch(uint64_t first, unsigned n, unsigned max)
{
	struct accel_command commands[2 * ENTRIES];

	cr_assert(eq(int, accel_ring_fetch(&queue, commands, max), (int)n));
	for (unsigned i = 0; i < n; i++)
		cr_assert(eq(u64, commands[i].value, first + i));
}

static int fetch_result(void)
{
	struct accel_command commands[ENTRIES];

	return accel_ring_fetch(&queue, commands, ENTRIES);
}

/* ---- its memory -------------------------------------------------------------------- */

Test(ring, is_a_sealed_private_memfd)
{
	struct stat st;

	cr_assert(zero(int, fstat(queue.ring_fd, &st)));
	cr_expect(eq(long, st.st_size, ACCEL_RING_ENTRIES + ENTRIES * 64));
	cr_expect(eq(uint, st.st_mode & 07777, 0600));
	cr_expect(eq(int,
		     fcntl(queue.ring_fd, F_GET_SEALS) &
			     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	cr_expect(lt(int, ftruncate(queue.ring_fd, 0), 0));
	cr_expect(eq(int, fcntl(queue.ring_fd, F_GETFD), FD_CLOEXEC));
}

Test(ring, has_a_header)
{
	cr_expect(eq(u32, queue.ring->magic, ACCEL_RING_MAGIC));
	cr_expect(eq(u32, queue.ring->version, ACCEL_RING_VERSION));
	cr_expect(eq(u32, queue.ring->entries, ENTRIES));
	cr_expect(eq(u32, queue.ring->entry_size, 64));
	cr_expect(eq(u32, queue.ring->state, ACCEL_QUEUE_RUNNING));
}

Test(mediated_ring, keeps_its_commands_to_itself)
{
	struct stat st;

	init_as(0);
	cr_assert(zero(int, fstat(queue.ring_fd, &st)));
	cr_expect(eq(long, st.st_size, ACCEL_RING_ENTRIES));
	cr_expect(zero(u32, queue.ring->entries));
	cr_expect(zero(int, ring_producer_init(&producer, queue.ring, queue.ring_bytes)));
	cr_expect(zero(ptr, producer.slots));
	cr_expect(zero(uint, push(0, 1)), "pushed to a ring without entries");
	/* The client writes to a field that is not its tail here. */
	queue.ring->tail = 5;
	cr_expect(zero(int, fetch_result()));
	queue.slots[0].value = 7;
	queue.tail = 1;
	expect_fetch(7, 1, ENTRIES);
	cr_expect(eq(u64, queue.ring->head, 1));
}

/* ---- fetch ------------------------------------------------------------------------- */

Test(ring, gives_commands_in_order)
{
	cr_expect(zero(int, fetch_result()));
	cr_assert(eq(uint, push(100, 5), 5));
	expect_fetch(100, 3, 3);
	cr_expect(eq(u64, queue.ring->head, 3));
	expect_fetch(103, 2, ENTRIES);
	cr_expect(zero(int, fetch_result()));
}

Test(ring, goes_round)
{
	uint64_t pushed = 0, fetched = 0;

	for (unsigned n = 1; n < 500; n++) {
		unsigned pushes = n % (ENTRIES + 1);
		unsigned room = ENTRIES - (unsigned)(pushed - fetched);
		unsigned fetches = n % 7 + 1;

		cr_assert(eq(uint, ring_producer_room(&producer, ENTRIES), room));
		pushes = push(pushed, pushes);
		cr_assert(eq(uint, pushes,
			     n % (ENTRIES + 1) < room ? n % (ENTRIES + 1) : room));
		pushed += pushes;
		if (fetches > pushed - fetched)
			fetches = (unsigned)(pushed - fetched);
		expect_fetch(fetched, fetches, n % 7 + 1);
		fetched += fetches;
	}
}

Test(ring, counts_past_the_largest_number)
{
	const uint64_t first = UINT64_MAX - 3;

	queue.head = queue.ring->head = queue.ring->tail = first;
	cr_assert(zero(int, ring_producer_init(&producer, queue.ring, queue.ring_bytes)));
	cr_assert(eq(uint, push(0, ENTRIES + 1), ENTRIES));
	expect_fetch(0, ENTRIES, 2 * ENTRIES);
	cr_expect(eq(u64, queue.head, first + ENTRIES));
	cr_expect(zero(int, fetch_result()));
}

Test(ring, refuses_tails_that_jump)
{
	static const uint64_t jumps[] = {
		ENTRIES + 1, 2 * ENTRIES,    UINT32_MAX,
		UINT64_MAX,  UINT64_MAX / 2, 1 + ENTRIES,
	};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		queue.ring->tail = jumps[i];
		cr_expect(eq(int, fetch_result(), -EPROTO), "tail %zu", i);
		cr_expect(zero(u64, queue.head));
	}
	/* Moves the tail back before commands already fetched. */
	queue.ring->tail = 4;
	cr_expect(eq(int, fetch_result(), 4));
	queue.ring->tail = 3;
	cr_expect(eq(int, fetch_result(), -EPROTO));
	cr_expect(eq(u64, queue.head, 4));
}

Test(ring, trusts_no_other_word)
{
	cr_assert(eq(uint, push(0, 2), 2));
	queue.ring->head = 77;
	queue.ring->entries = 1 << 30;
	queue.ring->entry_size = 0;
	queue.ring->state = ACCEL_QUEUE_DEAD;
	queue.ring->completed = 99;
	expect_fetch(0, 2, ENTRIES);
	cr_expect(eq(u64, queue.ring->head, 2));
}

/* As if the kernel could not provide the page. */
static void take_memory_away(void)
{
	int fd = new_memfd(0);

	cr_assert(eq(ptr,
		     mmap(queue.ring, queue.ring_bytes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, fd, 0),
		     queue.ring));
	close(fd);
}

Test(ring, survives_the_loss_of_its_memory)
{
	uint32_t doorbell = 7;

	take_memory_away();
	cr_expect(eq(int, fetch_result(), -EFAULT));
	cr_expect(zero(u64, queue.head));
	cr_expect(eq(int, accel_ring_prepare_sleep(&queue, &doorbell), -EFAULT));
	cr_expect(eq(u32, doorbell, 7));
	accel_ring_end_sleep(&queue);
	accel_ring_complete(&queue, 1);
	accel_ring_publish_state(&queue);
}

/* ---- sleep ------------------------------------------------------------------------- */

Test(ring, doorbell_is_rung_only_for_a_sleeper)
{
	/* An earlier producer, which may have exited, rang once before. */
	uint32_t doorbell = 7, before = queue.ring->doorbell;

	cr_expect(eq(u32, before, 1));
	cr_assert(eq(uint, push(0, 1), 1));
	cr_expect(eq(u32, queue.ring->doorbell, before));
	cr_assert(zero(int, accel_ring_prepare_sleep(&queue, &doorbell)));
	cr_expect(eq(u32, doorbell, before));
	cr_expect(eq(u32, queue.ring->need_wakeup, 1));
	cr_assert(eq(uint, push(0, 1), 1));
	cr_expect(eq(u32, queue.ring->doorbell, before + 1));
	accel_ring_end_sleep(&queue);
	cr_expect(zero(u32, queue.ring->need_wakeup));
	cr_assert(eq(uint, push(0, 1), 1));
	cr_expect(eq(u32, queue.ring->doorbell, before + 1));
}

/* ---- producer ---------------------------------------------------------------------- */

Test(ring, producer_refuses_other_headers)
{
	struct accel_ring *ring = queue.ring;
	const struct accel_ring good = *ring;
	static const uint32_t entries[] = {1, 8, 17, 24, 8192, 1U << 31, UINT32_MAX, 32};

	cr_expect(
		eq(int, ring_producer_init(&producer, ring, sizeof(*ring) - 1), -EPROTO));
	cr_expect(eq(int, ring_producer_init(&producer, ring, queue.ring_bytes - 1),
		     -EPROTO));
	ring->magic++;
	cr_expect(
		eq(int, ring_producer_init(&producer, ring, queue.ring_bytes), -EPROTO));
	*ring = good;
	ring->version++;
	cr_expect(
		eq(int, ring_producer_init(&producer, ring, queue.ring_bytes), -EPROTO));
	*ring = good;
	ring->entry_size = 128;
	cr_expect(
		eq(int, ring_producer_init(&producer, ring, queue.ring_bytes), -EPROTO));
	*ring = good;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		ring->entries = entries[i];
		cr_expect(eq(int, ring_producer_init(&producer, ring, queue.ring_bytes),
			     -EPROTO),
			  "%u", entries[i]);
	}
	*ring = good;
	cr_expect(zero(int, ring_producer_init(&producer, ring, queue.ring_bytes)));
}

Test(ring, producer_takes_a_strange_head_for_a_full_ring)
{
	static const uint64_t heads[] = {1, 5, UINT64_MAX, UINT64_MAX - ENTRIES};

	cr_assert(eq(uint, push(0, ENTRIES), ENTRIES));
	cr_expect(zero(uint, push(0, 1)), "pushed to a full ring");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		queue.ring->head = ENTRIES + heads[i];
		if (queue.ring->head <= ENTRIES)
			continue;
		cr_expect(zero(uint, ring_producer_room(&producer, ENTRIES)), "head %zu",
			  i);
		cr_expect(zero(uint, push(0, 1)), "head %zu", i);
	}
	queue.ring->entries = 1 << 20;
	queue.ring->head = 3;
	cr_expect(eq(uint, push(0, ENTRIES), 3));
}

Test(ring, producer_goes_on_where_another_stopped)
{
	struct ring_producer second;

	cr_assert(eq(uint, push(50, 5), 5));
	expect_fetch(50, 2, 2);
	cr_assert(zero(int, ring_producer_init(&second, queue.ring, queue.ring_bytes)));
	cr_expect(eq(uint, ring_producer_room(&second, ENTRIES), ENTRIES - 3));
	producer = second;
	cr_assert(eq(uint, push(55, 1), 1));
	expect_fetch(52, 4, ENTRIES);
}

/* ---- waiting ----------------------------------------------------------------------- */

Test(ring, wait_answers_what_is_known)
{
	cr_expect(eq(int, ring_wait(queue.ring, 0, 0), -ETIMEDOUT));
	accel_ring_complete(&queue, 3);
	cr_expect(eq(u64, ring_completed(queue.ring), 3));
	cr_expect(zero(int, ring_wait(queue.ring, 2, 0)));
	cr_expect(eq(int, ring_wait(queue.ring, 3, 0), -ETIMEDOUT));
	cr_expect(eq(int, ring_wait(queue.ring, 3, 1000000), -ETIMEDOUT));
	cr_expect(zero(u32, queue.ring->waiters));
}

Test(ring, wait_knows_when_it_is_for_nothing)
{
	queue.fault = (struct accel_fault){.index = 3, .reason = ACCEL_FAULT_COMMAND};
	accel_ring_complete(&queue, 3);
	queue.state = ACCEL_QUEUE_FAULTED;
	accel_ring_publish_state(&queue);
	cr_expect(eq(u32, queue.ring->state, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u64, queue.ring->fault.index, 3));
	cr_expect(zero(int, ring_wait(queue.ring, 2, -1)),
		  "a completed command is not reported");
	cr_expect(eq(int, ring_wait(queue.ring, 3, -1), -EIO));
	queue.state = ACCEL_QUEUE_ISOLATED;
	accel_ring_publish_state(&queue);
	cr_expect(eq(int, ring_wait(queue.ring, 3, -1), -EIO));
	queue.state = ACCEL_QUEUE_DEAD;
	accel_ring_publish_state(&queue);
	cr_expect(eq(int, ring_wait(queue.ring, 3, -1), -ENODEV));
	cr_expect(eq(int, ring_wait(queue.ring, 3, 0), -ENODEV));
}

Test(ring, completion_changes_only_for_waiters)
{
	accel_ring_complete(&queue, 1);
	cr_expect(zero(u32, queue.ring->completion));
	queue.ring->waiters = 1;
	accel_ring_complete(&queue, 2);
	cr_expect(eq(u32, queue.ring->completion, 1));
	accel_ring_publish_state(&queue);
	cr_expect(eq(u32, queue.ring->completion, 2));
}

struct waiter {
	pthread_t thread;
	uint64_t index;
	int64_t timeout_ns;
	int result;
};

static void *wait_thread(void *arg)
{
	struct waiter *waiter = arg;

	waiter->result = ring_wait(queue.ring, waiter->index, waiter->timeout_ns);
	return NULL;
}

static bool is_waited_for(void *data)
{
	return __atomic_load_n(&queue.ring->waiters, __ATOMIC_SEQ_CST) > 0;
}

/* Returns when the waiter sleeps or is about to. */
static void start_waiter(struct waiter *waiter, uint64_t index, int64_t timeout_ns)
{
	*waiter = (struct waiter){.index = index, .timeout_ns = timeout_ns, .result = 1};
	cr_assert(zero(int, pthread_create(&waiter->thread, NULL, wait_thread, waiter)));
	cr_assert(wait_until(is_waited_for, NULL));
}

static int join_waiter(struct waiter *waiter)
{
	pthread_join(waiter->thread, NULL);
	cr_expect(zero(u32, queue.ring->waiters));
	return waiter->result;
}

Test(ring, wakes_who_waits)
{
	struct waiter waiter;

	for (uint64_t i = 0; i < 200; i++) {
		start_waiter(&waiter, i, i % 2 ? -1 : 20 * SECOND);
		accel_ring_complete(&queue, i + 1);
		cr_assert(zero(int, join_waiter(&waiter)));
	}
}

Test(ring, wakes_who_waits_for_what_will_never_be)
{
	struct waiter waiter;

	start_waiter(&waiter, 5, -1);
	accel_ring_complete(&queue, 5);
	queue.state = ACCEL_QUEUE_FAULTED;
	accel_ring_publish_state(&queue);
	cr_expect(eq(int, join_waiter(&waiter), -EIO));
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void ignore(int sig)
{
}

/* Signals and spurious wake-ups do not move the deadline. */
Test(ring, keeps_its_deadline_whatever_wakes_it)
{
	const struct sigaction action = {.sa_handler = ignore};
	int64_t begin = now_ns();
	struct waiter waiter;

	cr_assert(zero(int, sigaction(SIGUSR1, &action, NULL)));
	start_waiter(&waiter, 0, SECOND / 5);
	for (int i = 0; i < 50; i++) {
		pthread_kill(waiter.thread, SIGUSR1);
		accel_ring_complete(&queue, 0);
	}
	cr_expect(eq(int, join_waiter(&waiter), -ETIMEDOUT));
	cr_expect(ge(i64, now_ns() - begin, SECOND / 5));
	cr_expect(lt(i64, now_ns() - begin, 10 * SECOND));
}

Test(ring, bears_the_longest_timeout)
{
	struct waiter waiter;

	start_waiter(&waiter, 0, INT64_MAX);
	accel_ring_complete(&queue, 1);
	cr_expect(zero(int, join_waiter(&waiter)));
}

/* ---- both sides at once ------------------------------------------------------------ */

#define MANY 200000

static void *push_many(void *arg)
{
	for (uint64_t done = 0; done < MANY;)
		done += push(done, (unsigned)(done % ENTRIES + 1));
	return NULL;
}

Test(ring, loses_nothing_between_two_threads)
{
	struct accel_command commands[ENTRIES];
	uint64_t fetched = 0;
	pthread_t thread;

	cr_assert(zero(int, pthread_create(&thread, NULL, push_many, NULL)));
	while (fetched < MANY) {
		int n = accel_ring_fetch(&queue, commands, ENTRIES);

		cr_assert(ge(int, n, 0));
		for (int i = 0; i < n; i++)
			cr_assert(eq(u64, commands[i].value, fetched++));
		accel_ring_complete(&queue, fetched);
	}
	pthread_join(thread, NULL);
	cr_expect(ge(u64, fetched, MANY));
}
