/* SPDX-License-Identifier: MIT */
/*
 * test-accel-bad-ring.c - rings and memory that change while the device uses them
 *
 *
 * Any invalid content must at most fault its own queue: a neighbour in another process
 * keeps computing correct results.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "child.h"
#include "harness.h"
#include "neighbour.h"
#include "raw-accel.h"

#define ENTRIES    64
#define ATTACK_MS  3000
#define FAULTS_MAX 16 /* a queue's faults before it is isolated */

static const struct accel_command nop = {.op = ACCEL_OP_NOP};

/* ---- an attacker ------------------------------------------------------------------- */

/* A ring, and memory of which the device may write only a part. */
struct attacker {
	const struct instance *instance;
	struct raw_ring ring;
	int context;
	uint32_t asid, buffer;
	uint8_t *memory; /* GUARD, TARGET, GUARD */
};

#define GUARD  (4 * PAGE)
#define TARGET (16 * PAGE)
#define WHOLE  (GUARD + TARGET + GUARD)
#define IOVA   0x400000UL

/* The device mapping covers only the middle of the buffer. */
static void attacker_start(struct attacker *attacker, const struct instance *instance)
{
	struct accel_asid_map map = {
		.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED,
		.offset = GUARD,
		.length = TARGET,
		.iova = IOVA,
	};
	int context = ASSERT_OK(raw_context(instance)), fd;
	void *memory;

	memset(attacker, 0, sizeof(*attacker));
	attacker->instance = instance;
	attacker->context = context;
	raw_ring_start(&attacker->ring, instance, context, ENTRIES);
	fd = raw_memfd(WHOLE);
	map.asid = attacker->asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	map.buffer = attacker->buffer =
		(uint32_t)ASSERT_OK(raw_accel_import(context, fd));
	ASSERT_OK(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map));
	ASSERT_OK(raw_accel_attach(context, attacker->ring.queue, attacker->asid));
	ASSERT_OK(raw_map(fd, WHOLE, PROT_READ | PROT_WRITE, &memory));
	attacker->memory = memory;
	close(fd);
}

static void attacker_end(struct attacker *attacker)
{
	for (size_t i = 0; i < WHOLE; i++)
		if (i < GUARD || i >= GUARD + TARGET)
			ASSERT_EQ(attacker->memory[i], pattern(i));
	munmap(attacker->memory, WHOLE);
	raw_ring_end(&attacker->ring);
	close(attacker->context);
}

/* Resets the queue, or replaces it if it was isolated. */
static void attacker_revive(struct attacker *attacker)
{
	int result = raw_accel_object(attacker->context, DMABUFFS_ACCEL_IOC_QUEUE_RESET,
				      attacker->ring.queue);

	if (result == 0 || result == -EINVAL) {
		attacker->ring.tail = attacker->ring.header->tail;
		return;
	}
	ASSERT_ERR(result, EIO);
	ASSERT_OK(raw_accel_object(attacker->context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
				   attacker->ring.queue));
	raw_ring_end(&attacker->ring);
	raw_ring_start(&attacker->ring, attacker->instance, attacker->context, ENTRIES);
	ASSERT_OK(raw_accel_attach(attacker->context, attacker->ring.queue,
				   attacker->asid));
}

static void check_fault(const struct accel_fault *fault)
{
	ASSERT(fault->reason > ACCEL_FAULT_NONE && fault->reason <= ACCEL_FAULT_DEVICE);
	ASSERT(fault->count >= 1 && fault->count <= FAULTS_MAX);
	ASSERT_EQ(fault->reserved, 0);
}

/* The service's view of the queue is consistent, whatever the client wrote. */
static void check_queue(const struct attacker *attacker)
{
	struct accel_queue_info info;

	ASSERT_OK(raw_queue_info(attacker->context, attacker->ring.queue, &info));
	ASSERT_EQ(info.entries, ENTRIES);
	ASSERT_EQ(info.flags, ACCEL_QUEUE_USER);
	ASSERT(info.state <= ACCEL_QUEUE_ISOLATED);
	if (info.state != ACCEL_QUEUE_RUNNING)
		check_fault(&info.fault);
}

/* ---- impossible tails -------------------------------------------------------------- */

static void expect_ring_fault(struct attacker *attacker, uint64_t tail)
{
	struct accel_fault fault;

	raw_ring_set_tail(&attacker->ring, tail);
	fault = raw_queue_fault(attacker->context, attacker->ring.queue);
	ASSERT_EQ(fault.reason, ACCEL_FAULT_RING);
	ASSERT_EQ(fault.address, 0);
	check_fault(&fault);
	attacker_revive(attacker);
}

