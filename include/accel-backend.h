/* SPDX-License-Identifier: MIT */
/*
 * accel-backend.h - interface for backends of libaccel
 *
 * The core keeps the objects, their ids, rights and limits; a backend provides the memory
 * and executes the commands. A backend is a const table, which accel_device_create()
 * validates: every function is mandatory. It can be part of any program that links
 * libaccel; contrib/examples/backend.c is a small one.
 *
 * An engine executes the commands of one queue, mostly in a thread of its own:
 *
 *	first = accel_queue_head(queue);
 *	n = accel_ring_fetch(queue, commands, ...);
 *	execute them in order; command i of them has the index first + i
 *	accel_ring_complete(queue, first + how many were executed);
 *	at a fault: accel_queue_fault(), then accel_queue_cancel() for the rest;
 *	when there are none: accel_engine_sleep();
 *	after queue_stop() was called: accel_queue_cancel() for the rest,
 *	accel_queue_stopped(), and the queue is not used any more.
 *
 * It fetches nothing while accel_queue_is_running() is false, except after a fault that
 * it has reported itself. Commands are private copies, whose contents the client chose.
 */
#ifndef ACCEL_BACKEND_H
#define ACCEL_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <accel.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_BACKEND_VERSION 2

struct accel_queue;

/* Properties of the hardware, filled in by the backend. */
struct accel_properties {
	uint64_t operations; /* bit 1 << enum accel_op each; NOP is mandatory */
	uint32_t flags;      /* ACCEL_DEVICE_SVA, ACCEL_DEVICE_REVOCABLE */
	uint32_t page_size;  /* a power of two */
	struct accel_range aperture;
	uint32_t n_reserved;
	/* Ascending, inside the aperture. */
	struct accel_range reserved[ACCEL_MAX_RANGES];
};

struct accel_backend {
	uint32_t version; /* ACCEL_BACKEND_VERSION */
	const char *name;

	/*
	 * Starts and stops a device; no queue runs at the stop. @params has its defaults
	 * filled in.
	 */
	int (*device_start)(const struct accel_device_params *params,
			    struct accel_properties *ret_properties, void **ret_device);
	void (*device_stop)(void *device);

	/*
	 * A memfd of @bytes zeroes, O_RDWR, or -errno. It is sealed against growing; with
	 * ACCEL_BUFFER_PINNED in @flags also against shrinking, else with F_SEAL_SEAL.
	 */
	int (*memory_alloc)(void *device, uint64_t bytes, uint32_t flags);
	/*
	 * Makes sure that pinned memory has no data of the last owner. May
	 * take long. No process has the memory open. @memory: its mapping, if a client
	 * has frozen the seals; else NULL, and it is mapped nowhere. 0; -EBUSY: a driver
	 * has pinned it; or -errno.
	 */
	int (*memory_scrub)(void *device, int fd, void *memory, uint64_t bytes);

	/*
	 * Starts the engine of a queue. Kick: there may be new commands, or the queue's
	 * state has changed; never waits. Stop: requests that the engine stops, and
	 * does not wait; when it has stopped, the engine calls accel_queue_stopped().
	 * Kick and stop are called with a lock held that accel_queue_stopped() takes.
	 */
	int (*queue_start)(void *device, struct accel_queue *queue, void **ret_engine);
	void (*queue_kick)(void *engine);
	void (*queue_stop)(void *engine);
};

#pragma GCC visibility push(default)

/* ---- for tables: memory of the host ------------------------------------------------ */

/* memory_alloc and memory_scrub of devices whose memory is memfds. */
int accel_memory_alloc(void *device, uint64_t bytes, uint32_t flags);
int accel_memory_scrub(void *device, int fd, void *memory, uint64_t bytes);

/* ---- for engines: from one thread at a time per queue -------------------------------
 */

bool accel_queue_is_running(const struct accel_queue *queue);

/* The index of the next command to be fetched. */
uint64_t accel_queue_head(const struct accel_queue *queue);

/*
 * Copies the next commands, at most @max, and frees their slots. Returns how many, 0:
 * none now; -EPROTO: the client's tail is impossible; -EFAULT: the ring's memory is gone.
 * Both errors are faults of the queue, ACCEL_FAULT_RING.
 */
int accel_ring_fetch(struct accel_queue *queue, struct accel_command *ret_commands,
		     unsigned max);

/* All commands before @completed are complete. Publishes that, and wakes waiters. */
void accel_ring_complete(struct accel_queue *queue, uint64_t completed);

/*
 * The command @fault->index faulted. Stops the queue, publishes the fault with its count,
 * and posts an event.
 */
void accel_queue_fault(struct accel_queue *queue, const struct accel_fault *fault);

/*
 * The engine does not execute these commands, which it has fetched: the queue faulted
 * before them, or stops. Fences that they were to raise fail.
 */
void accel_queue_cancel(struct accel_queue *queue, const struct accel_command *commands,
			unsigned n);

/* A command with ACCEL_COMMAND_NOTIFY completed: posts an event. */
void accel_queue_notify(struct accel_queue *queue, uint64_t index);

/* The engine has stopped, after queue_stop(). It may use the queue no more. */
void accel_queue_stopped(struct accel_queue *queue);

/*
 * @kicks is a futex word of the engine, which its queue_kick and queue_stop change and
 * wake with accel_engine_kick(). Sleep waits while it is @seen and the client has
 * submitted nothing; it may return for no reason.
 */
void accel_engine_kick(uint32_t *kicks);
void accel_engine_sleep(struct accel_queue *queue, const uint32_t *kicks, uint32_t seen);

/* Memory that a command names. */
struct accel_operand {
	uint32_t asid;   /* its id, from the command */
	uint32_t access; /* ACCEL_MAP_READ, _WRITE */
	uint64_t address;
	uint64_t length;
};

/*
 * Uses @n bytes at @memory, which the client may change meanwhile. Called with locks of
 * the core held, and left by a jump if the memory is truncated: it computes, and neither
 * takes a lock nor allocates.
 */
typedef void (*accel_access_fn)(void *memory, size_t n, void *data);

/*
 * Calls @fn for each contiguous piece of @what, in order. 0; -EFAULT: *ret_fault has
 * reason, address and asid, for accel_queue_fault(), and the pieces before were used.
 */
int accel_queue_access(struct accel_queue *queue, const struct accel_operand *what,
		       accel_access_fn fn, void *data, struct accel_fault *ret_fault);

/* ACCEL_OP_SIGNAL. -ENOENT: no such fence, ACCEL_FAULT_FENCE. */
int accel_queue_signal(struct accel_queue *queue, uint32_t fence, uint64_t value);

/*
 * ACCEL_OP_WAIT; what was executed before it is completed first. 0; -ENOENT, -ESTALE (it
 * was destroyed, or failed): ACCEL_FAULT_FENCE; -ECANCELED: the queue was destroyed.
 */
int accel_queue_wait(struct accel_queue *queue, uint32_t fence, uint64_t value,
		     uint32_t *kicks);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
