/* SPDX-License-Identifier: MIT */
/* test-hipipc-open.c - invalid handles, and importers that a handle does not permit */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

/* This process imports what another process exports. */
static void begin(struct exporter *ret_exporter, struct instance *instance)
{
	*ret_exporter = (struct exporter){.instance = instance};
	exporter_start(ret_exporter, NULL);
	hip_begin(instance);
}

static void expect(hipError_t expected, hipIpcMemHandle_t handle)
{
	void *pointer = &pointer;

	ASSERT_IPC(expected, hipIpcOpenMemHandle(&pointer, handle, 0));
	ASSERT(pointer == &pointer);
}

static void expect_event(hipError_t expected, hipIpcEventHandle_t handle)
{
	hipEvent_t event = (hipEvent_t)&event;

	ASSERT_IPC(expected, hipIpcOpenEventHandle(&event, handle));
	ASSERT(event == (hipEvent_t)&event);
}

/* After all refusals, valid handles still work. */
static void finish(struct exporter *exporter)
{
	void *memory = open_memory(exporter->memory);

	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_HIP(hipSuccess, hipEventDestroy(open_event(exporter->event)));
	exporter_end(exporter);
	expect_names(exporter->instance, 0);
}

/* ---- arguments --------------------------------------------------------------------- */

static void open_null(struct instance *instance)
{
	const hipIpcMemHandle_t zero = {0};
	struct exporter exporter;

	begin(&exporter, instance);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcOpenMemHandle(NULL, exporter.memory, 0));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcOpenMemHandle(NULL, zero, 0));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcOpenEventHandle(NULL, exporter.event));
	finish(&exporter);
}

static void open_flags(struct instance *instance)
{
	struct exporter exporter;
	void *memory;

	begin(&exporter, instance);
	for (int bit = 1; bit < 32; bit++) {
		for (unsigned int known = 0; known < 2; known++)
			ASSERT_IPC(hipErrorInvalidValue,
				   hipIpcOpenMemHandle(&memory, exporter.memory,
						       1U << bit | known));
	}
	ASSERT_IPC(hipErrorInvalidValue,
		   hipIpcOpenMemHandle(&memory, exporter.memory, ~0U));
	ASSERT_IPC(hipSuccess, hipIpcOpenMemHandle(&memory, exporter.memory, 0));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	finish(&exporter);
}

static void flags_before_exporter(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	void *memory;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	handle = get_memory(memory);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcOpenMemHandle(&memory, handle, 2));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcOpenMemHandle(NULL, handle, 0));
	ASSERT_IPC(hipErrorInvalidContext, hipIpcOpenMemHandle(&memory, handle, 0));
	ASSERT_IPC(hipErrorInvalidContext, hipIpcOpenMemHandle(&memory, handle, 1));
}

/* ---- forged handles ---------------------------------------------------------------- */

static void open_zero(struct instance *instance)
{
	const hipIpcMemHandle_t zero = {0};
	const hipIpcEventHandle_t zero_event = {0};
	hipIpcMemHandle_t ones;
	struct exporter exporter;

	begin(&exporter, instance);
	expect(hipErrorInvalidValue, zero);
	expect_event(hipErrorInvalidValue, zero_event);
	memset(&ones, 0xff, sizeof(ones));
	expect(hipErrorInvalidValue, ones);
	finish(&exporter);
}

static void bit_flips(struct instance *instance)
{
	struct exporter exporter;

	begin(&exporter, instance);
	for (int bit = 0; bit < 512; bit++) {
		hipIpcMemHandle_t memory = exporter.memory;
		hipIpcEventHandle_t event = exporter.event;

		memory.reserved[bit / 8] ^= (char)(1 << bit % 8);
		event.reserved[bit / 8] ^= (char)(1 << bit % 8);
		expect(hipErrorInvalidValue, memory);
		expect_event(hipErrorInvalidValue, event);
	}
	finish(&exporter);
}

static void random_bytes(struct instance *instance)
{
	struct exporter exporter;
	hipIpcMemHandle_t handle;

	begin(&exporter, instance);
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		/* Truncated as well: the tail is random. */
		size_t kept = (size_t)random() % sizeof(handle);

		handle = exporter.memory;
		for (size_t j = kept; j < sizeof(handle); j++)
			handle.reserved[j] = (char)random();
		if (memcmp(&handle, &exporter.memory, sizeof(handle)) != 0)
			expect(hipErrorInvalidValue, handle);
	}
	finish(&exporter);
}

static void other_versions(struct instance *instance)
{
	const uint16_t versions[] = {0, 2, 3, 0x100, UINT16_MAX};
	struct exporter exporter;
	struct wire wire;

	begin(&exporter, instance);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		wire = memory_wire(exporter.memory);
		wire.version = versions[i];
		expect(hipErrorInvalidValue, forge_memory(wire));
		wire = event_wire(exporter.event);
		wire.version = versions[i];
		expect_event(hipErrorInvalidValue, forge_event(wire));
	}
	wire = memory_wire(exporter.memory);
	wire.magic++;
	expect(hipErrorInvalidValue, forge_memory(wire));
	for (size_t i = 0; i < sizeof(wire.reserved); i++) {
		wire = memory_wire(exporter.memory);
		wire.reserved[i] = 1;
		expect(hipErrorInvalidValue, forge_memory(wire));
	}
	finish(&exporter);
}

