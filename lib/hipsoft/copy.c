/* SPDX-License-Identifier: MIT */
/*
 * copy.c - memory is copied, filled and added up
 *
 * Device memory is accessed by commands alone, since others can take it away at any time;
 * host memory by the stream's thread, by way of a staging buffer. What the stream's
 * device does not reach, the device that has it copies: with a queue of this stream, so
 * that the order stays.
 */
#include <htab.h>
#include <string.h>

#include "allocation.h"
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

static struct copy *copy_of(struct task *task)
{
	return container_of(task, struct copy, task);
}

static void drop_copy(struct task *task, int error)
{
	free(copy_of(task));
}

static void *host(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* ---- tasks ------------------------------------------------------------------------- */

static int device_copy(struct stream_queue *queue, uint64_t dst, uint64_t src,
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

static int run_on_host(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);

	memmove(host(copy->dst.address), host(copy->src.address), copy->bytes);
	return 0;
}

static int run_on_device(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);

	return device_copy(copy->dst.queue, copy->dst.address, copy->src.address,
			   copy->bytes);
}

/* @bytes at @offset come to the staging buffer of the other side. */
static int get_piece(const struct copy *copy, uint64_t offset, size_t bytes)
{
	const struct side *src = &copy->src;
	int r;

	if (!src->device) {
		memcpy(copy->dst.queue->staging, host(src->address + offset), bytes);
		return 0;
	}
	r = device_copy(src->queue, (uintptr_t)src->queue->staging, src->address + offset,
			bytes);
	if (r == 0 && copy->dst.device)
		memcpy(copy->dst.queue->staging, src->queue->staging, bytes);
	return r;
}

static int put_piece(const struct copy *copy, uint64_t offset, size_t bytes)
{
	const struct side *dst = &copy->dst;

	if (!dst->device) {
		memcpy(host(dst->address + offset), copy->src.queue->staging, bytes);
		return 0;
	}
	return device_copy(dst->queue, dst->address + offset,
			   (uintptr_t)dst->queue->staging, bytes);
}

static int run_staged(struct task *task, struct stream *stream)
{
	const struct copy *copy = copy_of(task);
	int r = 0;

	for (uint64_t done = 0; done < copy->bytes && r == 0; done += STAGING_BYTES) {
		size_t bytes = MIN(copy->bytes - done, STAGING_BYTES);

		r = get_piece(copy, done, bytes);
		if (r == 0)
			r = put_piece(copy, done, bytes);
	}
	return r;
}

static int run_fill(struct task *task, struct stream *stream)
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

static int run_sum(struct task *task, struct stream *stream)
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

/* ---- who does it ------------------------------------------------------------------- */

static bool reaches(struct device *device, const struct device *owner)
{
	bool is_peer;

	if (!owner || device == owner)
		return true;
	pthread_mutex_lock(&device->lock);
	is_peer = device->peers & 1U << owner->ordinal;
	pthread_mutex_unlock(&device->lock);
	return is_peer;
}

/* A device that can access both sides; NULL: none. */
static struct device *find_executor(struct stream *stream, const struct copy *copy)
{
	struct device *devices[] = {
		stream_device(stream),
		copy->dst.device,
		copy->src.device,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i] && reaches(devices[i], copy->dst.device) &&
		    reaches(devices[i], copy->src.device))
			return devices[i];
	return NULL;
}

/* The queues of both sides, each with a staging buffer unless one command does it. */
static int plan_queues(struct stream *stream, struct copy *copy)
{
	struct device *both = find_executor(stream, copy);
	bool staging = copy->task.run == run_staged;
	int r = 0;

	if (copy->dst.device)
		r = stream_queue_get(stream, both ?: copy->dst.device, staging,
				     &copy->dst.queue);
	if (r == 0 && copy->src.device)
		r = stream_queue_get(stream, both ?: copy->src.device, staging,
				     &copy->src.queue);
	return r;
}

static void plan_copy(struct stream *stream, struct copy *copy)
{
	if (!copy->dst.device && !copy->src.device)
		copy->task.run = run_on_host;
	else if (copy->dst.device && copy->src.device && find_executor(stream, copy))
		copy->task.run = run_on_device;
	else
		copy->task.run = run_staged;
}

