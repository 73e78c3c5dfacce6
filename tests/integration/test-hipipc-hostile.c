/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-hostile.c - forged handles, and buffers that contradict their handle or
 * change during use
 *
 *
 * Opening such a handle must return a documented error and leak nothing: the harness
 * checks the daemon's descriptors after each case, and the cases check those of the
 * process.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <dmabuffs.h>

#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"
#include "witness.h"

#define N_SEEDS 6000

/* Descriptors that the first calls keep open are not leaks. */
static int warm_up(const struct instance *instance, hipIpcMemHandle_t memory,
		   const hipIpcEventHandle_t *event)
{
	void *pointer;

	hip_begin(instance);
	pointer = open_memory(memory);
	device_has(pointer, 0, PAGE, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	if (event)
		ASSERT_HIP(hipSuccess, hipEventDestroy(open_event(*event)));
	return count_stable_fds(getpid());
}

/* ---- random handles ---------------------------------------------------------------- */

struct forger {
	unsigned int seed;
	struct wire memory, event;
	unsigned int opened, refused;
};

static unsigned int draw(struct forger *forger, unsigned int below)
{
	return (unsigned int)rand_r(&forger->seed) % below;
}

static uint64_t draw_number(struct forger *forger)
{
	switch (draw(forger, 6)) {
	case 0:
		return draw(forger, 10);
	case 1:
		return UINT64_C(1) << draw(forger, 64);
	case 2:
		return ~(uint64_t)draw(forger, 5000);
	case 3:
		return (uint64_t)draw(forger, 64) * PAGE;
	case 4:
		return DEVICE_BYTES + draw(forger, 3) - 1;
	default:
		return (uint64_t)rand_r(&forger->seed) << 32 | rand_r(&forger->seed);
	}
}

static void change_bytes(struct forger *forger, struct wire *wire)
{
	uint8_t *bytes = (uint8_t *)wire;

	for (unsigned int n = 1 + draw(forger, 8); n; n--)
		bytes[draw(forger, sizeof(*wire))] ^= (uint8_t)(1 + draw(forger, 255));
}

static void change_field(struct forger *forger, struct wire *wire)
{
	switch (draw(forger, 8)) {
	case 0:
		wire->version = (uint16_t)draw(forger, 3);
		break;
	case 1:
		wire->kind = (uint16_t)draw(forger, 6);
		break;
	case 2:
		wire->uuid[draw(forger, 16)] ^= (uint8_t)(1 + draw(forger, 255));
		break;
	case 3:
		wire->bytes = draw_number(forger);
		break;
	case 4:
		wire->base = draw_number(forger);
		break;
	case 5:
		wire->offset = draw_number(forger);
		break;
	case 6:
		wire->bytes = draw_number(forger);
		wire->base = draw_number(forger);
		wire->offset = draw_number(forger);
		break;
	default:
		memcpy(wire->uuid,
		       draw(forger, 2) ? forger->memory.uuid : forger->event.uuid,
		       sizeof(wire->uuid));
	}
}

static void change_all(struct forger *forger, struct wire *wire)
{
	uint8_t *bytes = (uint8_t *)wire;

	for (size_t i = 0; i < sizeof(*wire); i++)
		bytes[i] = (uint8_t)rand_r(&forger->seed);
}

/* A mutated handle, mostly with a valid check word. */
static struct wire forge(struct forger *forger)
{
	struct wire wire = draw(forger, 3) ? forger->memory : forger->event;
	unsigned int how = draw(forger, 16);

	if (how == 0)
		change_all(forger, &wire);
	else if (how < 4)
		change_bytes(forger, &wire);
	else
		for (int n = 1 + (int)draw(forger, 2); n; n--)
			change_field(forger, &wire);
	if (draw(forger, 8))
		wire.check = wire_check(&wire);
	return wire;
}

static bool is_documented(hipError_t error)
{
	return error == hipErrorInvalidValue || error == hipErrorInvalidResourceHandle ||
	       error == hipErrorMapFailed || error == hipErrorNotSupported ||
	       error == hipErrorOutOfMemory;
}

/* Handles that must always be refused. */
static bool is_no_handle(const struct wire *wire, bool event)
{
	static const uint8_t zero[sizeof(wire->reserved)];

	return wire->check != wire_check(wire) || wire->magic != WIRE_MAGIC ||
	       wire->version != 1 || event != (wire->kind == WIRE_EVENT) ||
	       wire->kind < WIRE_MEMFD || wire->kind > WIRE_EVENT || wire->bytes == 0 ||
	       wire->offset >= wire->bytes ||
	       memcmp(wire->reserved, zero, sizeof(zero)) != 0;
}

/* Reads the end of the memory: the mapping must not be shorter than the handle says. */
static void read_end(struct forger *forger, const uint8_t *pointer,
		     const struct wire *wire)
{
	uint8_t byte;

	ASSERT_HIP(hipSuccess,
		   hipMemcpy(&byte, pointer + (wire->bytes - wire->offset) - 1, 1,
			     hipMemcpyDeviceToHost));
	forger->opened++;
}

static void try_memory(struct forger *forger, const struct wire *wire)
{
	void *const untouched = forger;
	void *pointer = untouched;
	hipIpcMemHandle_t handle;
	hipError_t error;

	memcpy(handle.reserved, wire, sizeof(*wire));
	error = hipIpcOpenMemHandle(&pointer, handle, 0);
	if (is_no_handle(wire, false))
		ASSERT_HIP(hipErrorInvalidValue, error);
	if (error == hipSuccess) {
		read_end(forger, pointer, wire);
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
		return;
	}
	if (!is_documented(error))
		ASSERT_HIP(hipErrorInvalidValue, error);
	ASSERT(pointer == untouched);
	ASSERT(*hipipcLastReason());
	forger->refused++;
}

static void try_event(struct forger *forger, const struct wire *wire)
{
	hipEvent_t const untouched = (hipEvent_t)forger;
	hipEvent_t event = untouched;
	hipIpcEventHandle_t handle;
	hipError_t error;

	memcpy(handle.reserved, wire, sizeof(*wire));
	error = hipIpcOpenEventHandle(&event, handle);
	if (is_no_handle(wire, true))
		ASSERT_HIP(hipErrorInvalidValue, error);
	if (error == hipSuccess) {
		ASSERT_HIP(hipSuccess, hipEventQuery(event));
		ASSERT_HIP(hipSuccess, hipEventDestroy(event));
		forger->opened++;
		return;
	}
	if (!is_documented(error))
		ASSERT_HIP(hipErrorInvalidValue, error);
	ASSERT(event == untouched);
	ASSERT(*hipipcLastReason());
	forger->refused++;
}

static void try_forged(int peer, void *data)
{
	const struct exporter *exporter = data;
	struct forger forger = {.memory = memory_wire(exporter->memory),
				.event = event_wire(exporter->event)};
	int n_fds = warm_up(exporter->instance, exporter->memory, &exporter->event);

	for (unsigned int i = 0; i < N_SEEDS; i++) {
		struct wire wire;

		forger.seed = i;
		wire = forge(&forger);
		try_memory(&forger, &wire);
		try_event(&forger, &wire);
	}
	witness_expect_fds(getpid(), n_fds);
	test_note("%u opened, %u refused", forger.opened, forger.refused);
	/* Checks the generator: some mutations only reduce the size, which is valid. */
	ASSERT(forger.opened > 10 && forger.refused > N_SEEDS);
	device_check(open_memory(exporter->memory), 0, DEVICE_BYTES, 1);
}

static void forged_handles(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct child victim;

	exporter_start(&exporter, USER(1001));
	child_start(&victim, USER(1002), try_forged, &exporter);
	child_wait_ms(&victim, 60000);
	exporter_order(&exporter, ORDER_CHECK, 1);
	exporter_order(&exporter, ORDER_SYNC, hipSuccess);
	exporter_end(&exporter);
}

/* ---- one field at a time ----------------------------------------------------------- */

static void expect_memory(hipError_t expected, struct wire wire)
{
	void *pointer;

	ASSERT_IPC(expected, hipIpcOpenMemHandle(&pointer, forge_memory(wire), 0));
	if (expected == hipSuccess)
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
}

static void expect_event(hipError_t expected, struct wire wire)
{
	hipEvent_t event;

	ASSERT_IPC(expected, hipIpcOpenEventHandle(&event, forge_event(wire)));
}

/* A copy of a handle with one field changed. */
#define WITH(original, field, value)                                                     \
	({                                                                               \
		struct wire changed_ = (original);                                       \
		changed_.field = (value);                                                \
		changed_;                                                                \
	})

static void try_fields(int peer, void *data)
{
	const struct exporter *exporter = data;
	struct wire memory = memory_wire(exporter->memory);
	struct wire event = event_wire(exporter->event);
	int n_fds = warm_up(exporter->instance, exporter->memory, &exporter->event);

	expect_memory(hipErrorInvalidResourceHandle,
		      WITH(memory, uuid[3], memory.uuid[3] ^ 1));
	expect_event(hipErrorInvalidResourceHandle,
		     WITH(event, uuid[3], event.uuid[3] ^ 1));
	expect_memory(hipErrorMapFailed, WITH(memory, bytes, UINT64_C(1) << 40));
	expect_memory(hipErrorMapFailed, WITH(memory, bytes, DEVICE_BYTES + 2 * PAGE));
	expect_memory(hipErrorMapFailed, WITH(memory, base, UINT64_C(1) << 40));
	expect_memory(hipErrorMapFailed, WITH(memory, base, 32 * PAGE));
	expect_memory(hipErrorInvalidValue, WITH(memory, base, UINT64_MAX));
	expect_memory(hipErrorInvalidValue, WITH(memory, bytes, 0));
	expect_memory(hipErrorInvalidValue, WITH(memory, offset, memory.bytes));
	expect_memory(hipErrorInvalidValue, WITH(memory, kind, WIRE_EVENT));
	expect_event(hipErrorInvalidValue, WITH(event, kind, WIRE_MEMFD));
	/* A memory handle opened as an event. */
	event = WITH(memory, kind, WIRE_EVENT);
	event.bytes = event_wire(exporter->event).bytes;
	expect_event(hipErrorMapFailed, event);
	witness_expect_fds(getpid(), n_fds);
}

static void wrong_fields(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct child victim;

	exporter_start(&exporter, USER(1001));
	child_start(&victim, USER(1002), try_fields, &exporter);
	child_wait(&victim);
	exporter_end(&exporter);
}

/* ---- buffers of other exporters ---------------------------------------------------- */

/* Builds a handle for any name without the library. */
static struct wire wire_of(const struct shared *shared, enum wire_kind kind,
			   uint64_t bytes)
{
	struct wire wire = {.magic = WIRE_MAGIC,
			    .version = 1,
			    .kind = (uint16_t)kind,
			    .bytes = bytes};

	memcpy(wire.uuid, shared->uuid, sizeof(wire.uuid));
	return wire;
}

/* A memfd of that many bytes that starts with these. */
static int make_memfd(size_t bytes, const void *data, size_t size, int seals)
{
	int fd = new_memfd(bytes);

	ASSERT_EQ(pwrite(fd, data, size, 0), (ssize_t)size);
	if (seals)
		ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, seals)));
	return fd;
}

