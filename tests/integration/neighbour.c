/* SPDX-License-Identifier: MIT */
/* neighbour.c - a concurrent client that computes and measures its latency */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "harness.h"
#include "neighbour.h"

#define NEIGHBOUR_UID    1042
#define ROUNDS_PER_VISIT 8 /* rounds between two visits */

struct neighbour_record {
	atomic_uint_fast64_t rounds;
	atomic_uint_fast64_t slowest_ms;
	atomic_bool stop;
};

/* Opens a short-lived context and uses every call that takes requests and descriptors. */
static void visit(const struct instance *instance)
{
	const struct accel_command nop = {.op = ACCEL_OP_NOP};
	struct accel_device_info info;
	int context = ASSERT_OK(raw_context(instance)), fd = raw_memfd(PAGE);
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_import(context, fd));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));

	ASSERT_OK(raw_accel_map(context, asid, buffer, PAGE, JOB_IOVA));
	ASSERT_OK(raw_accel_attach(context, queue, asid));
	ASSERT_EQ(raw_accel_submit(context, queue, &nop, 1), 0);
	ASSERT_OK(raw_queue_wait(context, queue, 1));
	ASSERT_OK(raw_device_info(instance, &info));
	ASSERT(info.contexts >= 2);
	close(ASSERT_OK(raw_accel_fd(instance, context, buffer, O_RDWR)));
	close(fd);
	close(context);
}

static void compute(int peer, void *data)
{
	struct neighbour *neighbour = data;
	struct neighbour_record *record = neighbour->record;
	struct job job;

	job_start(&job, neighbour->instance);
	peer_signal(peer);
	while (!record->stop) {
		uint64_t start = now_ms(), took;

		job_round(&job);
		if (record->rounds % ROUNDS_PER_VISIT == 0)
			visit(neighbour->instance);
		took = now_ms() - start;
		if (took > record->slowest_ms)
			record->slowest_ms = took;
		if (took > PROMPT_MS)
			test_fail(__FILE__, __LINE__, "a neighbour's round took %d ms",
				  (int)took);
		record->rounds++;
	}
	job_end(&job);
}

void neighbour_start(struct neighbour *neighbour, const struct instance *instance)
{
	neighbour->instance = instance;
	neighbour->record = mmap(NULL, sizeof(*neighbour->record), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(neighbour->record != MAP_FAILED);
	child_start(&neighbour->child, USER(NEIGHBOUR_UID), compute, neighbour);
	peer_wait(neighbour->child.peer);
}

struct expectation {
	const struct neighbour_record *record;
	uint64_t rounds;
};

static bool has_done(void *data)
{
	struct expectation *expectation = data;

	return expectation->record->rounds >= expectation->rounds;
}

void neighbour_expect(struct neighbour *neighbour, uint64_t n)
{
	struct expectation expectation = {neighbour->record,
					  neighbour->record->rounds + n};

	if (!wait_until(has_done, &expectation))
		test_fail(__FILE__, __LINE__, "the neighbour makes no progress");
}

void neighbour_end(struct neighbour *neighbour)
{
	neighbour_expect(neighbour, 2 * ROUNDS_PER_VISIT);
	neighbour->record->stop = true;
	child_wait(&neighbour->child);
	test_note("the neighbour did %llu rounds, the slowest took %llu ms",
		  (unsigned long long)neighbour->record->rounds,
		  (unsigned long long)neighbour->record->slowest_ms);
	munmap(neighbour->record, sizeof(*neighbour->record));
}
