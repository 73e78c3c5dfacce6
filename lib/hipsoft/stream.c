/* SPDX-License-Identifier: MIT */
/* stream.c - streams begin, are found, and end; and their threads */
#include <signal.h>

#include "stream_private.h"

/* ---- memory ------------------------------------------------------------------------ */

/* 1 and 2 are special streams for the vendor's headers; ids begin behind them. */
uint64_t stream_new_id(const struct device *device)
{
	static atomic_uint_least64_t last_id;

	return (atomic_fetch_add(&last_id, 1) + 1) * HIPSOFT_MAX_DEVICES +
	       (unsigned)device->ordinal;
}

static struct stream *stream_new(struct ihipCtx_t *context, bool blocking)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->id = stream_new_id(context->device);
	stream->context = context;
	stream->device = context->device;
	stream->blocking = blocking;
	atomic_init(&stream->refs, 1);
	stream->last = &stream->first;
	pthread_mutex_init(&stream->making, NULL);
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->unused, NULL);
	pthread_cond_init(&stream->has_work, NULL);
	pthread_cond_init(&stream->progress, NULL);
	return stream;
}

struct stream *stream_ref(struct stream *stream)
{
	atomic_fetch_add(&stream->refs, 1);
	return stream;
}

void stream_unref(struct stream *stream)
{
	if (atomic_fetch_sub(&stream->refs, 1) > 1)
		return;
	pthread_cond_destroy(&stream->progress);
	pthread_cond_destroy(&stream->has_work);
	pthread_cond_destroy(&stream->unused);
	pthread_mutex_destroy(&stream->lock);
	pthread_mutex_destroy(&stream->making);
	free(stream);
}

/* ---- the thread -------------------------------------------------------------------- */

/* The next task, NULL: there will be none. The lock is held. */
static struct task *stream_take_task(struct stream *stream)
{
	struct task *task;

	while (!stream->first && !stream->ending)
		pthread_cond_wait(&stream->has_work, &stream->lock);
	task = stream->first;
	if (!task)
		return NULL;
	stream->first = task->next;
	if (!stream->first)
		stream->last = &stream->first;
	return task;
}

/* The lock is held. Until it is reported no task comes, so these are all there are. */
static void stream_fail(struct stream *stream, int error)
{
	stream->failure = error;
	stream->error = error;
	stream->dropped = stream->given;
}

/* The lock is held, but not meanwhile. */
static void stream_run_task(struct stream *stream, struct task *task)
{
	int error = stream->done < stream->dropped ? stream->failure : 0;

	pthread_mutex_unlock(&stream->lock);
	if (error == 0) {
		error = task->run(task, stream);
		pthread_mutex_lock(&stream->lock);
		/* Before others hear of it through the task. */
		if (error < 0)
			stream_fail(stream, error);
		pthread_mutex_unlock(&stream->lock);
	} else if (task->always) {
		(void)task->run(task, stream);
	}
	if (task->result)
		*task->result = error;
	task->drop(task, error);
	pthread_mutex_lock(&stream->lock);
	stream->done++;
	pthread_cond_broadcast(&stream->progress);
}

static void *stream_work(void *arg)
{
	struct stream *stream = arg;
	struct task *task;

	pthread_mutex_lock(&stream->lock);
	while ((task = stream_take_task(stream)))
		stream_run_task(stream, task);
	pthread_mutex_unlock(&stream->lock);
	return NULL;
}

/* The program's signals are for its own threads. */
static int stream_start_thread(struct stream *stream)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&stream->thread, NULL, stream_work, stream);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == EAGAIN ? -ENOSPC : -r;
}

static void stream_stop_thread(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->ending = true;
	pthread_cond_signal(&stream->has_work);
	pthread_mutex_unlock(&stream->lock);
	pthread_join(stream->thread, NULL);
}

/* ---- the streams of a device; its lock is held ------------------------------------- */

static struct stream *stream_find_id(struct device *device, uint64_t id)
{
	struct stream *stream = device->streams;

	while (stream && !(stream->id == id && !stream->is_default && !stream->closing))
		stream = stream->next;
	return stream;
}

static void stream_unlink(struct stream *stream)
{
	struct stream **link = &stream->device->streams;

	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
}

/* ---- life -------------------------------------------------------------------------- */

/* No thread runs any more. */
static void stream_release(struct stream *stream)
{
	for (unsigned i = 0; i < HIPSOFT_MAX_DEVICES; i++)
		stream_queue_finish(&stream->queues[i]);
	stream_unref(stream);
}

