/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-killed.c - users of IPC handles, killed at each of their steps
 *
 *
 * A step is a system call: the victim is killed before and after each one. Afterwards no
 * resource of it may remain in the service (its charges and its descriptors) or in the
 * kernel (each memfd of the victim). Peers keep what they have open and get a documented
 * error for what is gone.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"
#include "stops.h"
#include "witness.h"

#define MAX_MEMORY 64

/* Bytes from here on are modified, earlier ones never are. */
#define HALF (DEVICE_BYTES / 2)

/* More stops than any case has; reaching it means an endless loop. */
#define MAX_STOPS 2000

/* ---- remaining resources ----------------------------------------------------------- */

/* The memfds of a process that is about to be killed. */
struct remains {
	struct witness memory[MAX_MEMORY];
	size_t n;
};

static bool is_among(const struct witness *witness, const struct remains *remains)
{
	for (size_t i = 0; i < remains->n; i++)
		if (memcmp(witness, &remains->memory[i], sizeof(*witness)) == 0)
			return true;
	return false;
}

static void remains_take(struct remains *remains, pid_t pid)
{
	remains->n = witness_take_process(remains->memory, MAX_MEMORY, pid);
}

/* All are freed, except those that another process has open as well. */
static void remains_expect_gone(const struct remains *remains, const struct remains *kept)
{
	for (size_t i = 0; i < remains->n; i++)
		if (!kept || !is_among(&remains->memory[i], kept))
			witness_expect_gone(&remains->memory[i], 1);
}

/* The service counts no importer of this handle's memory. */
static void expect_no_importer(const struct instance *instance, hipIpcMemHandle_t handle)
{
	int opened = ASSERT_OK(raw_open(instance, memory_wire(handle).uuid, O_RDONLY));

	expect_no_other_importer(opened);
	close(opened);
}

/* ---- importers --------------------------------------------------------------------- */

static void importer_begin(const struct exporter *exporter)
{
	void *pointer;

	hip_begin(exporter->instance);
	/* Initialize the runtime before tracing starts. */
	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, PAGE));
	ASSERT_HIP(hipSuccess, hipFree(pointer));
}

/* Tracing starts here. */
static void wait_for_tracer(int peer)
{
	peer_signal(peer);
	peer_wait(peer);
	stops_mark();
}

/* Waits to be killed. */
static void wait_for_end(int peer)
{
	stops_mark();
	for (;;)
		pause();
}

static void open_use_close(int peer, void *data)
{
	const struct exporter *exporter = data;
	uint8_t *pointer;
	hipEvent_t event;

	importer_begin(exporter);
	wait_for_tracer(peer);
	pointer = open_memory(exporter->memory);
	event = open_event(exporter->event);
	device_check(pointer, 0, HALF, 1);
	ASSERT_HIP(hipSuccess, hipMemset(pointer + HALF, 2, DEVICE_BYTES - HALF));
	device_check_value(pointer + HALF, DEVICE_BYTES - HALF, 2);
	ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(event));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	wait_for_end(peer);
}

static void wait_for_event(int peer, void *data)
{
	const struct exporter *exporter = data;
	void *pointer;
	hipEvent_t event;

	importer_begin(exporter);
	pointer = open_memory(exporter->memory);
	event = open_event(exporter->event);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(event));
	wait_for_tracer(peer);
	hipEventSynchronize(event);
	(void)pointer;
	test_fail(__FILE__, __LINE__, "the event was reached");
}

/* Shared by the importers of a case. */
struct import_scene {
	struct exporter exporter;
	int n_fds;           /* of the daemon */
	struct remains kept; /* the exporter's memory */
	bool held;           /* the exporter's stream is blocked, so it cannot copy */
};

static void import_scene_start(struct import_scene *scene,
			       const struct instance *instance)
{
	*scene = (struct import_scene){.exporter = {.instance = instance, .mode = "666"}};
	exporter_start(&scene->exporter, USER(1001));
	remains_take(&scene->kept, scene->exporter.child.pid);
	scene->n_fds = count_stable_fds(instance->service);
}

