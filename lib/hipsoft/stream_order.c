/* SPDX-License-Identifier: MIT */
/* stream_order.c - the order of tasks across streams, and waits for them */
#include <htab.h>

#include "stream_private.h"

/* ---- barriers ---------------------------------------------------------------------- */

/* Waits until the first @n tasks of @stream are done. */
static void stream_order_wait_done(struct stream *stream, uint64_t n)
{
	pthread_mutex_lock(&stream->lock);
	while (stream->done < n)
		pthread_cond_wait(&stream->progress, &stream->lock);
	pthread_mutex_unlock(&stream->lock);
}

/* Waits until the first @given tasks of another stream are done. */
struct barrier {
	struct task task;
	struct stream *other; /* owns a reference */
	uint64_t given;
};

static int stream_order_run_barrier(struct task *task, struct stream *stream)
{
	const struct barrier *barrier = container_of(task, struct barrier, task);

	stream_order_wait_done(barrier->other, barrier->given);
	return 0;
}

static void stream_order_drop_barrier(struct task *task, int error)
{
	struct barrier *barrier = container_of(task, struct barrier, task);

	stream_unref(barrier->other);
	free(barrier);
}

static int stream_order_append(struct stream *stream, struct task *task)
{
	int r;

	pthread_mutex_lock(&stream->lock);
	r = stream->error;
	if (r == 0 && task->begin)
		r = task->begin(task);
	if (r == 0) {
		list_add_tail(&stream->tasks, &task->link);
		stream->given++;
		pthread_cond_signal(&stream->has_work);
	}
	pthread_mutex_unlock(&stream->lock);
	return r;
}

static int stream_order_append_barrier(struct stream *stream, struct stream *other,
				       uint64_t given)
{
	struct barrier *barrier = malloc(sizeof(*barrier));
	int r;

	if (!barrier)
		return -ENOMEM;
	*barrier = (struct barrier){
		.task = {.run = stream_order_run_barrier,
			 .drop = stream_order_drop_barrier,
			 .always = true},
		.other = stream_ref(other),
		.given = given,
	};
	r = stream_order_append(stream, &barrier->task);
	if (r < 0)
		stream_order_drop_barrier(&barrier->task, r);
	return r;
}

/*
 * The cover for @stream's last barrier on @other, or NULL. It is stored in the one of
 * them that is not a default stream, for the last default stream it was ordered with. The
 * device's lock is held.
 */
static struct cover *stream_order_find_cover_locked(struct stream *stream,
						    struct stream *other)
{
	struct stream *keeper = stream->is_default ? other : stream;
	uint64_t id = stream->is_default ? stream->id : other->id;
	struct cover *cover = &keeper->covers[stream->is_default];

	ASSERT_LOCKED(&other->device->lock);
	if (keeper->is_default)
		return NULL;
	if (cover->id != id)
		*cover = (struct cover){.id = id};
	return cover;
}

/* Orders @stream after the tasks that @other, of the locked device, has so far. */
static int stream_order_follow_stream_locked(struct stream *stream, struct stream *other)
{
	struct cover *cover = stream_order_find_cover_locked(stream, other);
	uint64_t given, done;
	int r;

	pthread_mutex_lock(&other->lock);
	given = other->given;
	done = other->done;
	pthread_mutex_unlock(&other->lock);
	if (done == given || (cover && cover->given == given))
		return 0;
	r = stream_order_append_barrier(stream, other, given);
	if (r == 0 && cover)
		cover->given = given;
	return r;
}

/*
 * Orders @stream after the streams of @device as the rule of the default stream requires.
 * On failure some barriers may have been appended, which is harmless.
 */
static int stream_order_follow_device_locked(struct stream *stream, struct device *device)
{
	struct stream *other;
	int r = 0;

	ASSERT_LOCKED(&device->lock);
	if (!stream->blocking)
		return 0;
	list_for_each(other, &device->streams, link) {
		if (other != stream && other->blocking &&
		    (stream->is_default || other->is_default))
			r = stream_order_follow_stream_locked(stream, other);
		if (r < 0)
			break;
	}
	return r;
}

int stream_push(struct stream *stream, struct task *task)
{
	int r;

	pthread_mutex_lock(&stream->device->lock);
	r = stream_order_follow_device_locked(stream, stream->device);
	if (r == 0)
		r = stream_order_append(stream, task);
	pthread_mutex_unlock(&stream->device->lock);
	return r;
}

