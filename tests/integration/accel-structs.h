/* SPDX-License-Identifier: MIT */
/*
 * accel-structs.h - a valid request for each device ioctl
 *
 *
 * The table describes one for each ioctl; test-accel-structs.c violates its rules.
 */
#ifndef DMABUFFS_TEST_ACCEL_STRUCTS_H
#define DMABUFFS_TEST_ACCEL_STRUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raw-accel.h"

#define BIGGEST 16383
#define LENT_AT 0x200000UL /* address of the mapping in the ASID of KIND_ASID */
#define DEVICES "accel=soft0:queues=256"

enum kind {
	KIND_NONE,
	KIND_BUFFER,
	KIND_ASID,
	KIND_MEMBER, /* an ASID in the set */
	KIND_SET,
	KIND_QUEUE,
	KIND_FENCE,
	KIND_COUNT
};

/* A context with one object of each kind, created on first use. */
struct stage {
	const struct instance *instance;
	int context, devices, other, exported;
	uint32_t ids[KIND_COUNT];
	uint64_t guest;
};

union request {
	uint32_t words[(BIGGEST + 1) / 4];
	uint8_t bytes[BIGGEST + 1];
	struct accel_set_entry entry;
	struct accel_queue_attach attach;
	struct accel_queue_submit submit;
	struct accel_fence fence;
	struct accel_device_info info;
	struct accel_asid_unmap unmap;
	struct dmabuffs_accel_import import;
	struct dmabuffs_accel_sva sva;
	struct dmabuffs_accel_open open;
};

#define OPTIONAL (1U << 0) /* 0 is valid: none */

struct field {
	uint32_t offset;
	enum kind kind;
	unsigned int how;
};

struct constant {
	uint32_t offset;
	uint32_t value;
};

struct row {
	const char *name;
	unsigned long command;
	bool on_directory;
	enum kind consumes; /* destroyed by success */
	uint32_t min_size;  /* 0: the size of the struct */
	uint32_t flags;     /* valid ones; sent only if in @constants */
	uint32_t reserved;  /* offset; 0: no such field */
	struct field ids[2];
	struct constant constants[4];
	void (*prepare)(struct stage *stage, union request *request);
};

extern const struct row structs_rows[];
extern const size_t structs_n_rows;

/* The row of the current request, for messages. */
extern const struct row *structs_current;

void structs_start(struct stage *stage, const struct instance *instance);
void structs_end(struct stage *stage);

/* The id of the stage's object of this kind, which is created on first use. */
uint32_t structs_object(struct stage *stage, enum kind kind);

size_t structs_size(const struct row *row);
void structs_fill(struct stage *stage, const struct row *row, union request *request);

/* The descriptor that takes the request. */
int structs_place(const struct stage *stage, const struct row *row);

/* The ioctl with the size @carried in its number. */
int structs_ask(int fd, const struct row *row, size_t carried, union request *request);

/* A refused request leaves the struct unchanged. */
void structs_expect(int fd, size_t carried, const union request *request, int error,
		    int line);
#define EXPECT(fd, carried, request, error)                                              \
	structs_expect((fd), (carried), (request), (error), __LINE__)

void structs_expect_success(struct stage *stage, const struct row *row, size_t carried,
			    union request *request);

/* Calls the check for each row, with a new context. */
void structs_for_each(struct instance *instance,
		      void (*check)(struct stage *stage, const struct row *row,
				    union request *request));

#endif
