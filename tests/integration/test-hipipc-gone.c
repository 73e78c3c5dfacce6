/* SPDX-License-Identifier: MIT */
/* test-hipipc-gone.c - memory freed by its exporter, and exporters that exit */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

static void begin(struct exporter *ret_exporter, struct instance *instance)
{
	*ret_exporter = (struct exporter){.instance = instance};
	exporter_start(ret_exporter, NULL);
	hip_begin(instance);
}

static void expect(hipError_t expected, hipIpcMemHandle_t handle)
{
	uint64_t start = now_ms();
	void *pointer;

	ASSERT_IPC(expected, hipIpcOpenMemHandle(&pointer, handle, 0));
	ASSERT(now_ms() - start < PROMPT_MS);
}

/* ---- the exporter frees, and exits ------------------------------------------------- */

static void free_while_imported(struct instance *instance)
{
	struct exporter exporter;
	struct dmabuffs_info info;
	uint8_t *memory;
	int opened;

	begin(&exporter, instance);
	opened = ASSERT_OK(
		raw_open(instance, memory_wire(exporter.memory).uuid, O_RDONLY));
	memory = open_memory(exporter.memory);
	exporter_order(&exporter, ORDER_FREE, 0);
	expect_no_name(instance, memory_wire(exporter.memory).uuid);
	device_check(memory, 0, DEVICE_BYTES, 1);
	device_fill(memory, DEVICE_BYTES, 6);
	device_check(memory, 0, DEVICE_BYTES, 6);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	/* The event's name remains; only this process has the memory. */
	expect_names(instance, 1);
	expect_no_other_importer(opened);
	ASSERT_OK(raw_info(opened, &info));
	ASSERT(!(info.flags & (DMABUFFS_INFO_NAMED | DMABUFFS_INFO_REVOKED)));
	close(opened);
	exporter_end(&exporter);
	expect_names(instance, 0);
}

/* A handle does not refer to a later allocation at the same address. */
static void stale_handle(struct instance *instance)
{
	struct exporter exporter;
	hipIpcMemHandle_t now;
	void *memory;

	begin(&exporter, instance);
	memory = open_memory(exporter.memory);
	exporter_tell(&exporter, ORDER_REPLACE, 0);
	now = exporter_get_memory(&exporter);
	exporter_done(&exporter);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	memory = open_memory(now);
	device_check(memory, 0, DEVICE_BYTES, 2);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
	expect(hipErrorInvalidResourceHandle, now);
}

static void expect_kept(struct exporter *exporter, void *memory)
{
	device_check(memory, 0, DEVICE_BYTES, 1);
	device_fill(memory, DEVICE_BYTES, 7);
	device_check(memory, 0, DEVICE_BYTES, 7);
	/* The memory is open in this process, so the service is not involved. */
	ASSERT(open_memory(exporter->memory) == memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	expect(hipErrorInvalidResourceHandle, exporter->memory);
	expect_names(exporter->instance, 0);
}

static void exporter_exits(struct instance *instance)
{
	struct exporter exporter;
	void *memory;

	begin(&exporter, instance);
	memory = open_memory(exporter.memory);
	exporter_end(&exporter);
	expect_kept(&exporter, memory);
}

static void exporter_killed(struct instance *instance)
{
	struct exporter exporter;
	void *memory;

	begin(&exporter, instance);
	memory = open_memory(exporter.memory);
	exporter_kill(&exporter);
	expect_kept(&exporter, memory);
}

/* ---- reasons ----------------------------------------------------------------------- */

struct opening {
	hipIpcMemHandle_t handle;
	const char *words;
};

static bool has_reason(void *data)
{
	const struct opening *opening = data;
	void *pointer;

	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenMemHandle(&pointer, opening->handle, 0));
	return strstr(hipipcLastReason(), opening->words) != NULL;
}

/* The name ends a moment before the service notes why. */
static void expect_reason(hipIpcMemHandle_t handle, const char *words)
{
	struct opening opening = {handle, words};

	if (!wait_until(has_reason, &opening))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\", not \"%s\"",
			  hipipcLastReason(), words);
}

/* Each cause has its own text. */
static void reasons(struct instance *instance)
{
	struct exporter freed = {.instance = instance}, exits = freed, elsewhere = freed;
	struct instance other;
	struct wire wire;
	int root;

	instance_start(&other, NULL);
	elsewhere.instance = &other;
	exporter_start(&freed, NULL);
	exporter_start(&exits, NULL);
	exporter_start(&elsewhere, NULL);
	hip_begin(instance);
	exporter_order(&freed, ORDER_FREE, 0);
	expect_reason(freed.memory, "its exporter has freed it");
	exporter_kill(&exits);
	expect_names(instance, 1);
	expect_reason(exits.memory, "its exporter has exited");
	expect_reason(elsewhere.memory, "it is of another instance");
	wire = event_wire(freed.event);
	root = ASSERT_OK(raw_root(instance));
	ASSERT_OK(raw_unlink(instance, wire.uuid));
	wire.kind = WIRE_MEMFD;
	expect_reason(forge_memory(wire), "it was removed by unlink");
	close(root);
	exporter_end(&elsewhere);
	exporter_end(&freed);
	instance_stop(&other);
}

static void exporter_gone(struct instance *instance)
{
	struct exporter first, second;

	first = second = (struct exporter){.instance = instance};
	exporter_start(&first, NULL);
	exporter_start(&second, NULL);
	hip_begin(instance);
	exporter_end(&first);
	exporter_kill(&second);
	expect(hipErrorInvalidResourceHandle, first.memory);
	expect(hipErrorInvalidResourceHandle, second.memory);
	expect_names(instance, 0);
}

/* The owner of a name may remove it with any tool. */
static void name_taken_away(struct instance *instance)
{
	struct exporter exporter;
	void *memory;
	int root;

	begin(&exporter, instance);
	root = ASSERT_OK(raw_root(instance));
	memory = open_memory(exporter.memory);
	ASSERT_OK(raw_unlink(instance, memory_wire(exporter.memory).uuid));
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	close(root);
	exporter_end(&exporter);
}

/* A killed importer leaves nothing behind either. */
static void import_and_wait(int peer, void *data)
{
	const struct exporter *exporter = data;

	hip_begin(exporter->instance);
	open_memory(exporter->memory);
	open_event(exporter->event);
	peer_signal(peer);
	peer_wait(peer);
}

static void importer_killed(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct child importer;
	int opened;

	exporter_start(&exporter, NULL);
	child_start(&importer, NULL, import_and_wait, &exporter);
	peer_wait(importer.peer);
	opened = ASSERT_OK(
		raw_open(instance, memory_wire(exporter.memory).uuid, O_RDONLY));
	child_kill(&importer, SIGKILL);
	exporter_order(&exporter, ORDER_CHECK, 1);
	expect_no_other_importer(opened);
	close(opened);
	exporter_end(&exporter);
	expect_names(instance, 0);
}

const struct test_case test_cases[] = {
	{"row_free_while_imported", free_while_imported},
	{"row_free_while_imported_nopassthrough", free_while_imported, "nopassthrough"},
	{"row_free_stale_handle_at_same_address", stale_handle},
	{"row_free_importer_killed", importer_killed},
	{"row_exporter_gone", exporter_gone},
	{"row_exporter_gone_reasons", reasons},
	{"row_exporter_gone_exits", exporter_exits},
	{"row_exporter_gone_killed", exporter_killed},
	{"row_exporter_gone_nopassthrough", exporter_killed, "nopassthrough"},
	{"row_exporter_gone_name_taken", name_taken_away},
	{NULL},
};