/* The default stream also waits for those of other devices whose memory it works on. */
static int follow(struct stream *stream, const struct side *side)
{
	if (!side->device || side->device == stream_device(stream))
		return 0;
	return stream_follow(stream, side->device);
}

static int give(struct stream *stream, const struct copy *like)
{
	struct copy *copy = malloc(sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *like;
	copy->task.drop = drop_copy;
	if (!copy->task.run)
		plan_copy(stream, copy);
	r = plan_queues(stream, copy);
	if (r == 0)
		r = follow(stream, &copy->dst);
	if (r == 0)
		r = follow(stream, &copy->src);
	if (r == 0)
		r = stream_push(stream, &copy->task);
	if (r < 0)
		free(copy);
	return r;
}

/* ---- arguments --------------------------------------------------------------------- */

/* An errno that no call below gives. */
#define WRONG_DIRECTION (-EPROTOTYPE)

static hipError_t copy_result(int r)
{
	if (r == WRONG_DIRECTION)
		return runtime_return(hipErrorInvalidMemcpyDirection);
	return runtime_result(r);
}

/* Not partly in device memory, of which the CPU can access nothing. */
static int check_host(uint64_t address, uint64_t bytes)
{
	struct allocation allocation;

	if (!address || address + (bytes - 1) < address)
		return -EINVAL;
	return allocation_find(address + (bytes - 1), 1, &allocation) == -ENOENT
		       ? 0
		       : -EINVAL;
}

/* What is at @pointer; @bytes is not 0. */
static int find_side(const void *pointer, uint64_t bytes, struct side *ret_side)
{
	struct side side = {.address = (uintptr_t)pointer};
	struct allocation allocation;
	int r = allocation_find(side.address, bytes, &allocation);

	if (r == 0)
		side.device = allocation.device;
	else if (r == -ENOENT)
		r = check_host(side.address, bytes);
	if (r < 0)
		return r;
	*ret_side = side;
	return 0;
}

static bool fits_kind(const struct copy *copy, hipMemcpyKind kind)
{
	if (kind == hipMemcpyDefault)
		return true;
	return !copy->src.device ==
		       (kind == hipMemcpyHostToHost || kind == hipMemcpyHostToDevice) &&
	       !copy->dst.device ==
		       (kind == hipMemcpyHostToHost || kind == hipMemcpyDeviceToHost);
}

static bool overlap(uint64_t a, uint64_t b, uint64_t bytes)
{
	return a - b < bytes || b - a < bytes;
}

static int check_copy(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
		      struct copy *ret_copy)
{
	struct copy copy = {.bytes = bytes};
	int r;

	if ((unsigned)kind > hipMemcpyDefault)
		return WRONG_DIRECTION;
	if (!bytes)
		return 0;
	r = find_side(dst, bytes, &copy.dst);
	if (r == 0)
		r = find_side(src, bytes, &copy.src);
	if (r < 0)
		return r;
	if (!fits_kind(&copy, kind))
		return WRONG_DIRECTION;
	if (overlap(copy.dst.address, copy.src.address, bytes))
		return -EINVAL;
	*ret_copy = copy;
	return 0;
}

static int check_fill(void *dst, int value, size_t bytes, struct copy *ret_copy)
{
	struct copy copy = {
		.task.run = run_fill,
		.bytes = bytes,
		.pattern = (uint8_t)value * UINT64_C(0x0101010101010101),
	};
	int r;

	if (!bytes)
		return 0;
	r = find_side(dst, bytes, &copy.dst);
	if (r < 0)
		return r;
	if (!copy.dst.device)
		return -EINVAL;
	*ret_copy = copy;
	return 0;
}

/* A range of floats that @stream's device can add up. */
static int find_floats(struct stream *stream, const float *pointer, uint64_t bytes,
		       struct side *ret_side)
{
	struct side side;
	int r;

	if ((uintptr_t)pointer % sizeof(*pointer))
		return -EINVAL;
	r = find_side(pointer, bytes, &side);
	if (r < 0)
		return r;
	if (!side.device || !reaches(stream_device(stream), side.device))
		return -EINVAL;
	*ret_side = side;
	return 0;
}

static bool same_or_apart(const struct side *dst, const struct side *src, uint64_t bytes)
{
	return dst->address == src->address ||
	       !overlap(dst->address, src->address, bytes);
}

static int check_sum(struct stream *stream, float *dst, const float *src,
		     const float *src2, size_t n, struct copy *ret_copy)
{
	struct copy copy = {.task.run = run_sum};
	struct side other;
	int r;

	if (!n)
		return 0;
	if (__builtin_mul_overflow(n, sizeof(*dst), &copy.bytes))
		return -EINVAL;
	r = find_floats(stream, dst, copy.bytes, &copy.dst);
	if (r == 0)
		r = find_floats(stream, src, copy.bytes, &copy.src);
	if (r == 0)
		r = find_floats(stream, src2, copy.bytes, &other);
	if (r < 0)
		return r;
	if (!same_or_apart(&copy.dst, &copy.src, copy.bytes) ||
	    !same_or_apart(&copy.dst, &other, copy.bytes))
		return -EINVAL;
	copy.src2 = other.address;
	*ret_copy = copy;
	return 0;
}

/* ---- calls ------------------------------------------------------------------------- */

static int begin(hipStream_t handle, struct stream **ret_stream)
{
	int r = runtime_enter();

	return r < 0 ? r : stream_get(handle, ret_stream);
}

/* Gives @copy to the stream, unless @r says that it is none. Puts the stream. */
static int finish(struct stream *stream, int r, const struct copy *copy, bool wait)
{
	if (r == 0 && copy->bytes)
		r = give(stream, copy);
	else if (r == 0)
		r = stream_error(stream);
	if (r == 0 && copy->bytes && wait)
		r = stream_synchronize(stream);
	stream_put(stream);
	return r;
}

static int do_copy(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
		   hipStream_t handle, bool wait)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = begin(handle, &stream);

	if (r < 0)
		return r;
	r = check_copy(dst, src, bytes, kind, &copy);
	return finish(stream, r, &copy, wait);
}