static void jumping_tails(struct instance *instance)
{
	static const int64_t jumps[] = {ENTRIES + 1, -1,        -2,           INT64_MIN,
					INT64_MAX,   1LL << 32, -(1LL << 32), 1LL << 31};
	struct neighbour neighbour;
	struct attacker attacker;

	neighbour_start(&neighbour, instance);
	attacker_start(&attacker, instance);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
			struct raw_ring *ring = &attacker.ring;

			raw_ring_submit(ring, &nop, 1);
			ASSERT_OK(raw_queue_wait(ring->context, ring->queue, ring->tail));
			expect_ring_fault(&attacker, ring->tail + (uint64_t)jumps[i]);
		}
	}
	attacker_end(&attacker);
	neighbour_end(&neighbour);
}

/*
 * After a reset the queue continues at the tail it found, including across the wrap of
 * the 64-bit count.
 */
static void wrapping_counts(struct instance *instance)
{
	struct attacker attacker;
	struct raw_ring *ring = &attacker.ring;

	attacker_start(&attacker, instance);
	expect_ring_fault(&attacker, UINT64_MAX - 5);
	ASSERT_EQ(ring->tail, UINT64_MAX - 5);
	for (int i = 0; i < 20; i++) {
		const struct accel_command commands[] = {
			nop,
			{.op = ACCEL_OP_FILL,
			 .dst_asid = attacker.asid,
			 .dst = IOVA + (unsigned int)i * 8,
			 .length = 8,
			 .value = (unsigned int)i + 1},
		};
		struct accel_queue_info info;

		raw_ring_submit(ring, commands, ARRAY_SIZE(commands));
		do
			ASSERT_OK(raw_queue_info(ring->context, ring->queue, &info));
		while (info.completed != ring->tail && info.state == ACCEL_QUEUE_RUNNING);
		ASSERT_EQ(info.state, ACCEL_QUEUE_RUNNING);
		ASSERT_EQ(attacker.memory[GUARD + (size_t)i * 8], i + 1);
	}
	ASSERT(ring->tail < 100);
	attacker_end(&attacker);
}

/* ---- concurrent writes to a ring --------------------------------------------------- */

