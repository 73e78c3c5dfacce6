/* SPDX-License-Identifier: MIT */
/*
 * soft-fixture.h - software devices, a context, and an owner that counts its charges
 *
 * Criterion runs each test in its own process, so the state is in plain variables.
 */
#ifndef ACCEL_TESTS_SOFT_FIXTURE_H
#define ACCEL_TESTS_SOFT_FIXTURE_H

#include <accel-backend.h>
#include <stdatomic.h>

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "owner.h"

#define PAGE UINT64_C(4096)
#define RW   (ACCEL_MAP_READ | ACCEL_MAP_WRITE)

#define SOFT_QUEUES 4
#define SOFT_MEMORY (256 * PAGE)

/* The device "soft" and a context of it, which a test may close and set to NULL. */
extern struct accel_registry *soft_registry;
extern struct accel_device *soft_device;
extern struct accel_context *soft_context;

void soft_init(void);

/*
 * Destroys everything; fails the test if anything stays charged or an owner is not
 * released.
 */
void soft_finish(void);

/*
 * Returns when all queued memory is freed, and memory that importers released is
 * returned.
 */
void soft_drain(void);

/*
 * Returns when all destroyed objects are gone: threads that stop queues or clean memory
 * have exited, and soft_drain() has returned. No context may have a queue.
 */
void soft_settle(void);

/* Another device, of @backend or of the fixture's, with the fixture's sizes. */
struct accel_device *soft_add_device(const char *name,
				     const struct accel_backend *backend, bool exclusive);

int soft_try_open(struct accel_device *device, struct accel_context **ret_context);
struct accel_context *soft_open(struct accel_device *device);

struct accel_device_info soft_info(struct accel_device *device);

/* ---- objects in a context; these return ids ---------------------------------------- */

uint32_t soft_buffer(struct accel_context *context, uint64_t bytes, uint32_t flags);
uint32_t soft_asid(struct accel_context *context, uint32_t set);
uint32_t soft_set(struct accel_context *context, uint32_t quota);
uint32_t soft_fence(struct accel_context *context, uint64_t value);
uint32_t soft_queue(struct accel_context *context, uint32_t flags, uint32_t set);

/* Makes a call that takes only an id, such as accel_queue_destroy. */
int soft_call(struct accel_context *context,
	      int (*call)(struct accel_context *context, struct accel_object *arg),
	      uint32_t id);

/* Maps the whole buffer of @bytes at any address, for RW; returns the address. */
uint64_t soft_map(struct accel_context *context, uint32_t asid, uint32_t buffer,
		  uint64_t bytes);
int64_t soft_unmap(struct accel_context *context, uint32_t asid, uint64_t iova,
		   uint64_t length);

int soft_attach(struct accel_context *context, uint32_t queue, uint32_t asid);
int soft_detach(struct accel_context *context, uint32_t queue, uint32_t asid);

/* Opens a descriptor of a buffer. */
int soft_fd(struct accel_context *context, uint32_t buffer, int access);

/* Maps the first @bytes of @fd, with the access that it has. */
void *soft_view(int fd, uint64_t bytes);

/* ---- commands ---- */

struct accel_command soft_fill(uint32_t asid, uint64_t address, uint64_t value);

/* Submits one command; returns its index, or -errno. */
int64_t soft_submit(struct accel_context *context, uint32_t queue,
		    const struct accel_command *command);

struct accel_queue_info soft_queue_info(struct accel_context *context, uint32_t queue);

/* Wait until @n commands have completed, or the queue is in that state. */
bool soft_completed(struct accel_context *context, uint32_t queue, uint64_t n);
bool soft_in_state(struct accel_context *context, uint32_t queue,
		   enum accel_queue_state state);

/* Reads the next event; false: none arrived. */
bool soft_next_event(struct accel_context *context, struct accel_event *ret_event);

/* A queue with an ASID that has a page mapped, ready for commands. */
struct soft_job {
	struct accel_context *context;
	uint32_t buffer, asid, queue;
	uint64_t iova;
	uint64_t *
		memory; /* of the page, mapped through a separate open file description */
	int fd;
};

void soft_job_init(struct soft_job *job, struct accel_context *context, uint32_t flags);
/* Releases the view of the page and its descriptor; the objects stay. */
void soft_job_finish(struct soft_job *job);

/* ---- waiting and counting ---- */

/* The sum of all charges now, without freed memory that nothing holds. */
uint64_t fixture_charged(void);

#endif