static int stream_publish(struct stream *stream)
{
	struct device *device = stream->device;
	int r = 0;

	pthread_mutex_lock(&device->lock);
	if (stream->context->ended) {
		r = -EINVAL;
	} else {
		stream->is_default = !stream->context->default_stream;
		if (stream->is_default)
			stream->context->default_stream = stream;
		stream->next = device->streams;
		device->streams = stream;
	}
	pthread_mutex_unlock(&device->lock);
	return r;
}

int stream_create(struct ihipCtx_t *context, bool blocking, struct stream **ret_stream)
{
	struct stream *stream = stream_new(context, blocking);
	int r;

	if (!stream)
		return -ENOMEM;
	r = stream_queue_init(&stream->queues[context->device->ordinal], context->device);
	if (r == 0)
		r = stream_start_thread(stream);
	if (r < 0) {
		stream_release(stream);
		return r;
	}
	r = stream_publish(stream);
	if (r < 0) {
		stream_stop_thread(stream);
		stream_release(stream);
		return r;
	}
	*ret_stream = stream;
	return 0;
}

/* It is @closing, so there is one caller. Others find it until its tasks are done. */
static void stream_end(struct stream *stream)
{
	struct device *device = stream->device;

	pthread_mutex_lock(&device->lock);
	while (stream->users)
		pthread_cond_wait(&stream->unused, &device->lock);
	pthread_mutex_unlock(&device->lock);
	stream_stop_thread(stream);
	pthread_mutex_lock(&device->lock);
	stream_unlink(stream);
	pthread_mutex_unlock(&device->lock);
	stream_release(stream);
}

int stream_destroy_handle(hipStream_t handle)
{
	uint64_t id = (uintptr_t)handle;
	struct device *device = runtime_device((int)(id % HIPSOFT_MAX_DEVICES));
	struct stream *stream;

	if (!device)
		return -EBADF;
	pthread_mutex_lock(&device->lock);
	stream = stream_find_id(device, id);
	if (stream)
		stream->closing = true;
	pthread_mutex_unlock(&device->lock);
	if (!stream)
		return -EBADF;
	stream_end(stream);
	return 0;
}

/* One that nobody else is about to end, NULL: there is none left. */
static struct stream *stream_close_next(struct ihipCtx_t *context)
{
	struct device *device = context->device;
	struct stream *stream;

	pthread_mutex_lock(&device->lock);
	context->ended = true;
	context->default_stream = NULL;
	for (stream = device->streams; stream; stream = stream->next)
		if (stream->context == context && !stream->closing)
			break;
	if (stream)
		stream->closing = true;
	pthread_mutex_unlock(&device->lock);
	return stream;
}

void stream_destroy_context(struct ihipCtx_t *context)
{
	struct stream *stream;

	while ((stream = stream_close_next(context)))
		stream_end(stream);
}

/* ---- names ------------------------------------------------------------------------- */

hipStream_t stream_handle(const struct stream *stream)
{
	return (hipStream_t)(uintptr_t)stream->id;
}

struct device *stream_device(const struct stream *stream)
{
	return stream->device;
}

int stream_get(hipStream_t handle, struct stream **ret_stream)
{
	uint64_t id = (uintptr_t)handle;
	struct ihipCtx_t *context = handle ? NULL : context_current();
	struct device *device = handle ? runtime_device((int)(id % HIPSOFT_MAX_DEVICES))
				       : context->device;
	struct stream *stream;

	if (!device)
		return -EBADF;
	pthread_mutex_lock(&device->lock);
	stream = handle ? stream_find_id(device, id) : context->default_stream;
	if (stream)
		stream->users++;
	pthread_mutex_unlock(&device->lock);
	if (!stream)
		return handle ? -EBADF : -EINVAL;
	*ret_stream = stream;
	return 0;
}

void stream_put(struct stream *stream)
{
	struct device *device = stream->device;

	pthread_mutex_lock(&device->lock);
	if (--stream->users == 0)
		pthread_cond_broadcast(&stream->unused);
	pthread_mutex_unlock(&device->lock);
}

int stream_queue_get(struct stream *stream, struct device *device, bool staging,
		     struct stream_queue **ret_queue)
{
	struct stream_queue *queue = &stream->queues[device->ordinal];
	int r = 0;

	pthread_mutex_lock(&stream->making);
	if (!queue->device)
		r = stream_queue_init(queue, device);
	if (r == 0 && staging)
		r = stream_queue_make_staging(queue);
	pthread_mutex_unlock(&stream->making);
	if (r == 0)
		*ret_queue = queue;
	return r;
}
