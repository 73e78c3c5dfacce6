/* SPDX-License-Identifier: MIT */
/* event.c - lifetime and registry of events */
#include "event_private.h"
#include "freed.h"

/*
 * An event's id is its handle. It must not equal the id of an allocation, since libhipipc
 * gets both through one hipipc_freed_fn; ids of allocations are small.
 */
#define FIRST_ID (((uint64_t)UINTPTR_MAX >> 2) + 1)

/* Protects the registry, which holds all events that were not destroyed. */
pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;
static struct htab event_events;
static _Atomic(hipipc_freed_fn) event_freed_hook;

/* ---- registry ---------------------------------------------------------------------- */

void event_unref(struct event *event)
{
	if (!event || atomic_fetch_sub(&event->refs, 1) > 1)
		return;
	mark_unref(event->mark);
	event_page_unref(event->page);
	free(event);
}

static uint64_t event_hash_id(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15);
}

static struct event *event_find_locked(uint64_t id)
{
	struct event *event;

	ASSERT_LOCKED(&event_lock);
	htab_for_each_hash(event, &event_events, event_hash_id(id), node)
		if (event->id == id)
			break;
	return event;
}

struct event *event_get(uint64_t id)
{
	struct event *event;

	pthread_mutex_lock(&event_lock);
	event = event_find_locked(id);
	if (event)
		atomic_fetch_add(&event->refs, 1);
	pthread_mutex_unlock(&event_lock);
	return event;
}

/* Takes ownership of @page, which may be NULL, on failure too. */
static int event_add(unsigned flags, struct shared_event *page, void **ret_handle)
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
	pthread_mutex_lock(&event_lock);
	r = htab_insert(&event_events, &event->node, event_hash_id(id));
	pthread_mutex_unlock(&event_lock);
	if (r < 0) {
		event_unref(event);
		return r;
	}
	*ret_handle = (void *)(uintptr_t)id;
	return 0;
}

/* ---- life -------------------------------------------------------------------------- */

static int event_check_flags(unsigned flags)
{
	const unsigned known =
		hipEventBlockingSync | hipEventDisableTiming | hipEventInterprocess;

	if (flags & ~known)
		return -EINVAL;
	if (flags & hipEventInterprocess && !(flags & hipEventDisableTiming))
		return -EINVAL;
	return 0;
}

static int event_create(unsigned flags, hipEvent_t *ret_event)
{
	struct shared_event *page = NULL;
	void *handle;
	int r = runtime_enter();

	if (r == 0 && !ret_event)
		r = -EINVAL;
	if (r == 0)
		r = event_check_flags(flags);
	if (r == 0 && flags & hipEventInterprocess)
		r = RETRY_SETTLED(event_page_create(&page));
	if (r == 0)
		r = event_add(flags, page, &handle);
	if (r == 0)
		*ret_event = handle;
	return r;
}

_public_ hipError_t hipEventCreate(hipEvent_t *ret_event)
{
	return runtime_result(event_create(hipEventDefault, ret_event));
}

_public_ hipError_t hipEventCreateWithFlags(hipEvent_t *ret_event, unsigned int flags)
{
	return runtime_result(event_create(flags, ret_event));
}

/* Pending waits and records hold references to its mark or page. */
static int event_destroy(uint64_t id)
{
	hipipc_freed_fn freed = NULL;
	struct event *event;

	pthread_mutex_lock(&event_lock);
	event = event_find_locked(id);
	if (event) {
		htab_remove(&event_events, &event->node);
		if (event->exported)
			freed = atomic_load(&event_freed_hook);
	}
	pthread_mutex_unlock(&event_lock);
	if (!event)
		return -EBADF;
	if (freed)
		freed(id);
	event_unref(event);
	return 0;
}

_public_ hipError_t hipEventDestroy(hipEvent_t handle)
{
	int r = runtime_enter();

	return runtime_result(r < 0 ? r : event_destroy(event_id(handle)));
}

/* ---- for libhipipc ----------------------------------------------------------------- */

int event_find(void *handle, uint64_t *ret_id)
{
	_cleanup_event_ struct event *event = event_get(event_id(handle));

	if (!event)
		return -EINVAL;
	if (!event->page)
		return -EBADF;
	*ret_id = event->id;
	return 0;
}

int event_export(uint64_t id, int *ret_fd)
{
	_cleanup_event_ struct event *event = event_get(id);
	_cleanup_close_ int fd = -1;
	int r;

	if (!event || !event->page)
		return -ENOENT;
	r = RETRY_SETTLED(event_page_export(event->page, &fd));
	if (r < 0)
		return r;
	pthread_mutex_lock(&event_lock);
	if (event_find_locked(id))
		event->exported = true;
	else
		r = -ENOENT;
	pthread_mutex_unlock(&event_lock);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int event_import(int fd, void **ret_event)
{
	struct shared_event *page;
	int r = RETRY_SETTLED(event_page_open(fd, &page));

	if (r < 0)
		return r;
	return event_add(hipEventInterprocess | hipEventDisableTiming, page, ret_event);
}

void event_watch(hipipc_freed_fn freed)
{
	atomic_store(&event_freed_hook, freed);
}
