/* SPDX-License-Identifier: MIT */
/* copy.c - hipMemcpy*(), hipMemset*() and hipsoftVectorAdd(): arguments and results */
#include "allocation.h"
#include "copy_task.h"

/* ---- arguments --------------------------------------------------------------------- */

/* An errno that no function below returns. */
#define WRONG_DIRECTION (-EPROTOTYPE)

static hipError_t copy_result(int r)
{
	if (r == WRONG_DIRECTION)
		return runtime_return(hipErrorInvalidMemcpyDirection);
	return runtime_result(r);
}

/* Finds the owner of the range at @pointer; @bytes is not 0. */
static int copy_find_side(const void *pointer, uint64_t bytes, struct side *ret_side)
{
	struct side side = {.address = (uintptr_t)pointer};
	struct allocation allocation;
	int r = allocation_find(side.address, bytes, &allocation);

	if (r == 0)
		side.device = allocation.device;
	else if (r == -ENOENT)
		r = pointer ? 0 : -EINVAL;
	if (r < 0)
		return r;
	*ret_side = side;
	return 0;
}

static bool copy_fits_kind(const struct copy *copy, hipMemcpyKind kind)
{
	if (kind == hipMemcpyDefault)
		return true;
	return !copy->src.device ==
		       (kind == hipMemcpyHostToHost || kind == hipMemcpyHostToDevice) &&
	       !copy->dst.device ==
		       (kind == hipMemcpyHostToHost || kind == hipMemcpyDeviceToHost);
}

static bool copy_overlap(uint64_t a, uint64_t b, uint64_t bytes)
{
	return a - b < bytes || b - a < bytes;
}

static int copy_check(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
		      struct copy *ret_copy)
{
	struct copy copy = {.bytes = bytes};
	int r;

	if ((unsigned)kind > hipMemcpyDefault)
		return WRONG_DIRECTION;
	if (!bytes)
		return 0;
	r = copy_find_side(dst, bytes, &copy.dst);
	if (r == 0)
		r = copy_find_side(src, bytes, &copy.src);
	if (r < 0)
		return r;
	if (!copy_fits_kind(&copy, kind))
		return WRONG_DIRECTION;
	if (copy_overlap(copy.dst.address, copy.src.address, bytes))
		return -EINVAL;
	*ret_copy = copy;
	return 0;
}

static int copy_check_fill(void *dst, int value, size_t bytes, struct copy *ret_copy)
{
	struct copy copy = {
		.task.run = copy_run_fill,
		.bytes = bytes,
		.pattern = (uint8_t)value * UINT64_C(0x0101010101010101),
	};
	int r;

	if (!bytes)
		return 0;
	r = copy_find_side(dst, bytes, &copy.dst);
	if (r < 0)
		return r;
	if (!copy.dst.device)
		return -EINVAL;
	*ret_copy = copy;
	return 0;
}

/* A range of floats that @stream's device can add up. */
static int copy_find_floats(struct stream *stream, const float *pointer, uint64_t bytes,
			    struct side *ret_side)
{
	struct side side;
	int r;

	if ((uintptr_t)pointer % sizeof(*pointer))
		return -EINVAL;
	r = copy_find_side(pointer, bytes, &side);
	if (r < 0)
		return r;
	if (!side.device || !copy_reaches(stream_device(stream), side.device))
		return -EINVAL;
	*ret_side = side;
	return 0;
}

static bool copy_same_or_apart(const struct side *dst, const struct side *src,
			       uint64_t bytes)
{
	return dst->address == src->address ||
	       !copy_overlap(dst->address, src->address, bytes);
}

static int copy_check_sum(struct stream *stream, float *dst, const float *src,
			  const float *src2, size_t n, struct copy *ret_copy)
{
	struct copy copy = {.task.run = copy_run_sum};
	struct side other;
	int r;

	if (!n)
		return 0;
	if (__builtin_mul_overflow(n, sizeof(*dst), &copy.bytes))
		return -EINVAL;
	r = copy_find_floats(stream, dst, copy.bytes, &copy.dst);
	if (r == 0)
		r = copy_find_floats(stream, src, copy.bytes, &copy.src);
	if (r == 0)
		r = copy_find_floats(stream, src2, copy.bytes, &other);
	if (r < 0)
		return r;
	if (!copy_same_or_apart(&copy.dst, &copy.src, copy.bytes) ||
	    !copy_same_or_apart(&copy.dst, &other, copy.bytes))
		return -EINVAL;
	copy.src2 = other.address;
	*ret_copy = copy;
	return 0;
}