/* Starts an importer and kills it at a stop; false if it had fewer stops. */
static bool kill_importer(struct import_scene *scene, void (*fn)(int peer, void *data),
			  unsigned int n)
{
	struct remains remains;
	struct child victim;
	bool stopped;

	child_start(&victim, USER(1002), fn, &scene->exporter);
	peer_wait(victim.peer);
	stops_attach(victim.pid);
	peer_signal(victim.peer);
	stopped = stops_reach(victim.pid, n);
	remains_take(&remains, victim.pid);
	child_kill(&victim, SIGKILL);
	remains_expect_gone(&remains, &scene->kept);
	expect_no_importer(scene->exporter.instance, scene->exporter.memory);
	witness_expect_fds(scene->exporter.instance->service, scene->n_fds);
	return stopped;
}

/* Only the exporter's resources remain, and are freed when it exits. */
static void import_scene_end(struct import_scene *scene)
{
	const struct instance *instance = scene->exporter.instance;
	struct witness memory[2];

	witness_take_name(&memory[0], instance, memory_wire(scene->exporter.memory).uuid);
	witness_take_name(&memory[1], instance, event_wire(scene->exporter.event).uuid);
	exporter_order(&scene->exporter, ORDER_FREE, 0);
	exporter_order(&scene->exporter, ORDER_DESTROY, 0);
	witness_expect_gone(memory, ARRAY_SIZE(memory));
	expect_names(instance, 0);
	exporter_end(&scene->exporter);
}

static void importer_at_each_step(struct instance *instance)
{
	struct import_scene scene;
	unsigned int n = 0;

	import_scene_start(&scene, instance);
	while (kill_importer(&scene, open_use_close, n)) {
		exporter_order(&scene.exporter, ORDER_FILL, 1);
		exporter_order(&scene.exporter, ORDER_CHECK, 1);
		n++;
		ASSERT(n < MAX_STOPS);
	}
	/* Open, read, record and close each make at least a system call. */
	ASSERT(n > 20);
	exporter_order(&scene.exporter, ORDER_FILL, 3);
	exporter_order(&scene.exporter, ORDER_CHECK, 3);
	import_scene_end(&scene);
	test_note("killed at %u stops", n);
}

/* Its last stops are in the wait, which is entered repeatedly. */
static void importer_that_waits(struct instance *instance)
{
	struct import_scene scene;

	import_scene_start(&scene, instance);
	exporter_order(&scene.exporter, ORDER_HOLD, 0);
	exporter_order(&scene.exporter, ORDER_RECORD, 9);
	remains_take(&scene.kept, scene.exporter.child.pid);
	for (unsigned int n = 0; n < 12; n++) {
		ASSERT(kill_importer(&scene, wait_for_event, n));
		exporter_order(&scene.exporter, ORDER_QUERY, hipErrorNotReady);
	}
	exporter_order(&scene.exporter, ORDER_RELEASE, 0);
	exporter_order(&scene.exporter, ORDER_SYNC, hipSuccess);
	exporter_order(&scene.exporter, ORDER_VALUE, 9);
	import_scene_end(&scene);
}

static void wait_in_stream(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipStream_t stream;
	hipEvent_t event;
	void *pointer;

	importer_begin(exporter);
	pointer = open_memory(exporter->memory);
	event = open_event(exporter->event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(stream, event, 0));
	ASSERT_HIP(hipSuccess, hipMemsetAsync(pointer, 8, DEVICE_BYTES, stream));
	/* The last record is this process's, and follows the exporter's. */
	ASSERT_HIP(hipSuccess, hipEventRecord(event, stream));
	peer_signal(peer);
	hipStreamSynchronize(stream);
	test_fail(__FILE__, __LINE__, "the event was reached");
}

/* Its queued work is never executed, and its record is never reached. */
static void importer_whose_stream_waits(struct instance *instance)
{
	struct import_scene scene;
	struct remains remains;
	struct child victim;

	import_scene_start(&scene, instance);
	exporter_order(&scene.exporter, ORDER_HOLD, 0);
	exporter_order(&scene.exporter, ORDER_RECORD, 9);
	child_start(&victim, USER(1002), wait_in_stream, &scene.exporter);
	peer_wait(victim.peer);
	remains_take(&remains, victim.pid);
	remains_take(&scene.kept, scene.exporter.child.pid);
	exporter_order(&scene.exporter, ORDER_QUERY, hipErrorNotReady);
	child_kill(&victim, SIGKILL);
	exporter_order(&scene.exporter, ORDER_SYNC, hipErrorContextIsDestroyed);
	exporter_order(&scene.exporter, ORDER_RELEASE, 0);
	exporter_order(&scene.exporter, ORDER_VALUE, 9);
	remains_expect_gone(&remains, &scene.kept);
	expect_no_importer(instance, scene.exporter.memory);
	witness_expect_fds(instance->service, scene.n_fds);
	import_scene_end(&scene);
}

