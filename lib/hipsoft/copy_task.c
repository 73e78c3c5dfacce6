/* SPDX-License-Identifier: MIT */
#include "copy_task.h"

#include <htab.h>
#include <string.h>

#include "peer.h"
#include "freed.h"

static struct copy *copy_of(struct task *task)
{
	return container_of(task, struct copy, task);
}

static void copy_task_drop_copy(struct task *task, int error)
{
	free(copy_of(task));
}

static void *copy_task_host(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* ---- tasks ------------------------------------------------------------------------- */

static int copy_task_device_copy(struct stream_queue *queue, uint64_t dst, uint64_t src,
				 uint64_t bytes)
{
	const struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = queue->device->asid,
		.src_asid = queue->device->asid,
		.dst = dst,
		.src = src,
		.length = bytes,
	};

	return stream_queue_execute(queue, &command, 1);
}

static int copy_task_run_on_host(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);

	memmove(copy_task_host(copy->dst.address), copy_task_host(copy->src.address),
		copy->bytes);
	return 0;
}

static int copy_task_run_on_device(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);

	return copy_task_device_copy(copy->dst.queue, copy->dst.address,
				     copy->src.address, copy->bytes);
}

/* Copies @bytes at @offset of the source to the destination's staging buffer. */
static int copy_task_get_piece(const struct copy *copy, uint64_t offset, size_t bytes)
{
	const struct side *src = &copy->src;
	int r;

	if (!src->device) {
		memcpy(copy->dst.queue->staging, copy_task_host(src->address + offset),
		       bytes);
		return 0;
	}
	r = copy_task_device_copy(src->queue, (uintptr_t)src->queue->staging,
				  src->address + offset, bytes);
	if (r == 0 && copy->dst.device)
		memcpy(copy->dst.queue->staging, src->queue->staging, bytes);
	return r;
}

static int copy_task_put_piece(const struct copy *copy, uint64_t offset, size_t bytes)
{
	const struct side *dst = &copy->dst;

	if (!dst->device) {
		memcpy(copy_task_host(dst->address + offset), copy->src.queue->staging,
		       bytes);
		return 0;
	}
	return copy_task_device_copy(dst->queue, dst->address + offset,
				     (uintptr_t)dst->queue->staging, bytes);
}

static int copy_task_run_staged(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);
	int r = 0;

	for (uint64_t done = 0; done < copy->bytes && r == 0; done += STAGING_BYTES) {
		size_t bytes = MIN(copy->bytes - done, STAGING_BYTES);

		r = copy_task_get_piece(copy, done, bytes);
		if (r == 0)
			r = copy_task_put_piece(copy, done, bytes);
	}
	return r;
}

int copy_run_fill(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);
	const struct accel_command command = {
		.op = ACCEL_OP_FILL,
		.dst_asid = copy->dst.queue->device->asid,
		.dst = copy->dst.address,
		.length = copy->bytes,
		.value = copy->pattern,
	};

	return stream_queue_execute(copy->dst.queue, &command, 1);
}

int copy_run_sum(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);
	uint32_t asid = copy->dst.queue->device->asid;
	const struct accel_command command = {
		.op = ACCEL_OP_VADD,
		.dst_asid = asid,
		.src_asid = asid,
		.src2_asid = asid,
		.dst = copy->dst.address,
		.src = copy->src.address,
		.src2 = copy->src2,
		.length = copy->bytes,
	};

	return stream_queue_execute(copy->dst.queue, &command, 1);
}

/* ---- choice of device and queues --------------------------------------------------- */

bool copy_reaches(struct device *device, const struct device *owner)
{
	bool is_peer;

	if (!owner || device == owner)
		return true;
	pthread_mutex_lock(&device->lock);
	is_peer = peer_is_enabled_locked(device, owner);
	pthread_mutex_unlock(&device->lock);
	return is_peer;
}

/* A device that can access both sides; NULL: none. */
static struct device *copy_task_find_executor(struct stream *stream,
					      const struct copy *copy)
{
	struct device *devices[] = {
		stream_device(stream),
		copy->dst.device,
		copy->src.device,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i] && copy_reaches(devices[i], copy->dst.device) &&
		    copy_reaches(devices[i], copy->src.device))
			return devices[i];
	return NULL;
}

/* The queues of both sides, with staging buffers unless one command suffices. */
static int copy_task_plan_queues(struct stream *stream, struct copy *copy,
				 struct device *both)
{
	bool staging = copy->task.run == copy_task_run_staged;
	int r = 0;

	if (copy->dst.device)
		r = stream_queue_get(stream, both ?: copy->dst.device, staging,
				     &copy->dst.queue);
	if (r == 0 && copy->src.device)
		r = stream_queue_get(stream, both ?: copy->src.device, staging,
				     &copy->src.queue);
	return r;
}

static void copy_task_choose_run(struct copy *copy, const struct device *both)
{
	if (!copy->dst.device && !copy->src.device)
		copy->task.run = copy_task_run_on_host;
	else if (copy->dst.device && copy->src.device && both)
		copy->task.run = copy_task_run_on_device;
	else
		copy->task.run = copy_task_run_staged;
}

/* Peers may change at any time, so they are read once. */
static int copy_task_plan(struct stream *stream, struct copy *copy)
{
	struct device *both = copy_task_find_executor(stream, copy);

	if (!copy->task.run)
		copy_task_choose_run(copy, both);
	return RETRY_SETTLED(copy_task_plan_queues(stream, copy, both));
}

/* The default stream also follows the streams of other devices whose memory it uses. */
static int copy_task_follow(struct stream *stream, const struct side *side)
{
	if (!side->device || side->device == stream_device(stream))
		return 0;
	return stream_follow(stream, side->device);
}

int copy_give(struct stream *stream, const struct copy *like)
{
	struct copy *copy = malloc(sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *like;
	copy->task.drop = copy_task_drop_copy;
	r = copy_task_plan(stream, copy);
	if (r == 0)
		r = copy_task_follow(stream, &copy->dst);
	if (r == 0)
		r = copy_task_follow(stream, &copy->src);
	if (r == 0)
		r = stream_push(stream, &copy->task);
	if (r < 0)
		free(copy);
	return r;
}
