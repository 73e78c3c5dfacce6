/* SPDX-License-Identifier: MIT */
/* event_api.c - hipEvent*() and hipStreamWaitEvent(): record, wait, query */
#include "event_private.h"
#include "stream.h"

#define NS_PER_MS 1e6F

/* ---- tasks ------------------------------------------------------------------------- */

/*
 * A record of, or a wait for, an event: @mark of a local one; @page of an interprocess
 * one, with @record or the @number to wait for. @event is the event to record; the
 * pointer is valid until stream_push() returns.
 */
struct event_task {
	struct task task;
	struct event *event;
	struct mark *mark;
	struct shared_event *page;
	struct event_record record;
	uint64_t number;
};

static struct event_task *event_task_of(struct task *task)
{
	return container_of(task, struct event_task, task);
}

static void event_api_free_task(struct event_task *task)
{
	mark_unref(task->mark);
	event_page_unref(task->page);
	free(task);
}

/* Under the stream's lock, so that of two records the later one in the stream counts. */
static int event_api_begin_local(struct task *task)
{
	struct event_task *record = event_task_of(task);
	struct event *event = record->event;
	struct mark *before;

	pthread_mutex_lock(&event_lock);
	before = event->mark;
	event->mark = mark_ref(record->mark);
	pthread_mutex_unlock(&event_lock);
	mark_unref(before);
	return 0;
}

/* Waits for this number come later in all streams; see stream.h. */
static int event_api_begin_shared(struct task *task)
{
	struct event_task *record = event_task_of(task);

	return event_page_record(record->page, &record->record);
}

static int event_api_run_record(struct task *task, struct stream *stream)
{
	return 0;
}

/* Completes the record in any case, so that waits for a failed stream return. */
static void event_api_drop_record(struct task *task, int error)
{
	struct event_task *record = event_task_of(task);

	if (record->mark)
		mark_reach(record->mark, error);
	else if (error < 0)
		event_page_fail(record->page, &record->record);
	else
		event_page_reach(record->page, &record->record);
	event_api_free_task(record);
}

static int event_api_run_wait(struct task *task, struct stream *stream)
{
	struct event_task *wait = event_task_of(task);

	return wait->mark ? mark_wait(wait->mark)
			  : event_page_wait(wait->page, wait->number);
}

static void event_api_drop_wait(struct task *task, int error)
{
	event_api_free_task(event_task_of(task));
}

/* ---- records ----------------------------------------------------------------------- */

static struct event_task *event_api_new_record(struct event *event)
{
	struct event_task *record = malloc(sizeof(*record));

	if (!record)
		return NULL;
	*record = (struct event_task){
		.task = {.run = event_api_run_record, .drop = event_api_drop_record},
		.event = event,
	};
	if (event->page) {
		record->task.begin = event_api_begin_shared;
		record->page = event_page_ref(event->page);
		return record;
	}
	record->task.begin = event_api_begin_local;
	record->mark = mark_create();
	if (!record->mark) {
		free(record);
		return NULL;
	}
	return record;
}

static int event_api_record_event(struct event *event, struct stream *stream)
{
	struct event_task *record = event_api_new_record(event);
	int r;

	if (!record)
		return -ENOMEM;
	r = stream_push(stream, &record->task);
	if (r < 0)
		event_api_free_task(record);
	return r;
}

/* ---- waits ------------------------------------------------------------------------- */

/* Sets the last record so far, to be waited for. False: never recorded. */
static bool event_api_find_last(struct event *event, struct event_task *ret_wait)
{
	if (event->page) {
		ret_wait->number = event_page_last(event->page);
		ret_wait->page = event_page_ref(event->page);
		return ret_wait->number;
	}
	pthread_mutex_lock(&event_lock);
	if (event->mark)
		ret_wait->mark = mark_ref(event->mark);
	pthread_mutex_unlock(&event_lock);
	return ret_wait->mark;
}

static int event_api_wait_event(struct event *event, struct stream *stream)
{
	struct event_task *wait = malloc(sizeof(*wait));
	int r;

	if (!wait)
		return -ENOMEM;
	*wait = (struct event_task){
		.task = {.run = event_api_run_wait, .drop = event_api_drop_wait}};
	r = event_api_find_last(event, wait) ? stream_push(stream, &wait->task) : 1;
	if (r != 0)
		event_api_free_task(wait);
	return r > 0 ? stream_error(stream) : r;
}

static int event_api_with_stream(hipEvent_t handle, hipStream_t stream_handle,
				 int (*act)(struct event *event, struct stream *stream))
{
	_cleanup_event_ struct event *event = event_get(event_id(handle));
	struct stream *stream;
	int r;

	if (!event)
		return -EBADF;
	r = stream_get(stream_handle, &stream);
	if (r < 0)
		return r;
	r = act(event, stream);
	stream_put(stream);
	return r;
}

_public_ hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream)
{
	int r = runtime_enter();

	return runtime_result(
		r < 0 ? r : event_api_with_stream(event, stream, event_api_record_event));
}

_public_ hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event,
				       unsigned int flags)
{
	int r = runtime_enter();

	if (r == 0 && flags)
		r = -EINVAL;
	return runtime_result(
		r < 0 ? r : event_api_with_stream(event, stream, event_api_wait_event));
}

/* ---- queries and waits of the host ------------------------------------------------- */

/* Calls @on_mark or @on_page for the event's last record. */
static int event_api_check_last(hipEvent_t handle, int (*on_mark)(struct mark *mark),
				int (*on_page)(struct shared_event *page,
					       uint64_t number))
{
	struct event_task last = {0};
	struct event *event;
	int r = runtime_enter();

	if (r < 0)
		return r;
	event = event_get(event_id(handle));
	if (!event)
		return -EBADF;
	if (event_api_find_last(event, &last))
		r = last.mark ? on_mark(last.mark) : on_page(last.page, last.number);
	mark_unref(last.mark);
	event_page_unref(last.page);
	event_unref(event);
	return r;
}

_public_ hipError_t hipEventQuery(hipEvent_t event)
{
	return runtime_result(event_api_check_last(event, mark_query, event_page_query));
}

_public_ hipError_t hipEventSynchronize(hipEvent_t event)
{
	return runtime_result(event_api_check_last(event, mark_wait, event_page_wait));
}

static int event_api_get_time(hipEvent_t handle, uint64_t *ret_ns)
{
	_cleanup_event_ struct event *event = event_get(event_id(handle));
	struct event_task last = {0};
	int r;

	if (!event || event->flags & hipEventDisableTiming ||
	    !event_api_find_last(event, &last))
		return -EBADF;
	r = mark_query(last.mark);
	if (r == 0)
		*ret_ns = mark_time_ns(last.mark);
	mark_unref(last.mark);
	return r;
}

static int event_api_get_elapsed(float *ret_ms, hipEvent_t start, hipEvent_t stop)
{
	uint64_t from = 0, to = 0;
	int first, second;
	int r = runtime_enter();

	if (r == 0 && !ret_ms)
		r = -EINVAL;
	if (r < 0)
		return r;
	first = event_api_get_time(start, &from);
	second = event_api_get_time(stop, &to);
	/* A permanent error is reported in preference to one that is not ready. */
	if (first < 0 && first != -EAGAIN)
		return first;
	if (second < 0 || first < 0)
		return second < 0 ? second : first;
	*ret_ms = (float)(int64_t)(to - from) / NS_PER_MS;
	return 0;
}

_public_ hipError_t hipEventElapsedTime(float *ret_ms, hipEvent_t start, hipEvent_t stop)
{
	return runtime_result(event_api_get_elapsed(ret_ms, start, stop));
}
