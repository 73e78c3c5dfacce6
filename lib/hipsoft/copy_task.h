/* SPDX-License-Identifier: MIT */
/*
 * copy_task.h - memory is copied, filled and added up
 *
 * Device memory is accessed by commands alone, since others can take it away at any time;
 * host memory by the stream's thread, by way of a staging buffer. What the stream's
 * device does not reach, the device that has it copies: with a queue of this stream, so
 * that the order stays.
 */
#ifndef HIPSOFT_COPY_TASK_H
#define HIPSOFT_COPY_TASK_H

#include "stream.h"

/* One side of a copy. */
struct side {
	uint64_t address;
	struct device *device;      /* whose memory it is; NULL: the host's */
	struct stream_queue *queue; /* that reaches it */
};

struct copy {
	struct task task;
	struct side dst;
	struct side src;
	uint64_t src2; /* of a sum */
	uint64_t bytes;
	uint64_t pattern; /* of a fill */
};

/* What can be its task's @run; else it is chosen: a copy. */
int copy_run_fill(struct task *task, struct stream *stream);
int copy_run_sum(struct task *task, struct stream *stream);

/* Gives a copy of @like, of which addresses and devices are set, to the stream. */
int copy_give(struct stream *stream, const struct copy *like);

/* Whether @device can access memory of @owner; NULL: the host's. */
bool copy_reaches(struct device *device, const struct device *owner);

#endif
