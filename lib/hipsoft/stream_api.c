/* SPDX-License-Identifier: MIT */
/* stream_api.c - hipStream*() */
#include "stream.h"
#include "freed.h"

static int stream_api_create_stream(unsigned flags, hipStream_t *ret_stream)
{
	struct stream *stream;
	int r = runtime_enter();

	if (r < 0)
		return r;
	if (!ret_stream || flags & ~(unsigned)hipStreamNonBlocking)
		return -EINVAL;
	r = RETRY_SETTLED(stream_create(context_current(),
					!(flags & hipStreamNonBlocking), &stream));
	if (r < 0)
		return r;
	*ret_stream = stream_handle(stream);
	return 0;
}

_public_ hipError_t hipStreamCreate(hipStream_t *ret_stream)
{
	return runtime_result(stream_api_create_stream(hipStreamDefault, ret_stream));
}

_public_ hipError_t hipStreamCreateWithFlags(hipStream_t *ret_stream, unsigned int flags)
{
	return runtime_result(stream_api_create_stream(flags, ret_stream));
}

_public_ hipError_t hipStreamDestroy(hipStream_t handle)
{
	int r = runtime_enter();

	if (r == 0)
		r = stream_destroy_handle(handle);
	if (r == 0)
		freed_settle();
	return runtime_result(r);
}

static int stream_api_with_stream(hipStream_t handle, int (*act)(struct stream *stream))
{
	struct stream *stream;
	int r = runtime_enter();

	if (r == 0)
		r = stream_get(handle, &stream);
	if (r < 0)
		return r;
	r = act(stream);
	stream_put(stream);
	return r;
}

/* The work of the default stream includes that of the streams it is ordered with. */
static int stream_api_synchronize(struct stream *stream)
{
	stream_wait_for_others(stream);
	return stream_synchronize(stream);
}

_public_ hipError_t hipStreamSynchronize(hipStream_t handle)
{
	return runtime_result(stream_api_with_stream(handle, stream_api_synchronize));
}

_public_ hipError_t hipStreamQuery(hipStream_t handle)
{
	return runtime_result(stream_api_with_stream(handle, stream_query));
}
