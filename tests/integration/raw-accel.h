/* SPDX-License-Identifier: MIT */
/*
 * raw-accel.h - accelerator devices by plain system calls, deliberately without a library
 *
 *
 * Functions return a value (an id, a descriptor) or a negative errno, unless documented
 * to assert. Ids of sets have the highest bit set, hence the long long results.
 */
#ifndef DMABUFFS_TEST_RAW_ACCEL_H
#define DMABUFFS_TEST_RAW_ACCEL_H

#include <dmabuffs-accel-ioctl.h>

#include "raw.h"

#define RAW_DEVICE "soft0"

/* ---- calls ------------------------------------------------------------------------- */

/* Opens a context of RAW_DEVICE. */
int raw_context(const struct instance *instance);

/* Opens the device directory. */
int raw_devices(const struct instance *instance);

/* Issues the ioctl with the size filled in. */
int raw_accel(int context, unsigned long request, void *arg);

/* An ioctl that takes a struct accel_object. */
int raw_accel_object(int context, unsigned long request, uint32_t id);

int raw_device_info(const struct instance *instance, struct accel_device_info *ret_info);

/* The device as it is, for wait_until(raw_is_as_before). */
struct raw_remains {
	const struct instance *instance;
	struct accel_device_info before;
};
void raw_remember(struct raw_remains *ret_remains, const struct instance *instance);
bool raw_is_as_before(void *remains);

/* Opens /proc/@pid/@name; asserts. */
int raw_open_proc(pid_t pid, const char *name, int flags);

long long raw_accel_alloc(int context, uint64_t bytes);
long long raw_accel_import(int context, int fd);
long long raw_accel_import_ticket(int context,
				  const uint8_t ticket[DMABUFFS_TICKET_SIZE]);
long long raw_accel_asid(int context, uint32_t set);
long long raw_accel_sva(int context, int mem, int maps);
long long raw_accel_set(int context, uint32_t quota);
long long raw_accel_fence(int context);
long long raw_accel_queue(int context, uint32_t flags, uint32_t entries);

/* Maps the whole buffer read-write at @iova. */
int raw_accel_map(int context, uint32_t asid, uint32_t buffer, uint64_t bytes,
		  uint64_t iova);
int raw_accel_attach(int context, uint32_t queue, uint32_t asid);

/* Exports an ASID and opens its name; ret_uuid may be NULL. */
int raw_accel_export(const struct instance *instance, int context, uint32_t asid,
		     uint8_t ret_uuid[DMABUFFS_UUID_SIZE]);

/* Submits at most 16 commands to a mediated queue; returns the index of the first. */
long long raw_accel_submit(int context, uint32_t queue,
			   const struct accel_command *commands, uint32_t n);
int raw_queue_info(int context, uint32_t queue, struct accel_queue_info *ret_info);

/* Waits at most WAIT_MS until this many commands completed; -EIO after a fault. */
int raw_queue_wait(int context, uint32_t queue, uint64_t completed);

/* The same until the queue stops at a fault, which is returned; asserts. */
struct accel_fault raw_queue_fault(int context, uint32_t queue);

/* ---- descriptors ------------------------------------------------------------------- */

/* Gets a ticket for a descriptor of a buffer or queue. */
int raw_accel_open(int context, uint32_t id, uint32_t access,
		   uint8_t ret_ticket[DMABUFFS_TICKET_SIZE]);

/* Fetches the descriptor of a ticket. */
int raw_fetch(int connection, const uint8_t ticket[DMABUFFS_TICKET_SIZE]);

/* Both, over a temporary connection. */
int raw_accel_fd(const struct instance *instance, int context, uint32_t id,
		 uint32_t access);

/* ---- rings ------------------------------------------------------------------------- */

/* A user-mode queue of this process. */
struct raw_ring {
	int context, fd;
	uint32_t queue, entries;
	struct accel_ring *header;
	struct accel_command *slots;
	size_t bytes;
	uint64_t tail;
};

/* Creates a queue and maps its memory; asserts. */
void raw_ring_start(struct raw_ring *ring, const struct instance *instance, int context,
		    uint32_t entries);

/* Unmaps and closes; the queue remains. */
void raw_ring_end(struct raw_ring *ring);

/* Writes the commands, which must fit, and wakes the device if it sleeps. */
void raw_ring_submit(struct raw_ring *ring, const struct accel_command *commands,
		     uint32_t n);

/* Sets the tail to any value, valid or not, and rings the doorbell. */
void raw_ring_set_tail(struct raw_ring *ring, uint64_t tail);

/* ---- a job ------------------------------------------------------------------------- */

#define JOB_BYTES   (64UL << 10)
#define JOB_ENTRIES 64

/*
 * A continuous workload: a context with a user ring and an ASID, with a buffer of 3 *
 * JOB_BYTES mapped at JOB_IOVA.
 */
#define JOB_IOVA 0x100000UL

struct job {
	struct raw_ring ring;
	uint32_t asid, buffer;
	uint8_t *memory;
	uint64_t round;
};

/* Asserts. */
void job_start(struct job *job, const struct instance *instance);
void job_end(struct job *job);

/* Computes and checks one result within WAIT_MS; asserts. */
void job_round(struct job *job);

#endif
