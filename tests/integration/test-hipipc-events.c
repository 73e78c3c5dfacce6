/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-events.c - events across processes: record, wait, query, synchronize
 *
 *
 * A gate (hipipc.h) keeps work pending, so that no case depends on the speed of a process
 * or a stream.
 */
#include <string.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

/* What an importer opened from an exporter. */
struct side {
	struct exporter exporter;
	uint8_t *memory;
	hipEvent_t event;
	hipStream_t stream;
};

static void open_all(struct side *side)
{
	side->memory = open_memory(side->exporter.memory);
	side->event = open_event(side->exporter.event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&side->stream));
}

static void side_open(struct side *ret_side, struct instance *instance)
{
	memset(ret_side, 0, sizeof(*ret_side));
	ret_side->exporter.instance = instance;
	exporter_start(&ret_side->exporter, NULL);
	hip_begin(instance);
	open_all(ret_side);
}

static void close_all(struct side *side)
{
	ASSERT_HIP(hipSuccess, hipStreamDestroy(side->stream));
	ASSERT_HIP(hipSuccess, hipEventDestroy(side->event));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(side->memory));
}

static void side_close(struct side *side)
{
	close_all(side);
	exporter_end(&side->exporter);
	expect_names(side->exporter.instance, 0);
}

/* ---- handles ----------------------------------------------------------------------- */

static void get_refused(hipError_t expected, hipEvent_t event)
{
	hipIpcEventHandle_t handle = {"untouched"};

	ASSERT_IPC(expected, hipIpcGetEventHandle(&handle, event));
	ASSERT(strcmp(handle.reserved, "untouched") == 0);
}

static void get_handle(struct instance *instance)
{
	hipEvent_t event, plain, destroyed, wrong;
	hipIpcEventHandle_t handle;

	hip_begin(instance);
	event = make_event();
	destroyed = make_event();
	ASSERT_HIP(hipSuccess, hipEventDestroy(destroyed));
	ASSERT_HIP(hipSuccess, hipEventCreateWithFlags(&plain, hipEventDisableTiming));
	ASSERT_HIP(hipErrorInvalidValue,
		   hipEventCreateWithFlags(&wrong, hipEventInterprocess));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetEventHandle(NULL, event));
	get_refused(hipErrorInvalidValue, NULL);
	get_refused(hipErrorInvalidValue, (hipEvent_t)&event);
	get_refused(hipErrorInvalidValue, (hipEvent_t)1);
	get_refused(hipErrorInvalidValue, destroyed);
	get_refused(hipErrorInvalidResourceHandle, plain);
	ASSERT_HIP(hipSuccess, hipEventCreate(&plain));
	get_refused(hipErrorInvalidResourceHandle, plain);
	handle = get_event(event);
	expect_names(instance, 1);
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	expect_no_name(instance, event_wire(handle).uuid);
	get_refused(hipErrorInvalidValue, event);
}

static void same_bytes(struct instance *instance)
{
	hipIpcEventHandle_t first, other, again;
	hipEvent_t event;

	hip_begin(instance);
	event = make_event();
	first = get_event(event);
	other = get_event(make_event());
	ASSERT(memcmp(event_wire(first).uuid, event_wire(other).uuid, 16) != 0);
	ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
	again = get_event(event);
	ASSERT(memcmp(&first, &again, sizeof(first)) == 0);
	expect_names(instance, 2);
}

static void open_refused(hipError_t expected, hipIpcEventHandle_t handle)
{
	uint64_t start = now_ms();
	hipEvent_t event;

	ASSERT_IPC(expected, hipIpcOpenEventHandle(&event, handle));
	ASSERT(now_ms() - start < PROMPT_MS);
}

static void open_own(struct instance *instance)
{
	hip_begin(instance);
	open_refused(hipErrorInvalidContext, get_event(make_event()));
}

/* Each open returns a new event. */
static void open_twice(struct instance *instance)
{
	struct side side;
	hipEvent_t other;

	side_open(&side, instance);
	other = open_event(side.exporter.event);
	ASSERT(other != side.event);
	exporter_order(&side.exporter, ORDER_RECORD, 5);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(other));
	device_check_value(side.memory, DEVICE_BYTES, 5);
	ASSERT_HIP(hipSuccess, hipEventDestroy(other));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	side_close(&side);
}

static void no_times(struct instance *instance)
{
	struct side side;
	float ms;

	side_open(&side, instance);
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, NULL));
	ASSERT_HIP(hipErrorInvalidHandle,
		   hipEventElapsedTime(&ms, side.event, side.event));
	side_close(&side);
}

static void destroyed_by_exporter(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_RECORD, 5);
	exporter_order(&side.exporter, ORDER_DESTROY, 0);
	expect_no_name(instance, event_wire(side.exporter.event).uuid);
	open_refused(hipErrorInvalidResourceHandle, side.exporter.event);
	/* An open event stays valid. */
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	side_close(&side);
}

static void exporter_gone(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_RECORD, 5);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	exporter_kill(&side.exporter);
	open_refused(hipErrorInvalidResourceHandle, side.exporter.event);
	/* The record completed before the exporter died. */
	ASSERT_HIP(hipSuccess, hipEventQuery(side.event));
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	close_all(&side);
	expect_names(instance, 0);
}

/* ---- record in one process, wait in another ---------------------------------------- */

static void never_recorded(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	ASSERT_HIP(hipSuccess, hipEventQuery(side.event));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(side.stream, side.event, 0));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	side_close(&side);
}

