/* SPDX-License-Identifier: MIT */
/* event_api.c - what is done with events: record, wait, ask */
#include "event_private.h"
#include "stream.h"

#define NS_PER_MS 1e6F

/* ---- tasks ------------------------------------------------------------------------- */

/* For a record or a wait: one of both, and the number in the page. */
struct event_task {
	struct task task;
	struct mark *mark;
	struct shared_event *page;
	uint64_t number;
};

static struct event_task *event_task_of(struct task *task)
{
	return container_of(task, struct event_task, task);
}

static void free_task(struct event_task *task)
{
	mark_unref(task->mark);
	event_page_unref(task->page);
	free(task);
}

static int run_record(struct task *task, struct stream *stream)
{
	return 0;
}

/* In any case, so that nobody waits for ever for a stream that has failed. */
static void drop_record(struct task *task, int error)
{
	struct event_task *record = event_task_of(task);

	if (record->mark)
		mark_reach(record->mark, error);
	else if (error < 0)
		event_page_fail(record->page, record->number);
	else
		event_page_reach(record->page, record->number);
	free_task(record);
}

static int run_wait(struct task *task, struct stream *stream)
{
	struct event_task *wait = event_task_of(task);

	return wait->mark ? mark_wait(wait->mark)
			  : event_page_wait(wait->page, wait->number);
}

static void drop_wait(struct task *task, int error)
{
	free_task(event_task_of(task));
}

/* ---- records ----------------------------------------------------------------------- */

static int record_local(struct event *event, struct stream *stream,
			struct event_task *record)
{
	struct mark *mark = mark_create(), *before;
	int r;

	if (!mark)
		return -ENOMEM;
	record->mark = mark_ref(mark);
	r = stream_push(stream, &record->task);
	if (r < 0) {
		mark_unref(mark);
		return r;
	}
	pthread_mutex_lock(&event_lock);
	before = event->mark;
	event->mark = mark;
	pthread_mutex_unlock(&event_lock);
	mark_unref(before);
	return 0;
}

/* A number that was taken has to end, so none is taken for a stream that has failed. */
static int record_shared(struct event *event, struct stream *stream,
			 struct event_task *record)
{
	uint64_t number;
	int r = stream_error(stream);

	if (r == 0)
		r = event_page_record(event->page, &number);
	if (r < 0)
		return r;
	record->page = event_page_ref(event->page);
	record->number = number;
	r = stream_push(stream, &record->task);
	if (r < 0)
		event_page_fail(event->page, number);
	return r;
}

static int record_event(struct event *event, struct stream *stream)
{
	struct event_task *record = malloc(sizeof(*record));
	int r;

	if (!record)
		return -ENOMEM;
	*record = (struct event_task){.task = {.run = run_record, .drop = drop_record}};
	r = event->page ? record_shared(event, stream, record)
			: record_local(event, stream, record);
	if (r < 0)
		free_task(record);
	return r;
}

/* ---- waits ------------------------------------------------------------------------- */

/* What is waited for: the last record so far. False: there is none. */
static bool find_last(struct event *event, struct event_task *ret_wait)
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

static int wait_event(struct event *event, struct stream *stream)
{
	struct event_task *wait = malloc(sizeof(*wait));
	int r;

	if (!wait)
		return -ENOMEM;
	*wait = (struct event_task){.task = {.run = run_wait, .drop = drop_wait}};
	r = find_last(event, wait) ? stream_push(stream, &wait->task) : 1;
	if (r != 0)
		free_task(wait);
	return r > 0 ? stream_error(stream) : r;
}

static int with_stream(hipEvent_t handle, hipStream_t stream_handle,
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

	return runtime_result(r < 0 ? r : with_stream(event, stream, record_event));
}

_public_ hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event,
				       unsigned int flags)
{
	int r = runtime_enter();

	if (r == 0 && flags)
		r = -EINVAL;
	return runtime_result(r < 0 ? r : with_stream(event, stream, wait_event));
}

/* ---- by the host ------------------------------------------------------------------- */

static int ask(hipEvent_t handle, int (*ask_mark)(struct mark *mark),
	       int (*ask_page)(struct shared_event *page, uint64_t number))
{
	struct event_task last = {0};
	struct event *event;
	int r = runtime_enter();

	if (r < 0)
		return r;
	event = event_get(event_id(handle));
	if (!event)
		return -EBADF;
	if (find_last(event, &last))
		r = last.mark ? ask_mark(last.mark) : ask_page(last.page, last.number);
	mark_unref(last.mark);
	event_page_unref(last.page);
	event_unref(event);
	return r;
}

_public_ hipError_t hipEventQuery(hipEvent_t event)
{
	return runtime_result(ask(event, mark_query, event_page_query));
}

_public_ hipError_t hipEventSynchronize(hipEvent_t event)
{
	return runtime_result(ask(event, mark_wait, event_page_wait));
}

static int get_time(hipEvent_t handle, uint64_t *ret_ns)
{
	_cleanup_event_ struct event *event = event_get(event_id(handle));
	struct event_task last = {0};
	int r;

	if (!event || event->flags & hipEventDisableTiming || !find_last(event, &last))
		return -EBADF;
	r = mark_query(last.mark);
	if (r == 0)
		*ret_ns = mark_time_ns(last.mark);
	mark_unref(last.mark);
	return r;
}

static int get_elapsed(float *ret_ms, hipEvent_t start, hipEvent_t stop)
{
	uint64_t from = 0, to = 0;
	int first, second;
	int r = runtime_enter();

	if (r == 0 && !ret_ms)
		r = -EINVAL;
	if (r < 0)
		return r;
	first = get_time(start, &from);
	second = get_time(stop, &to);
	/* One that can never be is said before one that is not ready. */
	if (first < 0 && first != -EAGAIN)
		return first;
	if (second < 0 || first < 0)
		return second < 0 ? second : first;
	*ret_ms = (float)(int64_t)(to - from) / NS_PER_MS;
	return 0;
}

_public_ hipError_t hipEventElapsedTime(float *ret_ms, hipEvent_t start, hipEvent_t stop)
{
	return runtime_result(get_elapsed(ret_ms, start, stop));
}
