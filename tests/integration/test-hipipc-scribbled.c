/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-scribbled.c - events whose page another process overwrites
 *
 *
 * A process that may open an event can write anything to its page. For other users of the
 * event this may only cause an early completion or an error: no crash, and no endless
 * wait while the recorder lives.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"
#include "witness.h"

/* ---- concurrent writes to an event ------------------------------------------------- */

#define SCRIBBLE_MS 1500

/* Time limit for a round of the victim. */
#define ROUND_MS 5000

/* Shared by all processes. */
struct scribbling {
	const struct instance *instance;
	hipIpcEventHandle_t event;
	atomic_bool stop;
	atomic_ulong rounds, scribbles;
};

struct scribbler {
	struct scribbling *scribbling;
	void (*scribble)(uint8_t *page, unsigned int *seed);
};

static void write_random(uint8_t *page, unsigned int *seed)
{
	for (size_t i = 0; i < PAGE; i++)
		page[i] = (uint8_t)rand_r(seed);
}

/* Overwrites single words; the rest stays plausible. */
static void write_words(uint8_t *page, unsigned int *seed)
{
	uint64_t values[] = {0, 1, UINT64_MAX, (uint64_t)rand_r(seed) << 32, 127, 128};
	uint64_t *words = (void *)page;
	size_t below = rand_r(seed) % 2 ? 8 : PAGE / sizeof(*words);

	words[(size_t)rand_r(seed) % below] =
		values[(size_t)rand_r(seed) % ARRAY_SIZE(values)];
}

static void write_zeroes(uint8_t *page, unsigned int *seed)
{
	memset(page + 8, 0, PAGE - 8);
}

static void write_ones(uint8_t *page, unsigned int *seed)
{
	memset(page + 8, 0xff, PAGE - 8);
}

/*
 * No record is reached or failed, and the recorder lives. A slot has three words: its
 * recorder, the last record reached, the last record failed.
 */
static void write_unreached(uint8_t *page, unsigned int *seed)
{
	for (size_t i = 64; i + 24 <= PAGE; i += 24)
		memset(page + i + 8, 0, 16);
}

static void run_scribbler(int peer, void *data)
{
	struct scribbler *scribbler = data;
	struct wire wire = event_wire(scribbler->scribbling->event);
	unsigned int seed = 1;
	int fd = ASSERT_OK(raw_open(scribbler->scribbling->instance, wire.uuid, O_RDWR));
	void *page;

	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &page));
	peer_signal(peer);
	while (!scribbler->scribbling->stop) {
		scribbler->scribble(page, &seed);
		scribbler->scribbling->scribbles++;
	}
}

/* Success or error, depending on the page, but it returns. */
static void expect_end(hipError_t error)
{
	if (error != hipSuccess)
		ASSERT_HIP(hipErrorContextIsDestroyed, error);
}

static void use_event(hipEvent_t event, void *pointer)
{
	hipStream_t stream;
	hipError_t recorded, asked;

	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	ASSERT_HIP(hipSuccess, hipMemsetAsync(pointer, 1, PAGE, stream));
	recorded = hipEventRecord(event, stream);
	/* The page was invalid. */
	if (recorded != hipSuccess)
		ASSERT_HIP(hipErrorLaunchFailure, recorded);
	asked = hipEventQuery(event);
	if (asked != hipErrorNotReady)
		expect_end(asked);
	expect_end(hipEventSynchronize(event));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(stream));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(stream, event, 0));
	expect_end(hipStreamSynchronize(stream));
	/* An error, if any, stays with the stream. */
	hipStreamDestroy(stream);
}

static void record_and_wait(int peer, void *data)
{
	struct scribbling *scribbling = data;
	hipEvent_t event;
	void *pointer;
	int n_fds;

	hip_begin(scribbling->instance);
	pointer = device_alloc(PAGE, 1);
	event = make_event();
	scribbling->event = get_event(event);
	use_event(event, pointer);
	n_fds = count_stable_fds(getpid());
	peer_signal(peer);
	while (!scribbling->stop) {
		use_event(event, pointer);
		scribbling->rounds++;
	}
	ASSERT_HIP(hipSuccess, hipDeviceSynchronize());
	device_check_value(pointer, PAGE, 1);
	witness_expect_fds(getpid(), n_fds);
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	ASSERT_HIP(hipSuccess, hipFree(pointer));
}

/* Checks that the victim makes progress. */
static void watch(struct scribbling *scribbling, uint64_t ms)
{
	uint64_t end = now_ms() + ms, last = now_ms();
	unsigned long rounds = scribbling->rounds;

	while (now_ms() < end) {
		usleep(1000);
		if (scribbling->rounds != rounds)
			last = now_ms();
		rounds = scribbling->rounds;
		if (now_ms() - last > ROUND_MS)
			test_fail(__FILE__, __LINE__, "the victim hangs after %lu rounds",
				  rounds);
	}
}

static void scribble_with(struct instance *instance,
			  void (*scribble)(uint8_t *page, unsigned int *seed))
{
	struct scribbling *scribbling = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct scribbler scribbler = {scribbling, scribble};
	struct child victim, hostile;

	ASSERT(scribbling != MAP_FAILED);
	scribbling->instance = instance;
	ASSERT_OK(SYS(setenv("HIPIPC_MODE", "666", 1)));
	child_start(&victim, USER(1001), record_and_wait, scribbling);
	peer_wait(victim.peer);
	child_start(&hostile, USER(1002), run_scribbler, &scribbler);
	peer_wait(hostile.peer);
	watch(scribbling, SCRIBBLE_MS);
	ASSERT(scribbling->rounds > 0);
	scribbling->stop = true;
	child_wait(&hostile);
	child_wait(&victim);
	test_note("%lu rounds, %lu scribbles", scribbling->rounds, scribbling->scribbles);
	expect_names(instance, 0);
}

static void random_bytes(struct instance *instance)
{
	scribble_with(instance, write_random);
}

static void random_words(struct instance *instance)
{
	scribble_with(instance, write_words);
}

static void zeroes(struct instance *instance)
{
	scribble_with(instance, write_zeroes);
}

static void ones(struct instance *instance)
{
	scribble_with(instance, write_ones);
}

static void records_unmade(struct instance *instance)
{
	scribble_with(instance, write_unreached);
}

const struct test_case test_cases[] = {
	{"random_bytes", random_bytes},
	{"random_words", random_words},
	{"zeroes", zeroes},
	{"ones", ones},
	{"records_unmade", records_unmade},
	{0},
};