struct attempt {
	const struct instance *instance;
	struct wire wire;
	hipError_t expected;
	bool event;
};

static void expect_attempt(const struct attempt *attempt)
{
	if (attempt->event)
		expect_event(attempt->expected, attempt->wire);
	else
		expect_memory(attempt->expected, attempt->wire);
}

static void try_wire(int peer, void *data)
{
	const struct attempt *attempt = data;
	void *pointer;
	int n_fds;

	hip_begin(attempt->instance);
	pointer = device_alloc(DEVICE_BYTES, 3);
	/* The first refusal may open descriptors that the library keeps. */
	expect_attempt(attempt);
	n_fds = count_stable_fds(getpid());
	expect_attempt(attempt);
	witness_expect_fds(getpid(), n_fds);
	/* Other memory is not affected. */
	device_check(pointer, 0, DEVICE_BYTES, 3);
	ASSERT_HIP(hipSuccess, hipFree(pointer));
}

/* Closes @fd and removes the name, too. */
static void expect_refused(struct instance *instance, int fd, uint32_t flags,
			   enum wire_kind kind, uint64_t bytes, hipError_t expected)
{
	struct attempt attempt = {
		.instance = instance, .expected = expected, .event = kind == WIRE_EVENT};
	struct shared shared;
	struct child victim;

