/* SPDX-License-Identifier: MIT */
/*
 * raw-accel.h - accelerator devices by plain system calls, on purpose without any library
 *
 * All functions answer a value (an id, a descriptor) or a negative errno, unless they say
 * that they assert. Ids of sets have their highest bit set: hence the wide results.
 */
#ifndef DMABUFFS_TEST_RAW_ACCEL_H
#define DMABUFFS_TEST_RAW_ACCEL_H

#include <dmabuffs-accel-ioctl.h>

#include "raw.h"

#define RAW_DEVICE "soft0"

/* ---- calls ------------------------------------------------------------------------- */

/* Opens a context of RAW_DEVICE. */
int raw_context(const struct instance *instance);

/* Opens the directory of devices. */
int raw_devices(const struct instance *instance);

/* The command with the size filled in. */
int raw_accel(int context, unsigned long request, void *arg);

/* One of those that take a struct accel_object. */
int raw_accel_object(int context, unsigned long request, uint32_t id);

int raw_device_info(const struct instance *instance, struct accel_device_info *ret_info);

long long raw_accel_alloc(int context, uint64_t bytes);
long long raw_accel_import(int context, int fd);
long long raw_accel_import_ticket(int context,
				  const uint8_t ticket[DMABUFFS_TICKET_SIZE]);
long long raw_accel_asid(int context, uint32_t set);
long long raw_accel_sva(int context, int mem, int maps);
long long raw_accel_set(int context, uint32_t quota);
long long raw_accel_fence(int context);
long long raw_accel_queue(int context, uint32_t flags, uint32_t entries);

/* Maps all of it at @iova, readable and writable. */
int raw_accel_map(int context, uint32_t asid, uint32_t buffer, uint64_t bytes,
		  uint64_t iova);
int raw_accel_attach(int context, uint32_t queue, uint32_t asid);

/* The opened name of an exported ASID; *ret_uuid may be NULL. */
int raw_accel_export(const struct instance *instance, int context, uint32_t asid,
		     uint8_t ret_uuid[DMABUFFS_UUID_SIZE]);

/* At most 16 commands for a mediated queue: the index of the first. */
long long raw_accel_submit(int context, uint32_t queue,
			   const struct accel_command *commands, uint32_t n);
int raw_queue_info(int context, uint32_t queue, struct accel_queue_info *ret_info);

/* Waits, at most WAIT_MS, until so many commands completed; -EIO: it faulted before. */
int raw_queue_wait(int context, uint32_t queue, uint64_t completed);

/* Waits likewise until it stands still with a fault, which is answered; asserts. */
struct accel_fault raw_queue_fault(int context, uint32_t queue);

/* ---- descriptors ------------------------------------------------------------------- */

/* The ticket for a descriptor of a buffer or queue. */
int raw_accel_open(int context, uint32_t id, uint32_t access,
		   uint8_t ret_ticket[DMABUFFS_TICKET_SIZE]);

/* The descriptor behind a ticket. */
int raw_fetch(int connection, const uint8_t ticket[DMABUFFS_TICKET_SIZE]);

/* Both, by a connection of its own. */
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

/* Makes a queue and maps its memory; asserts. */
void raw_ring_start(struct raw_ring *ring, const struct instance *instance, int context,
		    uint32_t entries);

/* Unmaps and closes; the queue stays. */
void raw_ring_end(struct raw_ring *ring);

/* Writes the commands, which fit, and wakes the device if it sleeps. */
void raw_ring_submit(struct raw_ring *ring, const struct accel_command *commands,
		     uint32_t n);

/* Moves the tail, whatever that means, and rings the bell. */
void raw_ring_set_tail(struct raw_ring *ring, uint64_t tail);

/* ---- a job ------------------------------------------------------------------------- */

#define JOB_BYTES   (64UL << 10)
#define JOB_ENTRIES 64

/*
 * One who computes all the time: a context with a user ring and an ASID, in which a
 * buffer of three JOB_BYTES lies at JOB_IOVA.
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

/* Computes something, and checks it, within WAIT_MS; asserts. */
void job_round(struct job *job);

#endif
