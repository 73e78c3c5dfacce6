/* SPDX-License-Identifier: MIT */
/*
 * copy_task.h - stream tasks that copy, fill and add
 *
 * Device memory is accessed by device commands only, since its owner can revoke it at
 * any time. Host memory is accessed by the stream's thread through a staging buffer.
 * Memory that the stream's device cannot reach is copied by the device that owns it, on
 * a queue of this stream, so that the order is kept.
 */
#ifndef HIPSOFT_COPY_TASK_H
#define HIPSOFT_COPY_TASK_H

#include "stream.h"

/* One side of a copy. */
struct side {
	uint64_t address;
	struct device *device;      /* owner of the memory; NULL: host memory */
	struct stream_queue *queue; /* of a device that reaches it */
};

struct copy {
	struct task task;
	struct side dst;
	struct side src;
	uint64_t src2; /* second operand of a sum */
	uint64_t bytes;
	uint64_t pattern; /* of a fill */
};

/* Values for @task.run. If it is NULL, copy_give() chooses one of the copy functions. */
int copy_run_fill(struct task *task, struct stream *stream);
int copy_run_sum(struct task *task, struct stream *stream);

/* Pushes a copy of @like, whose addresses and devices are set, to the stream. */
int copy_give(struct stream *stream, const struct copy *like);

/* Whether @device can access memory of @owner; NULL means host memory. */
bool copy_reaches(struct device *device, const struct device *owner);

#endif