/* ---- calls ------------------------------------------------------------------------- */

static int copy_begin(hipStream_t handle, struct stream **ret_stream)
{
	int r = runtime_enter();

	return r < 0 ? r : stream_get(handle, ret_stream);
}

static int copy_give_task(struct stream *stream, const struct copy *copy)
{
	return copy->bytes ? copy_give(stream, copy) : stream_error(stream);
}

/*
 * Waits for the copy and reports an error of the stream. The copy's own result counts,
 * too: another thread may have reported the stream's error already.
 */
static int copy_give_and_wait(struct stream *stream, struct copy *copy)
{
	int result = 0, r;

	copy->task.result = &result;
	r = copy_give_task(stream, copy);
	if ((r < 0 || !copy->bytes) && stream_error(stream) == 0)
		return r;
	return stream_synchronize(stream) ?: r ?: result;
}

/* Pushes @copy to the stream unless checking it failed with @r. Puts the stream. */
static int copy_finish(struct stream *stream, int r, struct copy *copy, bool wait)
{
	if (r == 0)
		r = wait ? copy_give_and_wait(stream, copy)
			 : copy_give_task(stream, copy);
	stream_put(stream);
	return r;
}

static int copy_do(void *dst, const void *src, size_t bytes, hipMemcpyKind kind,
		   hipStream_t handle, bool wait)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = copy_begin(handle, &stream);

	if (r < 0)
		return r;
	r = copy_check(dst, src, bytes, kind, &copy);
	return copy_finish(stream, r, &copy, wait);
}

static int copy_do_fill(void *dst, int value, size_t bytes, hipStream_t handle, bool wait)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = copy_begin(handle, &stream);

	if (r < 0)
		return r;
	r = copy_check_fill(dst, value, bytes, &copy);
	return copy_finish(stream, r, &copy, wait);
}

static int copy_do_sum(float *dst, const float *src, const float *src2, size_t n,
		       hipStream_t handle)
{
	struct copy copy = {0};
	struct stream *stream;
	int r = copy_begin(handle, &stream);

	if (r < 0)
		return r;
	r = copy_check_sum(stream, dst, src, src2, n, &copy);
	return copy_finish(stream, r, &copy, false);
}

_public_ hipError_t hipMemcpy(void *dst, const void *src, size_t bytes,
			      hipMemcpyKind kind)
{
	return copy_result(copy_do(dst, src, bytes, kind, NULL, true));
}

_public_ hipError_t hipMemcpyAsync(void *dst, const void *src, size_t bytes,
				   hipMemcpyKind kind, hipStream_t stream)
{
	return copy_result(copy_do(dst, src, bytes, kind, stream, false));
}

_public_ hipError_t hipMemcpyHtoD(void *dst, const void *src, size_t bytes)
{
	return copy_result(copy_do(dst, src, bytes, hipMemcpyHostToDevice, NULL, true));
}

_public_ hipError_t hipMemcpyDtoH(void *dst, const void *src, size_t bytes)
{
	return copy_result(copy_do(dst, src, bytes, hipMemcpyDeviceToHost, NULL, true));
}

_public_ hipError_t hipMemcpyDtoD(void *dst, const void *src, size_t bytes)
{
	return copy_result(copy_do(dst, src, bytes, hipMemcpyDeviceToDevice, NULL, true));
}

_public_ hipError_t hipMemset(void *dst, int value, size_t bytes)
{
	return runtime_result(copy_do_fill(dst, value, bytes, NULL, true));
}

_public_ hipError_t hipMemsetAsync(void *dst, int value, size_t bytes, hipStream_t stream)
{
	return runtime_result(copy_do_fill(dst, value, bytes, stream, false));
}

_public_ hipError_t hipsoftVectorAdd(float *dst, const float *src, const float *src2,
				     size_t n, hipStream_t stream)
{
	return runtime_result(copy_do_sum(dst, src, src2, n, stream));
}