int stream_follow(struct stream *stream, struct device *device)
{
	int r;

	if (!stream->is_default)
		return 0;
	pthread_mutex_lock(&device->lock);
	r = stream_order_follow_device_locked(stream, device);
	pthread_mutex_unlock(&device->lock);
	return r;
}

/* ---- waiting for one --------------------------------------------------------------- */

int stream_error(struct stream *stream)
{
	int r;

	pthread_mutex_lock(&stream->lock);
	r = stream->error;
	pthread_mutex_unlock(&stream->lock);
	return r;
}

/* Reports the error. It is also returned if it was reported since there were @reports. */
static int stream_order_report_locked(struct stream *stream, uint64_t reports)
{
	ASSERT_LOCKED(&stream->lock);
	if (stream->error < 0) {
		stream->error = 0;
		stream->reports++;
	}
	return stream->reports == reports ? 0 : stream->failure;
}

int stream_synchronize(struct stream *stream)
{
	uint64_t given, reports;
	int r;

	pthread_mutex_lock(&stream->lock);
	given = stream->given;
	reports = stream->reports;
	while (stream->done < given)
		pthread_cond_wait(&stream->progress, &stream->lock);
	r = stream_order_report_locked(stream, reports);
	pthread_mutex_unlock(&stream->lock);
	return r;
}

static bool stream_order_is_busy(struct stream *stream)
{
	bool r;

	pthread_mutex_lock(&stream->lock);
	r = stream->done < stream->given;
	pthread_mutex_unlock(&stream->lock);
	return r;
}

/* For a default stream: whether a stream that it is ordered with has pending tasks. */
static bool stream_order_are_others_busy(struct stream *stream)
{
	struct device *device = stream->device;
	struct stream *other;

	if (!stream->is_default)
		return false;
	pthread_mutex_lock(&device->lock);
	list_for_each(other, &device->streams, link)
		if (other != stream && other->blocking && stream_order_is_busy(other))
			break;
	pthread_mutex_unlock(&device->lock);
	return other;
}

int stream_query(struct stream *stream)
{
	int r;

	if (stream_order_are_others_busy(stream))
		return -EAGAIN;
	pthread_mutex_lock(&stream->lock);
	r = stream->done < stream->given
		    ? -EAGAIN
		    : stream_order_report_locked(stream, stream->reports);
	pthread_mutex_unlock(&stream->lock);
	return r;
}

/* ---- waiting for many -------------------------------------------------------------- */

/* The stream with the smallest id greater than @id. */
static struct stream *stream_order_find_after_locked(struct device *device, uint64_t id)
{
	struct stream *stream, *found = NULL;

	ASSERT_LOCKED(&device->lock);
	list_for_each(stream, &device->streams, link)
		if (stream->id > id && (!found || stream->id < found->id))
			found = stream;
	return found;
}

/* A reference to the next stream after @id, up to @last; NULL: none. */
static struct stream *stream_order_next_stream(struct device *device, uint64_t id,
					       uint64_t last)
{
	struct stream *stream;

	pthread_mutex_lock(&device->lock);
	stream = stream_order_find_after_locked(device, id);
	if (stream && stream->id <= last)
		stream_ref(stream);
	else
		stream = NULL;
	pthread_mutex_unlock(&device->lock);
	return stream;
}

/*
 * Calls @visit for all streams that exist now, in the order of their ids, without a lock
 * held. Returns the first error or 0.
 */
static int stream_order_visit_streams(struct device *device,
				      int (*visit)(struct stream *stream))
{
	uint64_t last = stream_new_id(device), id = 0;
	struct stream *stream;
	int error = 0;

	while ((stream = stream_order_next_stream(device, id, last))) {
		int r = visit(stream);

		error = error ?: r;
		id = stream->id;
		stream_unref(stream);
	}
	return error;
}

static int stream_order_wait_all(struct stream *stream)
{
	uint64_t given;

	pthread_mutex_lock(&stream->lock);
	given = stream->given;
	pthread_mutex_unlock(&stream->lock);
	stream_order_wait_done(stream, given);
	return 0;
}

static int stream_order_wait_blocking(struct stream *stream)
{
	return stream->blocking ? stream_order_wait_all(stream) : 0;
}

int stream_synchronize_device(struct device *device)
{
	return stream_order_visit_streams(device, stream_synchronize);
}

void stream_wait_for_device(struct device *device)
{
	(void)stream_order_visit_streams(device, stream_order_wait_all);
}

void stream_wait_for_others(struct stream *stream)
{
	if (stream->is_default)
		(void)stream_order_visit_streams(stream->device,
						 stream_order_wait_blocking);
}