/* A copy in this stream must see the work of the exporter's stream before the record. */
static void recorded_by_exporter(struct instance *instance)
{
	static uint8_t host[DEVICE_BYTES];
	struct side side;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_HOLD, 0);
	exporter_order(&side.exporter, ORDER_RECORD, 0x11);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(side.event));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(side.stream, side.event, 0));
	ASSERT_HIP(hipSuccess, hipMemcpyAsync(host, side.memory, DEVICE_BYTES,
					      hipMemcpyDeviceToHost, side.stream));
	ASSERT_HIP(hipErrorNotReady, hipStreamQuery(side.stream));
	exporter_order(&side.exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_tell(&side.exporter, ORDER_RELEASE, 0);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipEventQuery(side.event));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	for (size_t i = 0; i < DEVICE_BYTES; i++)
		ASSERT_EQ(host[i], 0x11);
	exporter_done(&side.exporter);
	exporter_order(&side.exporter, ORDER_QUERY, hipSuccess);
	side_close(&side);
}

static void recorded_by_importer(struct instance *instance)
{
	struct side side;
	struct gate gate;

	side_open(&side, instance);
	gate_close(&gate, side.stream);
	ASSERT_HIP(hipSuccess,
		   hipMemsetAsync(side.memory, 0x22, DEVICE_BYTES, side.stream));
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(side.event));
	exporter_order(&side.exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_tell(&side.exporter, ORDER_SYNC, hipSuccess);
	gate_open(&gate);
	exporter_done(&side.exporter);
	exporter_order(&side.exporter, ORDER_QUERY, hipSuccess);
	exporter_order(&side.exporter, ORDER_VALUE, 0x22);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	side_close(&side);
}

/* The exporter's stream waits for this one and then overwrites its result. */
static void exporters_stream_waits(struct instance *instance)
{
	struct side side;
	struct gate gate;

	side_open(&side, instance);
	gate_close(&gate, side.stream);
	ASSERT_HIP(hipSuccess,
		   hipMemsetAsync(side.memory, 0x33, DEVICE_BYTES, side.stream));
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	exporter_order(&side.exporter, ORDER_WAIT, 0x44);
	exporter_order(&side.exporter, ORDER_QUERY, hipErrorNotReady);
	gate_open(&gate);
	exporter_order(&side.exporter, ORDER_VALUE, 0x44);
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	side_close(&side);
}

/*
 * hipStreamWaitEvent() waits for the record that was the last one at the time of the
 * call.
 */
static void wait_is_for_the_last_record(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_RECORD, 1);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(side.stream, side.event, 0));
	exporter_order(&side.exporter, ORDER_HOLD, 0);
	exporter_order(&side.exporter, ORDER_RECORD, 2);
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(side.event));
	exporter_order(&side.exporter, ORDER_RELEASE, 0);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	side_close(&side);
}

/* An event has the state of its last record, whichever process made it. */
static void two_recorders(struct instance *instance)
{
	struct side side;
	struct gate gate;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_HOLD, 0);
	exporter_order(&side.exporter, ORDER_RECORD, 1);
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	exporter_order(&side.exporter, ORDER_QUERY, hipSuccess);
	gate_close(&gate, side.stream);
	ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	exporter_order(&side.exporter, ORDER_RELEASE, 0);
	exporter_order(&side.exporter, ORDER_QUERY, hipErrorNotReady);
	gate_open(&gate);
	exporter_order(&side.exporter, ORDER_SYNC, hipSuccess);
	side_close(&side);
}

/* ---- many records ------------------------------------------------------------------ */

static void thousand_records(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t byte = 0;

		exporter_order(&side.exporter, ORDER_RECORD, i & 0xff);
		ASSERT_HIP(hipSuccess, hipStreamWaitEvent(side.stream, side.event, 0));
		ASSERT_HIP(hipSuccess,
			   hipMemcpyAsync(&byte, side.memory + i, 1,
					  hipMemcpyDeviceToHost, side.stream));
		ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
		ASSERT_EQ(byte, i & 0xff);
		/*
		 * In turn: the exporter may overwrite the memory only after this process
		 * has read it.
		 */
		ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
		exporter_order(&side.exporter, ORDER_SYNC, hipSuccess);
	}
	side_close(&side);
}

static void thousand_pending(struct instance *instance)
{
	struct side side;

	side_open(&side, instance);
	exporter_order(&side.exporter, ORDER_HOLD, 0);
	exporter_order(&side.exporter, ORDER_RECORDS, 1000);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(side.event));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(side.stream, side.event, 0));
	for (int i = 0; i < 1000; i++)
		ASSERT_HIP(hipSuccess, hipEventRecord(side.event, side.stream));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(side.event));
	exporter_order(&side.exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_order(&side.exporter, ORDER_RELEASE, 0);
	exporter_order(&side.exporter, ORDER_SYNC, hipSuccess);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(side.event));
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(side.stream));
	side_close(&side);
}

const struct test_case test_cases[] = {
	{"row_event_get", get_handle},
	{"row_event_get_same_bytes", same_bytes},
	{"row_event_open_own", open_own},
	{"row_event_open_twice", open_twice},
	{"row_event_no_times", no_times},
	{"row_event_destroyed", destroyed_by_exporter},
	{"row_event_exporter_gone", exporter_gone},
	{"row_event_never_recorded", never_recorded},
	{"row_event_recorded_by_exporter", recorded_by_exporter},
	{"row_event_recorded_by_importer", recorded_by_importer},
	{"row_event_exporters_stream_waits", exporters_stream_waits},
	{"row_event_last_record_so_far", wait_is_for_the_last_record},
	{"row_event_two_recorders", two_recorders},
	{"row_event_thousand_records", thousand_records, .seconds = 60},
	{"row_event_thousand_pending", thousand_pending},
	{NULL},
};