static void other_kinds(struct instance *instance)
{
	const uint16_t unknown[] = {0, 5, 31, 32, 33, 256 + WIRE_MEMFD, UINT16_MAX};
	struct exporter exporter;
	hipIpcEventHandle_t event;
	hipIpcMemHandle_t memory;
	struct wire wire;

	begin(&exporter, instance);
	memcpy(&event, &exporter.memory, sizeof(event));
	expect_event(hipErrorInvalidValue, event);
	memcpy(&memory, &exporter.event, sizeof(memory));
	expect(hipErrorInvalidValue, memory);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		wire = memory_wire(exporter.memory);
		wire.kind = unknown[i];
		expect(hipErrorInvalidValue, forge_memory(wire));
		expect_event(hipErrorInvalidValue, forge_event(wire));
	}
	/* Valid kinds that do not match the object. */
	wire.kind = WIRE_DMABUF;
	expect(hipErrorMapFailed, forge_memory(wire));
	wire.kind = WIRE_VMM;
	expect(hipErrorMapFailed, forge_memory(wire));
	wire.kind = WIRE_EVENT;
	expect_event(hipErrorMapFailed, forge_event(wire));
	finish(&exporter);
}

static void no_size(struct instance *instance)
{
	struct exporter exporter;
	struct wire wire, good;

	begin(&exporter, instance);
	good = memory_wire(exporter.memory);
	wire = good;
	wire.bytes = 0;
	expect(hipErrorInvalidValue, forge_memory(wire));
	for (int i = 0; i < 3; i++) {
		wire = good;
		wire.offset = i == 2 ? UINT64_MAX : good.bytes + (uint64_t)i;
		expect(hipErrorInvalidValue, forge_memory(wire));
	}
	wire = good;
	wire.base = UINT64_MAX - good.bytes + 1; /* the end wraps to 0 */
	expect(hipErrorInvalidValue, forge_memory(wire));
	wire.base = UINT64_MAX;
	expect(hipErrorInvalidValue, forge_memory(wire));
	wire = good;
	wire.bytes = UINT64_MAX;
	wire.base = 1;
	expect(hipErrorInvalidValue, forge_memory(wire));
	finish(&exporter);
}

/* The size is checked against the kernel's, not taken from the handle. */
static void too_big(struct instance *instance)
{
	const uint64_t far[] = {32 * PAGE,          1ULL << 32, 1ULL << 40,
				UINT64_MAX / 2 + 1, INT64_MAX,  0ULL - 64 * PAGE};
	struct exporter exporter;
	struct wire wire, good;

	begin(&exporter, instance);
	good = memory_wire(exporter.memory);
	for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
		wire = good;
		wire.base = far[i] / PAGE * PAGE;
		expect(hipErrorMapFailed, forge_memory(wire));
		wire = good;
		wire.bytes = far[i];
		expect(hipErrorMapFailed, forge_memory(wire));
		wire.offset = far[i] - 1;
		expect(hipErrorMapFailed, forge_memory(wire));
	}
	wire = good;
	wire.base += PAGE;
	wire.bytes = 32 * PAGE;
	expect(hipErrorMapFailed, forge_memory(wire));
	finish(&exporter);
}

static void random_name(struct instance *instance)
{
	struct exporter exporter;
	struct wire wire, event;

	begin(&exporter, instance);
	srandom(11);
	wire = memory_wire(exporter.memory);
	event = event_wire(exporter.event);
	for (int i = 0; i < 50; i++) {
		for (size_t j = 0; j < sizeof(wire.uuid); j++)
			event.uuid[j] = wire.uuid[j] = (uint8_t)random();
		expect(hipErrorInvalidResourceHandle, forge_memory(wire));
		expect_event(hipErrorInvalidResourceHandle, forge_event(event));
	}
	memset(wire.uuid, 0, sizeof(wire.uuid));
	expect(hipErrorInvalidResourceHandle, forge_memory(wire));
	finish(&exporter);
}

/* ---- own handles ------------------------------------------------------------------- */

static void *open_own_in_thread(void *data)
{
	expect(hipErrorInvalidContext, *(hipIpcMemHandle_t *)data);
	return NULL;
}

static void open_own(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	hipIpcEventHandle_t event;
	struct wire wire;
	pthread_t thread;
	uint8_t *memory;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	handle = get_memory(memory);
	event = get_event(make_event());
	expect(hipErrorInvalidContext, handle);
	expect(hipErrorInvalidContext, get_memory(memory + 10));
	expect_event(hipErrorInvalidContext, event);
	ASSERT_EQ(pthread_create(&thread, NULL, open_own_in_thread, &handle), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	/* A handle is identified by its name only. */
	wire = memory_wire(handle);
	wire.bytes = 1;
	expect(hipErrorInvalidContext, forge_memory(wire));
	device_check(memory, 0, DEVICE_BYTES, 1);
}

const struct test_case test_cases[] = {
	{"row_open_null", open_null},
	{"row_open_unknown_flags", open_flags},
	{"row_open_flags_before_exporter", flags_before_exporter},
	{"row_open_all_zero", open_zero},
	{"row_open_bit_flips", bit_flips},
	{"row_open_random_bytes", random_bytes},
	{"row_open_other_version", other_versions},
	{"row_open_wrong_kind", other_kinds},
	{"row_open_no_size", no_size},
	{"row_open_bigger_than_buffer", too_big},
	{"row_open_random_name", random_name},
	{"row_open_own", open_own},
	{NULL},
};
