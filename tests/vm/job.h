/* SPDX-License-Identifier: MIT */
/*
 * A context of a device with a queue, and the operands of its commands.
 *
 * Functions that return an int return 0 or -errno.
 */
#ifndef DMABUFFS_TESTS_VM_JOB_H
#define DMABUFFS_TESTS_VM_JOB_H

#include <stdbool.h>

#include <dmabuffs-accel.h>

struct job {
	struct dmabuffs *instance;
	int context;
	struct dmabuffs_accel_queue *queue;
};

/* A buffer of the context, mapped in its own attached ASID. */
struct place {
	uint32_t buffer;
	uint32_t asid;
	uint64_t iova;
};

#define PLACE_READ_WRITE (ACCEL_MAP_READ | ACCEL_MAP_WRITE)

int job_open(struct job *job, const char *mount_point, const char *device);
void job_close(struct job *job);

int job_import(struct job *job, int fd, uint32_t *ret_buffer);

/*
 * The same by a name: exports @fd, opens it with @access, and removes it before
 * returning. flags: DMABUFFS_EXPORT_*.
 */
int job_import_name(struct job *job, const char *mount_point, int fd, int access,
		    uint32_t flags, uint32_t *ret_buffer);

/* Maps a part of a buffer; flags: ACCEL_MAP_READ, ACCEL_MAP_WRITE. */
int job_map(struct job *job, uint32_t buffer, uint64_t offset, uint64_t length,
	    uint32_t flags, struct place *ret_place);

int job_info(struct job *job, uint32_t buffer, struct accel_buffer_info *ret_info);

/* Makes DMABUFFS_ACCEL_IOC_BUFFER_FREE or another call on one object. */
int job_object(struct job *job, unsigned long request, uint32_t id);

/* Submits the command and waits for its completion. -EIO: it faulted. */
int job_run(struct job *job, const struct accel_command *command);

/* The commands; offsets are relative to the places. */
int job_copy(struct job *job, const struct place *to, uint64_t to_offset,
	     const struct place *from, uint64_t from_offset, uint64_t length);
int job_fill(struct job *job, const struct place *to, uint64_t offset, uint64_t length,
	     uint64_t value);
/* These write their result to @result, at this offset. */
int job_compare(struct job *job, const struct place *one, const struct place *other,
		uint64_t offset, uint64_t length, const struct place *result,
		uint64_t result_offset);
int job_crc32c(struct job *job, const struct place *from, uint64_t offset,
	       uint64_t length, const struct place *result, uint64_t result_offset);

/*
 * For events after close(2) returns, such as FUSE's RELEASE: polls until it holds, with a
 * bound.
 */
bool wait_until(bool (*holds)(const void *data), const void *data);

#endif