	share_fd(&shared, instance, fd, flags | DMABUFFS_EXPORT_MODE, 0666);
	attempt.wire = wire_of(&shared, kind, bytes);
	child_start(&victim, USER(1002), try_wire, &attempt);
	child_wait(&victim);
	unshare_buffer(&shared);
}

static void smaller_than_the_handle_says(struct instance *instance)
{
	expect_refused(instance, raw_memfd(PAGE), 0, WIRE_MEMFD, 2 * PAGE,
		       hipErrorMapFailed);
	expect_refused(instance, raw_memfd(PAGE), 0, WIRE_MEMFD, UINT64_C(1) << 32,
		       hipErrorMapFailed);
	expect_refused(instance, make_memfd(0, "", 0, 0), 0, WIRE_MEMFD, PAGE,
		       hipErrorMapFailed);
	/* The kind of the buffer differs from the handle's. */
	expect_refused(instance, raw_memfd(PAGE), 0, WIRE_DMABUF, PAGE,
		       hipErrorMapFailed);
	expect_refused(instance, raw_memfd(PAGE), 0, WIRE_VMM, PAGE, hipErrorMapFailed);
}

/* The documented layout of an event page, see lib/hipsoft/event_page.h. */
#define EVENT_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static const uint32_t event_header[2] = {0x65706968U, 1};
static const uint32_t wrong_magic[2] = {0x65706969U, 1};
static const uint32_t wrong_version[2] = {0x65706968U, 2};

