/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <htab.h>
#include <stdatomic.h>
#include <string.h>

#include "event_page.h"
#include "mark.h"
#include "stream.h"

/*
 * Ids are handles, and those of allocations are small: libhipipc is told the end of both
 * by one function.
 */
#define FIRST_ID (((uint64_t)UINTPTR_MAX >> 2) + 1)

#define NS_PER_MS 1e6F

/**
 * struct event - an event
 * @node: in the registry
 * @id: its handle, never used twice
 * @refs: the registry's and those of calls
 * @flags: hipEvent*
 * @exported: libhipipc wants to hear of its end. Under the lock, like @mark
 * @mark: the last record of a local one; NULL: there was none
 * @page: of an interprocess one, else NULL
 */
struct event {
	struct htab_node node;
	uint64_t id;
	atomic_uint refs;
	unsigned flags;
	bool exported;
	struct mark *mark;
	struct shared_event *page;
};

/* All events that were not destroyed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct htab events;
static _Atomic(hipipc_ended_fn) ended_hook;

/* ---- registry ---------------------------------------------------------------------- */

static void event_unref(struct event *event)
{
	if (!event || atomic_fetch_sub(&event->refs, 1) > 1)
		return;
	mark_unref(event->mark);
	event_page_unref(event->page);
	free(event);
}

static void event_cleanup(struct event **event)
{
	event_unref(*event);
}

#define _cleanup_event_ _cleanup_(event_cleanup)

static uint64_t hash_id(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15);
}

/* The lock is held. */
static struct event *find_event(uint64_t id)
{
	struct htab_node *node = htab_first(&events, hash_id(id));

	for (; node; node = htab_next(node)) {
		struct event *event = container_of(node, struct event, node);

		if (event->id == id)
			return event;
	}
	return NULL;
}

/* A reference, or NULL. */
static struct event *get_event(uint64_t id)
{
	struct event *event;

	pthread_mutex_lock(&lock);
	event = find_event(id);
	if (event)
		atomic_fetch_add(&event->refs, 1);
	pthread_mutex_unlock(&lock);
	return event;
}

static uint64_t id_of(const void *handle)
{
	return (uintptr_t)handle;
}

/* @page, which may be NULL, is taken over, also on failure. */
static int add_event(unsigned flags, struct shared_event *page, void **ret_handle)
{
	static atomic_uint_least64_t n_events;
	struct event *event = calloc(1, sizeof(*event));
	uint64_t id = FIRST_ID + atomic_fetch_add(&n_events, 1);
	int r;

	if (!event) {
		event_page_unref(page);
		return -ENOMEM;
	}
	event->id = id;
	atomic_init(&event->refs, 1);
	event->flags = flags;
	event->page = page;
	pthread_mutex_lock(&lock);
	r = htab_insert(&events, &event->node, hash_id(id));
	pthread_mutex_unlock(&lock);
	if (r < 0) {
		event_unref(event);
		return r;
	}
	*ret_handle = (void *)(uintptr_t)id;
	return 0;
}

/* ---- life -------------------------------------------------------------------------- */

static int check_flags(unsigned flags)
{
	const unsigned known =
		hipEventBlockingSync | hipEventDisableTiming | hipEventInterprocess;

	if (flags & ~known)
		return -EINVAL;
	if (flags & hipEventInterprocess && !(flags & hipEventDisableTiming))
		return -EINVAL;
	return 0;
}

static int create_event(unsigned flags, hipEvent_t *ret_event)
{
	struct shared_event *page = NULL;
	void *handle;
	int r = runtime_enter();

	if (r == 0 && !ret_event)
		r = -EINVAL;
	if (r == 0)
		r = check_flags(flags);
	if (r == 0 && flags & hipEventInterprocess)
		r = event_page_create(&page);
	if (r == 0)
		r = add_event(flags, page, &handle);
	if (r == 0)
		*ret_event = handle;
	return r;
}

_public_ hipError_t hipEventCreate(hipEvent_t *ret_event)
{
	return runtime_result(create_event(hipEventDefault, ret_event));
}

_public_ hipError_t hipEventCreateWithFlags(hipEvent_t *ret_event, unsigned int flags)
{
	return runtime_result(create_event(flags, ret_event));
}

/* What waits for it or will record it has a reference to its mark or page. */
static int destroy_event(uint64_t id)
{
	hipipc_ended_fn ended = NULL;
	struct event *event;

	pthread_mutex_lock(&lock);
	event = find_event(id);
	if (event) {
		htab_remove(&events, &event->node);
		if (event->exported)
			ended = atomic_load(&ended_hook);
	}
	pthread_mutex_unlock(&lock);
	if (!event)
		return -EBADF;
	if (ended)
		ended(id);
	event_unref(event);
	return 0;
}

_public_ hipError_t hipEventDestroy(hipEvent_t handle)
{
	int r = runtime_enter();

	return runtime_result(r < 0 ? r : destroy_event(id_of(handle)));
}

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
	pthread_mutex_lock(&lock);
	before = event->mark;
	event->mark = mark;
	pthread_mutex_unlock(&lock);
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
	pthread_mutex_lock(&lock);
	if (event->mark)
		ret_wait->mark = mark_ref(event->mark);
	pthread_mutex_unlock(&lock);
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
	_cleanup_event_ struct event *event = get_event(id_of(handle));
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
	event = get_event(id_of(handle));
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
	_cleanup_event_ struct event *event = get_event(id_of(handle));
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

/* ---- for libhipipc ----------------------------------------------------------------- */

int event_find(void *handle, uint64_t *ret_id)
{
	_cleanup_event_ struct event *event = get_event(id_of(handle));

	if (!event)
		return -EINVAL;
	if (!event->page)
		return -EBADF;
	*ret_id = event->id;
	return 0;
}

int event_export(uint64_t id, int *ret_fd)
{
	_cleanup_event_ struct event *event = get_event(id);
	_cleanup_close_ int fd = -1;
	int r;

	if (!event || !event->page)
		return -ENOENT;
	r = event_page_export(event->page, &fd);
	if (r < 0)
		return r;
	pthread_mutex_lock(&lock);
	if (find_event(id))
		event->exported = true;
	else
		r = -ENOENT;
	pthread_mutex_unlock(&lock);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int event_import(int fd, void **ret_event)
{
	struct shared_event *page;
	int r = event_page_open(fd, &page);

	if (r < 0)
		return r;
	return add_event(hipEventInterprocess | hipEventDisableTiming, page, ret_event);
}

void event_watch(hipipc_ended_fn ended)
{
	atomic_store(&ended_hook, ended);
}
