/* SPDX-License-Identifier: MIT */
/*
 * hipipc.h - programs that share device memory and events through libhipipc, for cases
 *
 * All is done with libhipsoft and libhipipc as their users do it, except for forged
 * handles and gates. A process that shall use them must not have been forked from one
 * that has: cases start their children first.
 */
#ifndef DMABUFFS_TEST_HIPIPC_H
#define DMABUFFS_TEST_HIPIPC_H

#include <stdbool.h>
#include <stdint.h>

#include <hipsoft.h>

#include "child.h"
#include "instance.h"

/* Not a whole number of pages: the last byte is not the end of a page. */
#define DEVICE_BYTES 70001

/* Exactly this error. */
#define ASSERT_HIP(expected, call) test_hip(__FILE__, __LINE__, #call, (call), (expected))

/* The same of a call of libhipipc: when it failed, it has told why. */
#define ASSERT_IPC(expected, call) test_ipc(__FILE__, __LINE__, #call, (call), (expected))

void test_hip(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected);
void test_ipc(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected);

/* This process is to use that instance; NULL: none that exists. Before its first call. */
void hip_begin(const struct instance *instance);

/* ---- device memory ----------------------------------------------------------------- */

/* Allocates, and fills byte i with what @seed and i give. */
void *device_alloc(size_t bytes, uint8_t seed);
void device_fill(void *pointer, size_t bytes, uint8_t seed);

/* What is at @pointer are the @bytes that begin with byte @first of that. */
bool device_has(const void *pointer, size_t first, size_t bytes, uint8_t seed);
void device_check(const void *pointer, size_t first, size_t bytes, uint8_t seed);

/* All of it has one value. */
void device_check_value(const void *pointer, size_t bytes, uint8_t value);

/* Frees @pointer, and allocates something else at its address. */
void *device_replace(void *pointer, size_t bytes);

/* ---- handles ----------------------------------------------------------------------- */

hipIpcMemHandle_t get_memory(void *pointer);
void *open_memory(hipIpcMemHandle_t handle);
hipEvent_t make_event(void);
hipIpcEventHandle_t get_event(hipEvent_t event);
hipEvent_t open_event(hipIpcEventHandle_t handle);

/* What version 1 has in its 64 bytes, written down a second time. */
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

/* CRC-32C of all before the check word. */
uint32_t wire_check(const struct wire *wire);

/* With the right check word. */
hipIpcMemHandle_t forge_memory(struct wire wire);
hipIpcEventHandle_t forge_event(struct wire wire);

/* ---- gates ------------------------------------------------------------------------- */

/* Holds a stream: it copies from a page that is not there until the gate is opened. */
struct gate {
	int uffd;
	uint8_t *page;
	void *device;
};

void gate_close(struct gate *gate, hipStream_t stream);
void gate_open(struct gate *gate);

/* ---- another process, which exports an allocation and an event --------------------- */

enum order {
	ORDER_CHECK,   /* the memory has the bytes of this seed */
	ORDER_VALUE,   /* the memory has this value everywhere */
	ORDER_FILL,    /* with the bytes of this seed */
	ORDER_FREE,    /* the memory */
	ORDER_REPLACE, /* frees it, allocates at the same address: exporter_get_memory()
			*/
	ORDER_HOLD,    /* closes a gate in its stream */
	ORDER_RELEASE, /* opens it, and waits for the stream */
	ORDER_RECORD,  /* sets the memory to this value, and records the event */
	ORDER_RECORDS, /* records the event so many times */
	ORDER_WAIT,    /* its stream waits for the event, then sets the memory to this */
	ORDER_QUERY,   /* the event gives this error */
	ORDER_SYNC,    /* so does waiting for it */
	ORDER_DESTROY, /* the event */
	ORDER_FORK,    /* a child that just stays: exporter_get_pid() */
	ORDER_END,
};

struct exporter {
	/* Set before: */
	const struct instance *instance;
	size_t offset;      /* of the pointer it gets a handle of */
	const char *mode;   /* HIPIPC_MODE, or NULL */
	const char *compat; /* HIPIPC_COMPAT, or NULL */
	/* Filled in: */
	hipIpcMemHandle_t memory; /* DEVICE_BYTES, filled with seed 1 */
	hipIpcEventHandle_t event;
	struct child child;
};

/* Starts it, and takes its handles. */
void exporter_start(struct exporter *exporter, const struct identity *who);

/* Gives an order and waits until it is done; the same in two steps. */
void exporter_order(struct exporter *exporter, enum order order, uint32_t value);
void exporter_tell(struct exporter *exporter, enum order order, uint32_t value);
void exporter_done(struct exporter *exporter);

hipIpcMemHandle_t exporter_get_memory(struct exporter *exporter);
pid_t exporter_get_pid(struct exporter *exporter);

/* Ends it, and waits for its names to go. */
void exporter_end(struct exporter *exporter);
void exporter_kill(struct exporter *exporter);

/* ---- what the service knows -------------------------------------------------------- */

/* Waits until the mount shows so many names, dotted ones not counted. For root. */
void expect_names(const struct instance *instance, int expected);
void expect_no_name(const struct instance *instance, const uint8_t uuid[16]);

/* Waits until nobody else has the name of this descriptor open. */
void expect_no_other_importer(int opened);

#endif