static void pages_that_are_no_events(struct instance *instance)
{
	const size_t size = sizeof(event_header);
	const hipError_t refused = hipErrorMapFailed;

	expect_refused(instance, make_memfd(PAGE, event_header, size, 0), 0, WIRE_EVENT,
		       PAGE, refused);
	expect_refused(instance, make_memfd(PAGE, event_header, size, F_SEAL_GROW), 0,
		       WIRE_EVENT, PAGE, refused);
	expect_refused(instance, make_memfd(PAGE, wrong_magic, size, EVENT_SEALS), 0,
		       WIRE_EVENT, PAGE, refused);
	expect_refused(instance, make_memfd(PAGE, wrong_version, size, EVENT_SEALS), 0,
		       WIRE_EVENT, PAGE, refused);
	expect_refused(instance, make_memfd(size, event_header, size, EVENT_SEALS), 0,
		       WIRE_EVENT, PAGE, refused);
	expect_refused(instance, make_memfd(0, "", 0, EVENT_SEALS), 0, WIRE_EVENT, PAGE,
		       refused);
	/* The page cannot be opened for writing. */
	expect_refused(instance, make_memfd(PAGE, event_header, size, EVENT_SEALS),
		       DMABUFFS_EXPORT_READONLY, WIRE_EVENT, PAGE,
		       hipErrorInvalidDevicePointer);
	expect_refused(
		instance,
		make_memfd(PAGE, event_header, size, EVENT_SEALS | F_SEAL_FUTURE_WRITE),
		0, WIRE_EVENT, PAGE, hipErrorInvalidDevicePointer);
}

/* ---- revoked during use ------------------------------------------------------------ */

#define BIG_BYTES (8UL << 20)

struct copying {
	const struct instance *instance;
	hipIpcMemHandle_t handle;
	hipMemcpyKind kind;
};