struct storm {
	struct attacker *attacker;
	atomic_bool stop;
	void (*write)(struct storm *storm, uint64_t random);
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *write_all_the_time(void *data)
{
	struct storm *storm = data;
	uint64_t state = 0;

	while (!state)
		ASSERT_EQ(getrandom(&state, sizeof(state), 0), sizeof(state));
	while (!storm->stop)
		storm->write(storm, next_random(&state));
	return NULL;
}

/* Writes a valid copy or fill, a mutated command, or random bytes. */
static void write_commands(struct storm *storm, uint64_t random)
{
	struct raw_ring *ring = &storm->attacker->ring;
	volatile uint64_t *word;
	struct accel_command *slot = &ring->slots[random % ENTRIES];
	uint32_t asid = storm->attacker->asid;

	random >>= 8;
	if (random & 1) {
		*slot = (struct accel_command){
			.op = (uint16_t)(random >> 8) % ACCEL_OP_COUNT,
			.dst_asid = asid,
			.src_asid = asid,
			.src2_asid = asid,
			.dst = IOVA - PAGE + (random >> 16) % (TARGET + 2 * PAGE),
			.src = IOVA + (random >> 24) % TARGET,
			.src2 = IOVA + (random >> 32) % TARGET,
			.length = (random >> 40) % (2 * PAGE),
		};
		return;
	}
	word = (uint64_t *)slot + (random >> 1) % (sizeof(*slot) / sizeof(*word));
	*word = random & 2 ? random >> 4 : UINT64_MAX << (random >> 4) % 64;
}

static void write_header(struct storm *storm, uint64_t random)
{
	volatile uint32_t *words = (uint32_t *)storm->attacker->ring.header;
	size_t n = sizeof(struct accel_ring) / sizeof(*words);

	words[random % n] = (uint32_t)(random >> 16);
	if (random >> 60 == 0)
		words[offsetof(struct accel_ring, doorbell) / sizeof(*words)]++;
}

static void write_anything(struct storm *storm, uint64_t random)
{
	if (random & 1)
		write_header(storm, random >> 1);
	else
		write_commands(storm, random >> 1);
}

/* Submits and resets repeatedly while three threads write to the ring. */
static void survive(struct attacker *attacker,
		    void (*write)(struct storm *storm, uint64_t random), bool honest_tail)
{
	struct storm storm = {.attacker = attacker, .write = write};
	uint64_t end = now_ms() + ATTACK_MS, faults = 0;
	pthread_t threads[3];

	while (now_ms() < end) {
		storm.stop = false;
		for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
			ASSERT_EQ(pthread_create(&threads[i], NULL, write_all_the_time,
						 &storm),
				  0);
		for (int i = 0; i < 200; i++) {
			struct raw_ring *ring = &attacker->ring;
			struct accel_queue_info info;

			ASSERT_OK(raw_queue_info(ring->context, ring->queue, &info));
			if (info.state != ACCEL_QUEUE_RUNNING)
				break;
			raw_ring_set_tail(ring, honest_tail ? info.submitted + 16
							    : ring->tail + 16);
			check_queue(attacker);
		}
		/* Stop the writers first: the revival may replace the ring. */
		storm.stop = true;
		for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
			pthread_join(threads[i], NULL);
		check_queue(attacker);
		attacker_revive(attacker);
		faults++;
	}
	test_note("%llu times revived", (unsigned long long)faults);
}

static void storm(struct instance *instance,
		  void (*write)(struct storm *storm, uint64_t random), bool honest_tail)
{
	struct neighbour neighbour;
	struct attacker attacker;

	neighbour_start(&neighbour, instance);
	attacker_start(&attacker, instance);
	survive(&attacker, write, honest_tail);
	neighbour_expect(&neighbour, 10);
	attacker_end(&attacker);
	neighbour_end(&neighbour);
}

static void changing_commands(struct instance *instance)
{
	storm(instance, write_commands, true);
}

static void scribbled_header(struct instance *instance)
{
	storm(instance, write_header, true);
}

static void scribbled_ring(struct instance *instance)
{
	storm(instance, write_anything, false);
}

/* ---- memory of the ring ------------------------------------------------------------ */

static void resized_ring(struct instance *instance)
{
	struct attacker attacker;
	struct raw_ring *ring = &attacker.ring;

	attacker_start(&attacker, instance);
	ASSERT_ERR(SYS(ftruncate(ring->fd, 0)), EPERM);
	ASSERT_ERR(SYS(ftruncate(ring->fd, (off_t)ring->bytes - (off_t)PAGE)), EPERM);
	ASSERT_ERR(SYS(ftruncate(ring->fd, (off_t)ring->bytes + (off_t)PAGE)), EPERM);
	ASSERT_ERR(SYS(fallocate(ring->fd, 0, 0, (off_t)ring->bytes * 2)), EPERM);
	/* The device cannot lose write access by a seal either. */
	ASSERT_ERR(SYS(fcntl(ring->fd, F_ADD_SEALS, F_SEAL_WRITE)), EPERM);
	ASSERT_ERR(SYS(fcntl(ring->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)), EPERM);
	raw_ring_submit(ring, &nop, 1);
	ASSERT_OK(raw_queue_wait(attacker.context, ring->queue, 1));
	attacker_end(&attacker);
}

static void *punch_all_the_time(void *data)
{
	struct storm *storm = data;
	const struct raw_ring *ring = &storm->attacker->ring;

	while (!storm->stop)
		ASSERT_OK(SYS(fallocate(ring->fd,
					FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					(off_t)ring->bytes)));
	return NULL;
}

/* Repeatedly punches holes; the device then reads zeroes. */
static void punched_ring(struct instance *instance)
{
	struct attacker attacker;
	struct neighbour neighbour;
	struct storm storm = {.attacker = &attacker};
	uint64_t end = now_ms() + ATTACK_MS;
	pthread_t thread;

	neighbour_start(&neighbour, instance);
	attacker_start(&attacker, instance);
	ASSERT_EQ(pthread_create(&thread, NULL, punch_all_the_time, &storm), 0);
	while (now_ms() < end) {
		raw_ring_submit(&attacker.ring, &nop, 1);
		check_queue(&attacker);
		if (raw_accel_object(attacker.context, DMABUFFS_ACCEL_IOC_QUEUE_RESET,
				     attacker.ring.queue) == -EIO)
			break;
	}
	neighbour_expect(&neighbour, 10);
	storm.stop = true;
	pthread_join(thread, NULL);
	attacker_revive(&attacker);
	attacker_end(&attacker);
	neighbour_end(&neighbour);
}

/* The client unmaps the ring while the device processes it. */
static void unmapped_ring(struct instance *instance)
{
	struct attacker attacker;
	struct accel_queue_info info;

	attacker_start(&attacker, instance);
	for (int i = 0; i < ENTRIES; i++)
		raw_ring_submit(&attacker.ring, &nop, 1);
	munmap(attacker.ring.header, attacker.ring.bytes);
	close(attacker.ring.fd);
	ASSERT_OK(raw_queue_wait(attacker.context, attacker.ring.queue, ENTRIES));
	ASSERT_OK(raw_queue_info(attacker.context, attacker.ring.queue, &info));
	ASSERT_EQ(info.state, ACCEL_QUEUE_RUNNING);
	munmap(attacker.memory, WHOLE);
	close(attacker.context);
}

/* ---- memory of commands ------------------------------------------------------------ */

#define LARGE (32UL << 20)

struct large {
	struct raw_ring ring;
	int context, memfds[2];
	uint32_t asid, buffers[2];
};

static void large_start(struct large *large, const struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));

	large->context = context;
	raw_ring_start(&large->ring, instance, context, ENTRIES);
	large->asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	for (unsigned int i = 0; i < 2; i++) {
		large->memfds[i] = new_memfd(LARGE);
		large->buffers[i] =
			(uint32_t)ASSERT_OK(raw_accel_import(context, large->memfds[i]));
		ASSERT_OK(raw_accel_map(context, large->asid, large->buffers[i], LARGE,
					IOVA + i * LARGE));
	}
	ASSERT_OK(raw_accel_attach(context, large->ring.queue, large->asid));
}

