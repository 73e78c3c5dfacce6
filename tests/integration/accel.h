/* SPDX-License-Identifier: MIT */
/*
 * accel.h - accelerator contexts for test cases, through the client library
 *
 *
 * Functions that return int return 0 or a value, or a negative errno that the case
 * checks. All others assert.
 */
#ifndef DMABUFFS_TEST_ACCEL_H
#define DMABUFFS_TEST_ACCEL_H

#include <dmabuffs-accel.h>

#include "instance.h"

#define SOFT0 "soft0"

/* Bound of a single wait for the device. */
#define WAIT_NS (INT64_C(60) * 1000000000)

/* ---- contexts ---------------------------------------------------------------------- */

/* A process's library handle and an open context. */
struct seat {
	struct dmabuffs *library;
	int context;
};

struct dmabuffs *open_library(const struct instance *instance);

void seat_open(struct seat *seat, const struct instance *instance, const char *device);

/* Uses a context that was opened elsewhere; the seat takes ownership of it. */
void seat_take(struct seat *seat, const struct instance *instance, int context);
void seat_close(struct seat *seat);

/* Opens a context with a temporary library handle and returns the descriptor. */
int open_context(const struct instance *instance, const char *device);

/* The path of a device's file; with name "", the path of the directory. */
void device_path(const struct instance *instance, const char *device,
		 char path[INSTANCE_PATH_SIZE + 48]);

struct accel_device_info device_info(const struct instance *instance, const char *device);

/* Waits until no resource of the device is in use. */
void expect_unused(const struct instance *instance, const char *device);

/* ---- objects ----------------------------------------------------------------------- */

#define READ_WRITE (ACCEL_MAP_READ | ACCEL_MAP_WRITE)

/* Used for mappings at a fixed address. */
#define IOVA UINT64_C(0x10000)

/* Creates an ASID of the MAP style. */
uint32_t make_asid(int context);
int try_asid(int context);

/* Calls an ioctl that takes a single object, such as DMABUFFS_ACCEL_IOC_ASID_DESTROY. */
int object_call(int context, unsigned long request, uint32_t id);

int alloc_buffer(int context, uint64_t bytes, uint32_t flags, uint32_t *ret_id);
int import_buffer(struct seat *seat, int fd, uint32_t *ret_id);

/* Maps at an address the service chooses and returns it in @ret_iova. */
int map_anywhere(int context, uint32_t asid, uint32_t buffer, uint64_t bytes,
		 uint32_t flags, uint64_t *ret_iova);
int map_at(int context, uint32_t asid, uint32_t buffer, uint64_t bytes, uint32_t flags,
	   uint64_t iova);

/* Memory mapped by both this process and the device. */
struct region {
	uint8_t *bytes;
	size_t size;
	int fd;
	uint32_t buffer, asid;
	uint64_t iova;
};

/* A zeroed memfd, mapped read-write in an ASID of its own. */
void region_create(struct seat *seat, struct region *region, size_t size);

/* Unmaps it in this process; the device's mapping is removed with the context. */
void region_finish(struct region *region);

/* True if every byte in [@first, @end) has this value. */
bool is_filled(const struct region *region, size_t first, size_t end, uint8_t value);

/* A seat with an ASID and a buffer of four pages of device memory. */
struct plan {
	struct seat seat;
	uint32_t buffer, asid;
};

void plan_start(struct plan *plan, const struct instance *instance);

struct accel_asid_info asid_info(int context, uint32_t asid);

/* Binds the calling process. */
uint32_t bind_self(struct seat *seat, uint32_t flags);

/* ---- queues ------------------------------------------------------------------------ */

/* A user-mode queue with 16 entries. */
struct dmabuffs_accel_queue *make_queue(struct seat *seat);
struct dmabuffs_accel_queue *make_queue_with(struct seat *seat, uint32_t flags,
					     uint32_t entries, uint32_t set);

int attach(int context, uint32_t queue, uint32_t asid);
int detach(int context, uint32_t queue, uint32_t asid);
void attach_region(struct seat *seat, struct dmabuffs_accel_queue *queue,
		   const struct region *region);

struct accel_queue_info queue_info(int context, uint32_t queue);

uint32_t make_fence(int context);
void raise_fence(int context, uint32_t fence, uint64_t value);

/* A seat with a queue and four attached pages. */
struct desk {
	struct seat seat;
	struct dmabuffs_accel_queue *queue;
	struct region region;
};

void desk_start(struct desk *desk, const struct instance *instance, uint32_t queue_flags,
		uint32_t entries);
void desk_end(struct desk *desk);

/* Runs five commands and checks their effect on the region. */
void desk_check(struct desk *desk, uint8_t byte);

/* ---- commands ---------------------------------------------------------------------- */

struct accel_command nop(void);
/* Fills with @byte. */
struct accel_command fill(uint32_t asid, uint64_t address, uint64_t length, uint8_t byte);
/* Stores an eight-byte completion word. */
struct accel_command store(uint32_t asid, uint64_t address, uint64_t value);
struct accel_command copy(uint32_t dst_asid, uint64_t dst, uint32_t src_asid,
			  uint64_t src, uint64_t length);
struct accel_command wait_fence(uint32_t fence, uint64_t value);
struct accel_command signal_fence(uint32_t fence, uint64_t value);

/* Submits one command and waits for its completion. */
int run_command(struct dmabuffs_accel_queue *queue, struct accel_command command);

/*
 * Asserts that the command faults with this reason at this address, then resets the
 * queue.
 */
void check_fault(const char *file, int line, struct dmabuffs_accel_queue *queue,
		 struct accel_command command, enum accel_fault_reason reason,
		 uint64_t address);
#define expect_fault(queue, command, reason, address)                                    \
	check_fault(__FILE__, __LINE__, (queue), (command), (reason), (address))

/* The command must complete without a fault. */
#define expect_done(queue, command) ASSERT_OK(run_command((queue), (command)))

#endif
