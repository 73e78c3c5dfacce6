/* SPDX-License-Identifier: MIT */
/*
 * hipipc.h - processes that share device memory and events through libhipipc
 *
 *
 * Uses the public calls of libhipsoft and libhipipc, except for forged handles and gates.
 * A process that uses them must not be forked from one that already has: cases start
 * their children first.
 */
#ifndef DMABUFFS_TEST_HIPIPC_H
#define DMABUFFS_TEST_HIPIPC_H

#include <stdbool.h>
#include <stdint.h>

#include <hipsoft.h>

#include "child.h"
#include "instance.h"

/* Not a multiple of the page size, to exercise the last, partial page. */
#define DEVICE_BYTES 70001

/* Asserts that the call returns this error. */
#define ASSERT_HIP(expected, call) test_hip(__FILE__, __LINE__, #call, (call), (expected))

/* The same for libhipipc; a failed call must also have set hipipcLastReason(). */
#define ASSERT_IPC(expected, call) test_ipc(__FILE__, __LINE__, #call, (call), (expected))

void test_hip(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected);
void test_ipc(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected);

/*
 * Selects the instance this process uses; NULL selects a nonexistent one. Call it before
 * any other hip call.
 */
void hip_begin(const struct instance *instance);

/* ---- device memory ----------------------------------------------------------------- */

/* Allocates, and fills byte i with a function of @seed and i. */
void *device_alloc(size_t bytes, uint8_t seed);
void device_fill(void *pointer, size_t bytes, uint8_t seed);

/* True if the @bytes at @pointer match that pattern from byte @first on. */
bool device_has(const void *pointer, size_t first, size_t bytes, uint8_t seed);
void device_check(const void *pointer, size_t first, size_t bytes, uint8_t seed);

/* Asserts that all of it has one value. */
void device_check_value(const void *pointer, size_t bytes, uint8_t value);

/* Frees @pointer and makes another allocation at the same address. */
void *device_replace(void *pointer, size_t bytes);

/* ---- handles ----------------------------------------------------------------------- */

hipIpcMemHandle_t get_memory(void *pointer);
void *open_memory(hipIpcMemHandle_t handle);
hipEvent_t make_event(void);
hipIpcEventHandle_t get_event(hipEvent_t event);
hipEvent_t open_event(hipIpcEventHandle_t handle);

/* The 64-byte layout of version 1, independent of the library's definition. */
struct wire {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	uint8_t uuid[16];
	uint64_t bytes;
	uint64_t base;
	uint64_t offset;
	uint8_t reserved[12];
	uint32_t check;
};
_Static_assert(sizeof(struct wire) == 64, "what a handle has room for");

#define WIRE_MAGIC 0x69706968U
enum wire_kind { WIRE_MEMFD = 1, WIRE_DMABUF = 2, WIRE_VMM = 3, WIRE_EVENT = 4 };

struct wire memory_wire(hipIpcMemHandle_t handle);
struct wire event_wire(hipIpcEventHandle_t handle);

/* CRC-32C of all bytes before the check word. */
uint32_t wire_check(const struct wire *wire);

/* Computes the check word. */
hipIpcMemHandle_t forge_memory(struct wire wire);
hipIpcEventHandle_t forge_event(struct wire wire);

/* ---- gates ------------------------------------------------------------------------- */

/* Blocks a stream: it copies from a page that is missing until the gate is opened. */
struct gate {
	int uffd;
	uint8_t *page;
	void *device;
};

void gate_close(struct gate *gate, hipStream_t stream);
void gate_open(struct gate *gate);

/* ---- a process that exports an allocation and an event ----------------------------- */

enum order {
	ORDER_CHECK,   /* check for the pattern of this seed */
	ORDER_VALUE,   /* check for this value everywhere */
	ORDER_FILL,    /* fill with the pattern of this seed */
	ORDER_FREE,    /* free the memory */
	ORDER_REPLACE, /* free, allocate at the same address; see exporter_get_memory() */
	ORDER_HOLD,    /* close a gate in the stream */
	ORDER_RELEASE, /* open the gate and synchronize the stream */
	ORDER_RECORD,  /* set the memory to this value, record the event */
	ORDER_RECORDS, /* record the event this many times */
	ORDER_WAIT,  /* make the stream wait for the event, then set the memory to this */
	ORDER_QUERY, /* hipEventQuery() must return this error */
	ORDER_SYNC,  /* hipEventSynchronize() must return this error */
	ORDER_DESTROY, /* destroy the event */
	ORDER_FORK,    /* fork a child that sleeps; see exporter_get_pid() */
	ORDER_END,
};

struct exporter {
	/* Set by the caller: */
	const struct instance *instance;
	size_t offset;      /* offset of the exported pointer */
	const char *mode;   /* HIPIPC_MODE, or NULL */
	const char *compat; /* HIPIPC_COMPAT, or NULL */
	/* Set by exporter_start(): */
	hipIpcMemHandle_t memory; /* DEVICE_BYTES, filled with seed 1 */
	hipIpcEventHandle_t event;
	struct child child;
};

/* Starts the exporter and receives its handles. */
void exporter_start(struct exporter *exporter, const struct identity *who);

/* Gives an order and waits for its completion; the other two are the separate steps. */
void exporter_order(struct exporter *exporter, enum order order, uint32_t value);
void exporter_tell(struct exporter *exporter, enum order order, uint32_t value);
void exporter_done(struct exporter *exporter);

hipIpcMemHandle_t exporter_get_memory(struct exporter *exporter);
pid_t exporter_get_pid(struct exporter *exporter);

/* Stops the exporter and waits until its names are removed. */
void exporter_end(struct exporter *exporter);
void exporter_kill(struct exporter *exporter);

/* ---- names in the service ---------------------------------------------------------- */

/* Waits until the mount lists this many names, dotted names excluded. Needs root. */
void expect_names(const struct instance *instance, int expected);
/* Waits until no other process has the name of this descriptor open. */
void expect_no_other_importer(int opened);

#endif