static void large_end(struct large *large)
{
	raw_ring_end(&large->ring);
	close(large->memfds[0]);
	close(large->memfds[1]);
	close(large->context);
}

static void submit_copies(struct large *large, unsigned int n)
{
	const struct accel_command copy = {.op = ACCEL_OP_COPY,
					   .dst_asid = large->asid,
					   .src_asid = large->asid,
					   .dst = IOVA + LARGE,
					   .src = IOVA,
					   .length = LARGE};

	for (unsigned int i = 0; i < n; i++)
		raw_ring_submit(&large->ring, &copy, 1);
}

static bool has_begun(void *data)
{
	struct large *large = data;

	return __atomic_load_n(&large->ring.header->head, __ATOMIC_ACQUIRE) > 0;
}

/* @which: 0 truncates the source, 1 the destination. */
static void truncate_under_copy(const struct instance *instance, int which)
{
	struct accel_fault fault;
	struct large large;

	large_start(&large, instance);
	submit_copies(&large, ENTRIES / 2);
	ASSERT(wait_until(has_begun, &large));
	ASSERT_OK(SYS(ftruncate(large.memfds[which], 0)));
	fault = raw_queue_fault(large.context, large.ring.queue);
	check_fault(&fault);
	ASSERT_EQ(fault.reason, ACCEL_FAULT_REVOKED);
	ASSERT_EQ(fault.asid, large.asid);
	ASSERT(fault.address >= IOVA + (uint64_t)which * LARGE);
	ASSERT(fault.address < IOVA + (uint64_t)(which + 1) * LARGE);
	ASSERT(fault.index < ENTRIES / 2);
	large_end(&large);
}

static void truncated_buffers(struct instance *instance)
{
	struct neighbour neighbour;

	neighbour_start(&neighbour, instance);
	for (int i = 0; i < 10; i++)
		truncate_under_copy(instance, i % 2);
	neighbour_end(&neighbour);
}

struct shaker {
	const struct large *large;
	atomic_bool stop;
};

static void *shake(void *data)
{
	struct shaker *shaker = data;

	while (!shaker->stop) {
		ASSERT_OK(SYS(ftruncate(shaker->large->memfds[0], 0)));
		ASSERT_OK(SYS(ftruncate(shaker->large->memfds[0], LARGE)));
		ASSERT_OK(SYS(ftruncate(shaker->large->memfds[1], LARGE / 2 + 1)));
		ASSERT_OK(SYS(ftruncate(shaker->large->memfds[1], 2 * LARGE)));
	}
	return NULL;
}

