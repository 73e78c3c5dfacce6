/* SPDX-License-Identifier: MIT */
/* stream_order.c - what comes after what, and waiting for it */
#include <htab.h>

#include "stream_private.h"

/* ---- tasks ------------------------------------------------------------------------- */

/* The first @n tasks that @stream was given are done. Its lock is not held. */
static void wait_done(struct stream *stream, uint64_t n)
{
	pthread_mutex_lock(&stream->lock);
	while (stream->done < n)
		pthread_cond_wait(&stream->progress, &stream->lock);
	pthread_mutex_unlock(&stream->lock);
}

/* Waits for another stream: for what that was given before this, so never for each other.
 */
struct barrier {
	struct task task;
	struct stream *other; /* a reference */
	uint64_t given;
};

static int run_barrier(struct task *task, struct stream *stream)
{
	const struct barrier *barrier = container_of(task, struct barrier, task);

	wait_done(barrier->other, barrier->given);
	return 0;
}

static void drop_barrier(struct task *task, int error)
{
	struct barrier *barrier = container_of(task, struct barrier, task);

	stream_unref(barrier->other);
	free(barrier);
}

/* Adds to @tasks, if @other has something to do. Its device's lock is held. */
static int add_barrier(struct stream *other, struct task **tasks)
{
	struct barrier *barrier;
	uint64_t given, done;

	pthread_mutex_lock(&other->lock);
	given = other->given;
	done = other->done;
	pthread_mutex_unlock(&other->lock);
	if (done == given)
		return 0;
	barrier = malloc(sizeof(*barrier));
	if (!barrier)
		return -ENOMEM;
	*barrier = (struct barrier){
		.task = {.next = *tasks, .run = run_barrier, .drop = drop_barrier},
		.other = stream_ref(other),
		.given = given,
	};
	*tasks = &barrier->task;
	return 0;
}

/* For all of @device that @stream comes after. The device's lock is held. */
static int add_barriers(struct stream *stream, struct device *device, struct task **tasks)
{
	int r = 0;

	if (!stream->blocking)
		return 0;
	for (struct stream *other = device->streams; other && r == 0; other = other->next)
		if (other != stream && other->blocking &&
		    (stream->is_default || other->is_default))
			r = add_barrier(other, tasks);
	return r;
}

static int append(struct stream *stream, struct task *tasks)
{
	int r;

	pthread_mutex_lock(&stream->lock);
	r = stream->error;
	if (r == 0) {
		*stream->last = tasks;
		for (; tasks; tasks = tasks->next) {
			stream->last = &tasks->next;
			stream->given++;
		}
		pthread_cond_signal(&stream->has_work);
	}
	pthread_mutex_unlock(&stream->lock);
	return r;
}

static void drop_all(struct task *tasks, int error)
{
	while (tasks) {
		struct task *task = tasks;

		tasks = task->next;
		task->drop(task, error);
	}
}

/* Barriers, and then @task unless that is NULL. The device's lock is held. */
static int append_after(struct stream *stream, struct task *barriers, struct task *task)
{
	struct task **end = &barriers;
	int r;

	while (*end)
		end = &(*end)->next;
	*end = task;
	if (!barriers)
		return 0;
	r = append(stream, barriers);
	if (r < 0) {
		*end = NULL;
		drop_all(barriers, r);
	}
	return r;
}

static int push(struct stream *stream, struct device *device, struct task *task)
{
	struct task *barriers = NULL;
	int r;

	pthread_mutex_lock(&device->lock);
	r = add_barriers(stream, device, &barriers);
	if (r == 0)
		r = append_after(stream, barriers, task);
	else
		drop_all(barriers, r);
	pthread_mutex_unlock(&device->lock);
	return r;
}

int stream_push(struct stream *stream, struct task *task)
{
	task->next = NULL;
	return push(stream, stream->device, task);
}

int stream_follow(struct stream *stream, struct device *device)
{
	return stream->is_default ? push(stream, device, NULL) : 0;
}

/* ---- waiting ----------------------------------------------------------------------- */

int stream_query(struct stream *stream)
{
	int r;

	pthread_mutex_lock(&stream->lock);
	r = stream->done < stream->given ? -EAGAIN : stream->error;
	pthread_mutex_unlock(&stream->lock);
	return r;
}

int stream_error(struct stream *stream)
{
	int r;

	pthread_mutex_lock(&stream->lock);
	r = stream->error;
	pthread_mutex_unlock(&stream->lock);
	return r;
}

int stream_synchronize(struct stream *stream)
{
	uint64_t given;

	pthread_mutex_lock(&stream->lock);
	given = stream->given;
	pthread_mutex_unlock(&stream->lock);
	wait_done(stream, given);
	return stream_error(stream);
}

/* Of those with a greater @id the first. The device's lock is held. */
static struct stream *find_after(struct device *device, uint64_t id)
{
	struct stream *found = NULL;

	for (struct stream *stream = device->streams; stream; stream = stream->next)
		if (stream->id > id && (!found || stream->id < found->id))
			found = stream;
	return found;
}

/* A reference to the one that begins after @id and not after @last; NULL: none. */
static struct stream *next_stream(struct device *device, uint64_t id, uint64_t last)
{
	struct stream *stream;

	pthread_mutex_lock(&device->lock);
	stream = find_after(device, id);
	if (stream && stream->id <= last)
		stream_ref(stream);
	else
		stream = NULL;
	pthread_mutex_unlock(&device->lock);
	return stream;
}

/* Those that there are now: ids go up. */
int stream_synchronize_device(struct device *device)
{
	uint64_t last = stream_new_id(device), id = 0;
	struct stream *stream;
	int error = 0;

	while ((stream = next_stream(device, id, last))) {
		int r = stream_synchronize(stream);

		error = error ?: r;
		id = stream->id;
		stream_unref(stream);
	}
	return error;
}