/* Copies until the copy fails; afterwards the process must work as before. */
static void copy_until_it_fails(int peer, void *data)
{
	const struct copying *copying = data;
	_cleanup_free_ uint8_t *host = calloc(1, BIG_BYTES);
	hipError_t error;
	void *pointer;
	int n_fds;

	n_fds = warm_up(copying->instance, copying->handle, NULL);
	pointer = open_memory(copying->handle);
	for (unsigned int n = 0;; n++) {
		if (copying->kind == hipMemcpyDeviceToHost)
			error = hipMemcpy(host, pointer, BIG_BYTES, copying->kind);
		else
			error = hipMemcpy(pointer, host, BIG_BYTES, copying->kind);
		if (n == 0)
			peer_signal(peer);
		if (error != hipSuccess)
			break;
	}
	ASSERT_HIP(hipErrorIllegalAddress, error);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	witness_expect_fds(getpid(), n_fds);
	/* Revoke the memory, then remove the name. */
	peer_wait(peer);
	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenMemHandle(&pointer, copying->handle, 0));
}

/* Starts a reading and a writing importer, then revokes the memory. */
static void start_copying(struct child *importers, const struct instance *instance,
			  hipIpcMemHandle_t handle)
{
	for (int i = 0; i < 2; i++) {
		struct copying copying = {instance, handle,
					  i ? hipMemcpyHostToDevice
					    : hipMemcpyDeviceToHost};

		child_start(&importers[i], USER(1002), copy_until_it_fails, &copying);
		peer_wait(importers[i].peer);
	}
}

static void wait_for_failures(struct child *importers)
{
	for (int i = 0; i < 2; i++)
		peer_signal(importers[i].peer);
	for (int i = 0; i < 2; i++)
		child_wait(&importers[i]);
}

static void truncated_while_it_is_copied(struct instance *instance)
{
	struct child importers[2];
	struct shared shared;

	share(&shared, instance, BIG_BYTES, DMABUFFS_EXPORT_MODE, 0666);
	start_copying(importers, instance,
		      forge_memory(wire_of(&shared, WIRE_MEMFD, BIG_BYTES)));
	ASSERT_OK(SYS(ftruncate(shared.fd, PAGE)));
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	wait_for_failures(importers);
	close(shared.root);
	close(shared.fd);
}

static void take_back(const struct instance *instance, const uint8_t uuid[16],
		      int expected)
{
	struct dmabuffs *library;
	dmabuffs_uuid name;

	memcpy(name.bytes, uuid, sizeof(name.bytes));
	ASSERT_OK(dmabuffs_open(instance->dir, &library));
	ASSERT_EQ(dmabuffs_revoke(library, &name), expected);
	dmabuffs_close(library);
}

static void revoked_while_it_is_copied(struct instance *instance)
{
	struct child importers[2];
	struct witness witness;
	struct shared shared;

	share(&shared, instance, BIG_BYTES, DMABUFFS_EXPORT_MODE, 0666);
	witness_take(&witness, shared.fd);
	start_copying(importers, instance,
		      forge_memory(wire_of(&shared, WIRE_MEMFD, BIG_BYTES)));
	take_back(instance, shared.uuid, 0);
	wait_for_failures(importers);
	expect_names(instance, 0);
	close(shared.root);
	close(shared.fd);
	witness_expect_gone(&witness, 1);
}

/* Memory from hipMalloc() is pinned and cannot be revoked. */
static void memory_that_cannot_be_revoked(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct attempt attempt = {.instance = instance};
	struct child importer;

	exporter_start(&exporter, USER(1001));
	attempt.wire = memory_wire(exporter.memory);
	take_back(instance, attempt.wire.uuid, -EBUSY);
	child_start(&importer, USER(1002), try_wire, &attempt);
	child_wait(&importer);
	exporter_order(&exporter, ORDER_CHECK, 1);
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"forged_handles", forged_handles, NULL, 90},
	{"wrong_fields", wrong_fields},
	{"smaller_than_the_handle_says", smaller_than_the_handle_says},
	{"pages_that_are_no_events", pages_that_are_no_events},
	{"truncated_while_it_is_copied", truncated_while_it_is_copied},
	{"revoked_while_it_is_copied", revoked_while_it_is_copied},
	{"memory_that_cannot_be_revoked", memory_that_cannot_be_revoked},
	{0},
};