/* Truncated and extended repeatedly: each command either faults or completes. */
static void shaken_buffers(struct instance *instance)
{
	struct neighbour neighbour;
	uint64_t end = now_ms() + ATTACK_MS;
	struct shaker shaker;
	struct large large;
	pthread_t thread;

	neighbour_start(&neighbour, instance);
	while (now_ms() < end) {
		large_start(&large, instance);
		shaker = (struct shaker){.large = &large};
		ASSERT_EQ(pthread_create(&thread, NULL, shake, &shaker), 0);
		for (int i = 0; i < FAULTS_MAX; i++) {
			struct accel_queue_info info;
			int result;

			submit_copies(&large, 4);
			result = raw_queue_wait(large.context, large.ring.queue,
						large.ring.tail);
			if (result == 0)
				continue;
			ASSERT_ERR(result, EIO);
			ASSERT_OK(raw_queue_info(large.context, large.ring.queue, &info));
			check_fault(&info.fault);
			result = raw_accel_object(large.context,
						  DMABUFFS_ACCEL_IOC_QUEUE_RESET,
						  large.ring.queue);
			if (result == -EIO)
				break;
			ASSERT_OK(result);
		}
		shaker.stop = true;
		pthread_join(thread, NULL);
		large_end(&large);
	}
	neighbour_end(&neighbour);
}

/* ---- removal under load ------------------------------------------------------------ */

/* The queue's engine has stopped. */
static bool is_dead(void *data)
{
	const struct large *large = data;

	return __atomic_load_n(&large->ring.header->state, __ATOMIC_ACQUIRE) ==
	       ACCEL_QUEUE_DEAD;
}

static void destroyed_under_load(struct instance *instance)
{
	struct neighbour neighbour;
	struct large large;

	neighbour_start(&neighbour, instance);
	for (int i = 0; i < 20; i++) {
		large_start(&large, instance);
		submit_copies(&large, ENTRIES);
		if (i & 1)
			ASSERT(wait_until(has_begun, &large));
		if (i & 2) {
			ASSERT_OK(raw_accel_object(large.context,
						   DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
						   large.ring.queue));
			ASSERT(wait_until(is_dead, &large));
			ASSERT_OK(raw_accel_object(large.context,
						   DMABUFFS_ACCEL_IOC_ASID_DESTROY,
						   large.asid));
		}
		large_end(&large);
	}
	neighbour_end(&neighbour);
}

/* Frees, unmaps and detaches what running commands use. */
static void taken_away_under_load(struct instance *instance)
{
	struct neighbour neighbour;
	struct large large;

	neighbour_start(&neighbour, instance);
	for (int i = 0; i < 12; i++) {
		struct accel_asid_unmap unmap = {.iova = IOVA, .length = LARGE};
		struct accel_queue_attach attach;
		struct accel_fault fault;

		large_start(&large, instance);
		unmap.asid = attach.asid = large.asid;
		attach = (struct accel_queue_attach){.queue = large.ring.queue,
						     .asid = large.asid};
		submit_copies(&large, ENTRIES);
		ASSERT(wait_until(has_begun, &large));
		if (i & 1)
			ASSERT_OK(raw_accel_object(large.context,
						   DMABUFFS_ACCEL_IOC_BUFFER_FREE,
						   large.buffers[0]));
		if (i & 2)
			ASSERT_OK(raw_accel(large.context, DMABUFFS_ACCEL_IOC_ASID_UNMAP,
					    &unmap));
		else
			ASSERT_OK(raw_accel(large.context,
					    DMABUFFS_ACCEL_IOC_QUEUE_DETACH, &attach));
		fault = raw_queue_fault(large.context, large.ring.queue);
		check_fault(&fault);
		ASSERT_EQ(fault.reason, i & 2 ? ACCEL_FAULT_UNMAPPED : ACCEL_FAULT_ASID);
		large_end(&large);
	}
	neighbour_end(&neighbour);
}

static void load_and_die(int peer, void *data)
{
	struct large large;

	large_start(&large, data);
	submit_copies(&large, ENTRIES);
	peer_signal(peer);
	pause();
}

static void killed_under_load(struct instance *instance)
{
	struct neighbour neighbour;

	neighbour_start(&neighbour, instance);
	for (int i = 0; i < 10; i++) {
		struct child child;

		child_start(&child, USER(1001), load_and_die, instance);
		peer_wait(child.peer);
		child_kill(&child, SIGKILL);
	}
	neighbour_end(&neighbour);
}

const struct test_case test_cases[] = {
	{"jumping_tails", jumping_tails},
	{"wrapping_counts", wrapping_counts},
	{"changing_commands", changing_commands},
	{"scribbled_header", scribbled_header},
	{"scribbled_ring", scribbled_ring},
	{"resized_ring", resized_ring},
	{"punched_ring", punched_ring},
	{"unmapped_ring", unmapped_ring},
	{"truncated_buffers", truncated_buffers},
	{"shaken_buffers", shaken_buffers},
	{"destroyed_under_load", destroyed_under_load},
	{"taken_away_under_load", taken_away_under_load},
	{"killed_under_load", killed_under_load},
	{0},
};