/* ---- exporters --------------------------------------------------------------------- */

/* The exporter's first objects, which are imported before the exporter is killed. */
struct offer {
	hipIpcMemHandle_t memory;
	hipIpcEventHandle_t event;
};

static void export_once_more(void)
{
	hipEvent_t event = make_event();
	void *pointer = device_alloc(PAGE, 5);
	hipIpcMemHandle_t handle = get_memory(pointer);

	ASSERT(memcmp(&handle, (hipIpcMemHandle_t[]){get_memory(pointer)},
		      sizeof(handle)) == 0);
	get_event(event);
	ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
}

static void export_and_free(int peer, void *data)
{
	struct offer offer;
	uint8_t *pointer;
	hipEvent_t event;

	hip_begin(data);
	pointer = device_alloc(DEVICE_BYTES, 7);
	event = make_event();
	offer.memory = get_memory(pointer);
	offer.event = get_event(event);
	peer_put(peer, &offer, sizeof(offer));
	peer_wait(peer);
	wait_for_tracer(peer);
	export_once_more();
	ASSERT_HIP(hipSuccess,
		   hipMemsetAsync(pointer + HALF, 6, DEVICE_BYTES - HALF, NULL));
	ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	wait_for_end(peer);
}

/* The event was reached or failed; both calls return at once. */
static void check_event(hipEvent_t event)
{
	uint64_t begin = now_ms();
	hipError_t waited = hipEventSynchronize(event), asked = hipEventQuery(event);

	ASSERT(now_ms() - begin < PROMPT_MS);
	ASSERT(waited == hipSuccess || waited == hipErrorContextIsDestroyed);
	ASSERT_EQ(asked, waited);
}

/* The exporter is gone. */
static void check_refused(const struct offer *offer)
{
	uint64_t begin = now_ms();
	hipEvent_t event;
	void *pointer;

	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenMemHandle(&pointer, offer->memory, 0));
	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenEventHandle(&event, offer->event));
	ASSERT(now_ms() - begin < PROMPT_MS);
}

/* Opens the objects of one exporter after the other, and checks them after its death. */
static void survive(int peer, void *data)
{
	uint8_t *pointer;
	struct offer offer;
	hipEvent_t event;

	hip_begin(data);
	while (recv(peer, &offer, sizeof(offer), MSG_WAITALL) == sizeof(offer)) {
		pointer = open_memory(offer.memory);
		event = open_event(offer.event);
		device_check(pointer, 0, DEVICE_BYTES, 7);
		peer_signal(peer);
		peer_wait(peer);
		device_check(pointer, 0, HALF, 7);
		check_event(event);
		/* Only this process has the memory now. */
		device_fill(pointer, DEVICE_BYTES, 4);
		device_check(pointer, 0, DEVICE_BYTES, 4);
		ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
		ASSERT_HIP(hipSuccess, hipEventSynchronize(event));
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
		ASSERT_HIP(hipSuccess, hipEventDestroy(event));
		check_refused(&offer);
		peer_signal(peer);
	}
}

static void exchange_offer(const struct child *victim, const struct child *survivor)
{
	struct offer offer;

	peer_get(victim->peer, &offer, sizeof(offer));
	peer_put(survivor->peer, &offer, sizeof(offer));
	peer_wait(survivor->peer);
	peer_signal(victim->peer);
}

static bool kill_exporter(struct instance *instance, const struct child *survivor,
			  int n_fds, unsigned int n)
{
	struct remains remains;
	struct child victim;
	bool stopped;

	child_start(&victim, USER(1001), export_and_free, instance);
	exchange_offer(&victim, survivor);
	peer_wait(victim.peer);
	stops_attach(victim.pid);
	peer_signal(victim.peer);
	stopped = stops_reach(victim.pid, n);
	remains_take(&remains, victim.pid);
	child_kill(&victim, SIGKILL);
	expect_names(instance, 0);
	peer_signal(survivor->peer);
	peer_wait(survivor->peer);
	remains_expect_gone(&remains, NULL);
	witness_expect_fds(instance->service, n_fds);
	return stopped;
}

