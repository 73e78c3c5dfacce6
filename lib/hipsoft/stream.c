/* SPDX-License-Identifier: MIT */
/* stream.c - lifetime and handles of streams, and their threads */
#include <signal.h>

#include "stream_private.h"

/* ---- memory ------------------------------------------------------------------------ */

/* The vendor's headers reserve the handles 1 and 2; ids begin after them. */
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
	list_init(&stream->tasks);
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

/* The next task. NULL: the stream is stopping and has none left. */
static struct task *stream_take_task_locked(struct stream *stream)
{
	struct list *link;

	ASSERT_LOCKED(&stream->lock);
	while (list_is_empty(&stream->tasks) && !stream->stopping)
		pthread_cond_wait(&stream->has_work, &stream->lock);
	link = list_pop(&stream->tasks);
	return link ? container_of(link, struct task, link) : NULL;
}

/* No task is appended until the error is reported, so @given covers all to be dropped. */
static void stream_fail_locked(struct stream *stream, int error)
{
	ASSERT_LOCKED(&stream->lock);
	stream->failure = error;
	stream->error = error;
	stream->dropped = stream->given;
}

/* Releases the lock while the task runs. */
static void stream_run_task_locked(struct stream *stream, struct task *task)
{
	int error = stream->done < stream->dropped ? stream->failure : 0;

	ASSERT_LOCKED(&stream->lock);
	pthread_mutex_unlock(&stream->lock);
	if (error == 0) {
		error = task->run(task, stream);
		pthread_mutex_lock(&stream->lock);
		/* Before other threads can see the task's result. */
		if (error < 0)
			stream_fail_locked(stream, error);
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
	while ((task = stream_take_task_locked(stream)))
		stream_run_task_locked(stream, task);
	pthread_mutex_unlock(&stream->lock);
	return NULL;
}

/* Blocks the program's signals in the thread, except those for its own faults. */
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
	stream->stopping = true;
	pthread_cond_signal(&stream->has_work);
	pthread_mutex_unlock(&stream->lock);
	pthread_join(stream->thread, NULL);
}

/* ---- the streams of a device ------------------------------------------------------- */

static struct stream *stream_find_locked(struct device *device, uint64_t id)
{
	struct stream *stream;

	ASSERT_LOCKED(&device->lock);
	list_for_each(stream, &device->streams, link)
		if (stream->id == id && !stream->is_default && !stream->closing)
			return stream;
	return NULL;
}

/* ---- life -------------------------------------------------------------------------- */

/* Its thread has exited or was never started. */
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
	if (stream->context->destroyed) {
		r = -EINVAL;
	} else {
		stream->is_default = !stream->context->default_stream;
		if (stream->is_default)
			stream->context->default_stream = stream;
		list_add_head(&device->streams, &stream->link);
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

/* Called once, by the thread that set @closing. Barriers see the stream until it is idle.
 */
static void stream_stop(struct stream *stream)
{
	struct device *device = stream->device;

	pthread_mutex_lock(&device->lock);
	while (stream->users)
		pthread_cond_wait(&stream->unused, &device->lock);
	pthread_mutex_unlock(&device->lock);
	stream_stop_thread(stream);
	pthread_mutex_lock(&device->lock);
	list_remove(&stream->link);
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
	stream = stream_find_locked(device, id);
	if (stream)
		stream->closing = true;
	pthread_mutex_unlock(&device->lock);
	if (!stream)
		return -EBADF;
	stream_stop(stream);
	return 0;
}

/* Claims a stream that is not being destroyed yet; NULL: none is left. */
static struct stream *stream_close_next(struct ihipCtx_t *context)
{
	struct device *device = context->device;
	struct stream *stream;

	pthread_mutex_lock(&device->lock);
	context->destroyed = true;
	context->default_stream = NULL;
	list_for_each(stream, &device->streams, link)
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
		stream_stop(stream);
}

static struct stream *stream_close_next_of(struct device *device)
{
	struct stream *stream;

	pthread_mutex_lock(&device->lock);
	list_for_each(stream, &device->streams, link)
		if (!stream->is_default && !stream->closing)
			break;
	if (stream)
		stream->closing = true;
	pthread_mutex_unlock(&device->lock);
	return stream;
}

void stream_destroy_all(struct device *device)
{
	struct stream *stream;

	while ((stream = stream_close_next_of(device)))
		stream_stop(stream);
}

/* ---- handles ----------------------------------------------------------------------- */

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
	stream = handle ? stream_find_locked(device, id) : context->default_stream;
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
