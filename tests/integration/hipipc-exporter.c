/* SPDX-License-Identifier: MIT */
/* hipipc-exporter.c - a process that exports and then executes orders */
#include <signal.h>
#include <stdlib.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

struct message {
	uint32_t order; /* enum order */
	uint32_t value;
};

/* State of the exporting process. */
struct state {
	const struct exporter *exporter;
	int peer;
	uint8_t *memory;
	hipEvent_t event;
	hipStream_t stream;
	struct gate gate;
};

static void put_memory_handle(const struct state *state)
{
	hipIpcMemHandle_t handle = get_memory(state->memory + state->exporter->offset);

	peer_put(state->peer, &handle, sizeof(handle));
}

static void begin(struct state *state)
{
	const struct exporter *exporter = state->exporter;
	hipIpcEventHandle_t handle;

	if (exporter->mode)
		ASSERT_OK(SYS(setenv("HIPIPC_MODE", exporter->mode, 1)));
	if (exporter->compat)
		ASSERT_OK(SYS(setenv("HIPIPC_COMPAT", exporter->compat, 1)));
	hip_begin(exporter->instance);
	state->memory = device_alloc(DEVICE_BYTES, 1);
	state->event = make_event();
	ASSERT_HIP(hipSuccess, hipStreamCreate(&state->stream));
	put_memory_handle(state);
	handle = get_event(state->event);
	peer_put(state->peer, &handle, sizeof(handle));
}

static void set_and_record(struct state *state, uint32_t value)
{
	ASSERT_HIP(hipSuccess, hipMemsetAsync(state->memory, (int)value, DEVICE_BYTES,
					      state->stream));
	ASSERT_HIP(hipSuccess, hipEventRecord(state->event, state->stream));
}

static void record_many(struct state *state, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ASSERT_HIP(hipSuccess, hipEventRecord(state->event, state->stream));
}

static void wait_and_set(struct state *state, uint32_t value)
{
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(state->stream, state->event, 0));
	ASSERT_HIP(hipSuccess, hipMemsetAsync(state->memory, (int)value, DEVICE_BYTES,
					      state->stream));
}

static void release(struct state *state)
{
	gate_open(&state->gate);
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(state->stream));
}

static void replace(struct state *state)
{
	state->memory = device_replace(state->memory, DEVICE_BYTES);
	device_fill(state->memory, DEVICE_BYTES, 2);
	put_memory_handle(state);
}

/* Outlives the exporter; the harness kills it. */
static void fork_bystander(struct state *state)
{
	pid_t pid = fork();

	ASSERT(pid >= 0);
	while (pid == 0)
		pause();
	peer_put(state->peer, &pid, sizeof(pid));
}

static void execute_order(struct state *state, const struct message *message)
{
	uint32_t value = message->value;

	switch ((enum order)message->order) {
	case ORDER_CHECK:
		device_check(state->memory, 0, DEVICE_BYTES, (uint8_t)value);
		break;
	case ORDER_VALUE:
		device_check_value(state->memory, DEVICE_BYTES, (uint8_t)value);
		break;
	case ORDER_FILL:
		device_fill(state->memory, DEVICE_BYTES, (uint8_t)value);
		break;
	case ORDER_FREE:
		ASSERT_HIP(hipSuccess, hipFree(state->memory));
		break;
	case ORDER_REPLACE:
		replace(state);
		break;
	case ORDER_HOLD:
		gate_close(&state->gate, state->stream);
		break;
	case ORDER_RELEASE:
		release(state);
		break;
	case ORDER_RECORD:
		set_and_record(state, value);
		break;
	case ORDER_RECORDS:
		record_many(state, value);
		break;
	case ORDER_WAIT:
		wait_and_set(state, value);
		break;
	case ORDER_QUERY:
		ASSERT_HIP((hipError_t)value, hipEventQuery(state->event));
		break;
	case ORDER_SYNC:
		ASSERT_HIP((hipError_t)value, hipEventSynchronize(state->event));
		break;
	case ORDER_DESTROY:
		ASSERT_HIP(hipSuccess, hipEventDestroy(state->event));
		break;
	case ORDER_FORK:
		fork_bystander(state);
		break;
	case ORDER_END:
		break;
	}
}

static void run(int peer, void *data)
{
	struct state state = {.exporter = data, .peer = peer};
	struct message message;

	begin(&state);
	do {
		peer_get(peer, &message, sizeof(message));
		execute_order(&state, &message);
		peer_signal(peer);
	} while (message.order != ORDER_END);
}

void exporter_start(struct exporter *exporter, const struct identity *who)
{
	child_start(&exporter->child, who, run, exporter);
	exporter->memory = exporter_get_memory(exporter);
	peer_get(exporter->child.peer, &exporter->event, sizeof(exporter->event));
}

void exporter_tell(struct exporter *exporter, enum order order, uint32_t value)
{
	struct message message = {order, value};

	peer_put(exporter->child.peer, &message, sizeof(message));
}

void exporter_done(struct exporter *exporter)
{
	peer_wait(exporter->child.peer);
}

void exporter_order(struct exporter *exporter, enum order order, uint32_t value)
{
	exporter_tell(exporter, order, value);
	exporter_done(exporter);
}

hipIpcMemHandle_t exporter_get_memory(struct exporter *exporter)
{
	hipIpcMemHandle_t handle;

	peer_get(exporter->child.peer, &handle, sizeof(handle));
	return handle;
}

pid_t exporter_get_pid(struct exporter *exporter)
{
	pid_t pid;

	peer_get(exporter->child.peer, &pid, sizeof(pid));
	return pid;
}

static void expect_gone(const struct exporter *exporter)
{
	expect_no_name(exporter->instance, memory_wire(exporter->memory).uuid);
	expect_no_name(exporter->instance, event_wire(exporter->event).uuid);
}

void exporter_end(struct exporter *exporter)
{
	exporter_order(exporter, ORDER_END, 0);
	child_wait(&exporter->child);
	expect_gone(exporter);
}

void exporter_kill(struct exporter *exporter)
{
	child_kill(&exporter->child, SIGKILL);
	expect_gone(exporter);
}