static int do_fill(void *dst, int value, size_t bytes, hipStream_t handle, bool wait)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = begin(handle, &stream);

	if (r < 0)
		return r;
	r = check_fill(dst, value, bytes, &copy);
	return finish(stream, r, &copy, wait);
}

static int do_sum(float *dst, const float *src, const float *src2, size_t n,
		  hipStream_t handle)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = begin(handle, &stream);

	if (r < 0)
		return r;
	r = check_sum(stream, dst, src, src2, n, &copy);
	return finish(stream, r, &copy, false);
}

_public_ hipError_t hipMemcpy(void *dst, const void *src, size_t bytes,
			      hipMemcpyKind kind)
{
	return copy_result(do_copy(dst, src, bytes, kind, NULL, true));
}

_public_ hipError_t hipMemcpyAsync(void *dst, const void *src, size_t bytes,
				   hipMemcpyKind kind, hipStream_t stream)
{
	return copy_result(do_copy(dst, src, bytes, kind, stream, false));
}

_public_ hipError_t hipMemcpyHtoD(void *dst, const void *src, size_t bytes)
{
	return copy_result(do_copy(dst, src, bytes, hipMemcpyHostToDevice, NULL, true));
}

_public_ hipError_t hipMemcpyDtoH(void *dst, const void *src, size_t bytes)
{
	return copy_result(do_copy(dst, src, bytes, hipMemcpyDeviceToHost, NULL, true));
}

_public_ hipError_t hipMemcpyDtoD(void *dst, const void *src, size_t bytes)
{
	return copy_result(do_copy(dst, src, bytes, hipMemcpyDeviceToDevice, NULL, true));
}

_public_ hipError_t hipMemset(void *dst, int value, size_t bytes)
{
	return runtime_result(do_fill(dst, value, bytes, NULL, true));
}

_public_ hipError_t hipMemsetAsync(void *dst, int value, size_t bytes, hipStream_t stream)
{
	return runtime_result(do_fill(dst, value, bytes, stream, false));
}

_public_ hipError_t hipsoftVectorAdd(float *dst, const float *src, const float *src2,
				     size_t n, hipStream_t stream)
{
	return runtime_result(do_sum(dst, src, src2, n, stream));
}