static void exporter_at_each_step(struct instance *instance)
{
	struct child survivor;
	unsigned int n = 0;
	int n_fds;

	ASSERT_OK(SYS(setenv("HIPIPC_MODE", "666", 1)));
	child_start(&survivor, USER(1002), survive, instance);
	/* The first round lets the survivor reach its steady state. */
	ASSERT(!kill_exporter(instance, &survivor, INT32_MAX, MAX_STOPS));
	n_fds = count_stable_fds(instance->service);
	while (kill_exporter(instance, &survivor, n_fds, n))
		n++;
	/* It exports and frees two names, with a service call each. */
	ASSERT(n > 20);
	close(survivor.peer);
	survivor.peer = -1;
	child_wait(&survivor);
	test_note("killed at %u stops", n);
}

/* ---- exporters that others wait for ------------------------------------------------ */

static void be_told(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipEvent_t event;

	importer_begin(exporter);
	event = open_event(exporter->event);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(event));
	peer_signal(peer);
	ASSERT_HIP(hipErrorContextIsDestroyed, hipEventSynchronize(event));
	peer_signal(peer);
	ASSERT_HIP(hipErrorContextIsDestroyed, hipEventQuery(event));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
}

static void be_told_in_stream(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipStream_t stream;
	hipEvent_t event;
	void *pointer;

	importer_begin(exporter);
	pointer = open_memory(exporter->memory);
	event = open_event(exporter->event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(stream, event, 0));
	ASSERT_HIP(hipSuccess, hipMemsetAsync(pointer, 5, DEVICE_BYTES, stream));
	peer_signal(peer);
	ASSERT_HIP(hipErrorContextIsDestroyed, hipStreamSynchronize(stream));
	peer_signal(peer);
	/* The work after the event was not executed; another stream still works. */
	device_check(pointer, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
}

static void exporter_with_a_record_to_come(struct instance *instance)
{
	void (*const told[])(int peer, void *data) = {be_told, be_told_in_stream};
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct child importers[ARRAY_SIZE(told)];
	struct remains remains;
	uint64_t begin;

	exporter_start(&exporter, USER(1001));
	exporter_order(&exporter, ORDER_HOLD, 0);
	exporter_order(&exporter, ORDER_RECORD, 9);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		child_start(&importers[i], USER(1002), told[i], &exporter);
		peer_wait(importers[i].peer);
	}
	remains_take(&remains, exporter.child.pid);
	begin = now_ms();
	exporter_kill(&exporter);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		peer_wait(importers[i].peer);
	ASSERT(now_ms() - begin < PROMPT_MS);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		child_wait(&importers[i]);
	remains_expect_gone(&remains, NULL);
	expect_names(instance, 0);
	instance_settle(instance);
}

/* ---- at random times --------------------------------------------------------------- */

static void open_while_it_lives(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipError_t result = hipSuccess;
	void *pointer;

	importer_begin(exporter);
	peer_signal(peer);
	while (result == hipSuccess) {
		result = hipIpcOpenMemHandle(&pointer, exporter->memory, 0);
		if (result != hipSuccess)
			break;
		device_check(pointer, 0, PAGE, 1);
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	}
	ASSERT_HIP(hipErrorInvalidResourceHandle, result);
}

/* The time is random on purpose. */
static void random_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = random() % 3000000}, NULL);
}

static void exporter_under_load(struct instance *instance)
{
	srandom((unsigned int)getpid());
	for (int i = 0; i < 20; i++) {
		struct exporter exporter = {.instance = instance, .mode = "666"};
		struct child importers[3];
		struct remains remains;

		exporter_start(&exporter, USER(1001));
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++) {
			child_start(&importers[j], USER(1002), open_while_it_lives,
				    &exporter);
			peer_wait(importers[j].peer);
		}
		random_pause();
		remains_take(&remains, exporter.child.pid);
		exporter_kill(&exporter);
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++)
			child_wait(&importers[j]);
		remains_expect_gone(&remains, NULL);
	}
}

const struct test_case test_cases[] = {
	{"importer_at_each_step", importer_at_each_step, NULL, 120},
	{"importer_that_waits", importer_that_waits},
	{"importer_whose_stream_waits", importer_whose_stream_waits},
	{"exporter_at_each_step", exporter_at_each_step, NULL, 120},
	{"exporter_with_a_record_to_come", exporter_with_a_record_to_come},
	{"exporter_under_load", exporter_under_load},
	{0},
};
