/* SPDX-License-Identifier: MIT */
#include "context.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "stream.h"
#include "freed.h"

/* The current context of a thread is the last one pushed, else the base. */
struct thread_contexts {
	struct ihipCtx_t *base;
	size_t n, room;
	struct ihipCtx_t *pushed[];
};

static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key; /* struct thread_contexts; NULL: the first primary */
static int context_key_result;

/*
 * All contexts. Destroyed ones stay allocated, since they may be current in other
 * threads, and reachable for leak checkers.
 */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list context_live = LIST_INIT(context_live);
static struct list context_retired = LIST_INIT(context_retired);

/* ---- life -------------------------------------------------------------------------- */

static void context_make_key(void)
{
	context_key_result = -pthread_key_create(&context_key, free);
}

int context_create(struct device *device, struct ihipCtx_t **ret_context)
{
	static _Atomic uint64_t last_id;
	struct ihipCtx_t *context;
	int r;

	pthread_once(&context_once, context_make_key);
	if (context_key_result < 0)
		return context_key_result == -EAGAIN ? -ENOMEM : context_key_result;
	context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->id = ++last_id;
	context->device = device;
	r = RETRY_SETTLED(stream_create(context, true, &context->default_stream));
	if (r < 0) {
		free(context);
		return r;
	}
	pthread_mutex_lock(&context_lock);
	list_add_head(&context_live, &context->link);
	pthread_mutex_unlock(&context_lock);
	*ret_context = context;
	return 0;
}

/* Whether it is a live context. Any pointer is allowed. */
static bool context_is_live_locked(const struct ihipCtx_t *context)
{
	const struct ihipCtx_t *other;

	ASSERT_LOCKED(&context_lock);
	list_for_each(other, &context_live, link)
		if (other == context)
			return true;
	return false;
}

static bool context_is_live(const struct ihipCtx_t *context)
{
	bool found;

	pthread_mutex_lock(&context_lock);
	found = context_is_live_locked(context);
	pthread_mutex_unlock(&context_lock);
	return found;
}

/* Moves it to the destroyed ones. False: not a live context, or a primary one. */
static bool context_retire(struct ihipCtx_t *context)
{
	bool found;

	pthread_mutex_lock(&context_lock);
	found = context_is_live_locked(context) && context->device->primary != context;
	if (found) {
		list_remove(&context->link);
		list_add_head(&context_retired, &context->link);
	}
	pthread_mutex_unlock(&context_lock);
	return found;
}

void context_free(struct ihipCtx_t *context)
{
	if (!context)
		return;
	pthread_mutex_lock(&context_lock);
	list_remove(&context->link);
	pthread_mutex_unlock(&context_lock);
	stream_destroy_context(context);
	free(context);
}

/* ---- the thread's current context -------------------------------------------------- */

static struct ihipCtx_t *context_first_primary(void)
{
	return runtime_device(0)->primary;
}

struct ihipCtx_t *context_current(void)
{
	const struct thread_contexts *mine = pthread_getspecific(context_key);

	if (!mine)
		return context_first_primary();
	return mine->n ? mine->pushed[mine->n - 1] : mine->base;
}

/* The thread's contexts, with room for one more; NULL: no memory. */
static struct thread_contexts *context_prepare(void)
{
	struct thread_contexts *mine = pthread_getspecific(context_key), *larger;
	size_t room = mine ? mine->room * 2 : 8;

	if (mine && mine->n < mine->room)
		return mine;
	larger = realloc(mine, sizeof(*larger) + room * sizeof(larger->pushed[0]));
	if (!larger)
		return NULL;
	if (!mine) {
		larger->base = context_first_primary();
		larger->n = 0;
	}
	larger->room = room;
	if (pthread_setspecific(context_key, larger) == 0)
		return larger;
	/* Can fail only for the first call of a thread: later ones replace the value. */
	free(larger);
	return NULL;
}

int context_reset(struct ihipCtx_t *base)
{
	struct thread_contexts *mine = context_prepare();

	if (!mine)
		return -ENOMEM;
	mine->n = 0;
	mine->base = base;
	return 0;
}

/* Removes a destroyed context from the calling thread's stack. */
static void context_pop_from_thread(const struct ihipCtx_t *context)
{
	struct thread_contexts *mine = pthread_getspecific(context_key);
	size_t kept = 0;

	if (!mine)
		return;
	for (size_t i = 0; i < mine->n; i++)
		if (mine->pushed[i] != context)
			mine->pushed[kept++] = mine->pushed[i];
	mine->n = kept;
	if (mine->base == context)
		mine->base = context->device->primary;
}

/* ---- calls ------------------------------------------------------------------------- */

_public_ hipError_t hipCtxCreate(hipCtx_t *ret_context, unsigned int flags,
				 hipDevice_t device)
{
	struct thread_contexts *mine;
	struct ihipCtx_t *context;
	int r = runtime_enter();

	if (r == 0 && (!ret_context || flags))
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	if (!runtime_device(device))
		return runtime_return(hipErrorInvalidDevice);
	mine = context_prepare();
	r = mine ? context_create(runtime_device(device), &context) : -ENOMEM;
	if (r < 0)
		return runtime_result(r);
	mine->pushed[mine->n++] = context;
	*ret_context = context;
	return runtime_result(0);
}

_public_ hipError_t hipCtxDestroy(hipCtx_t context)
{
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	if (!context_retire(context))
		return runtime_return(hipErrorInvalidContext);
	context_pop_from_thread(context);
	stream_destroy_context(context);
	freed_settle();
	return runtime_result(0);
}

_public_ hipError_t hipCtxSetCurrent(hipCtx_t context)
{
	struct thread_contexts *mine;
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	if (!context)
		context = context_first_primary();
	if (!context_is_live(context))
		return runtime_return(hipErrorInvalidContext);
	mine = context_prepare();
	if (!mine)
		return runtime_result(-ENOMEM);
	*(mine->n ? &mine->pushed[mine->n - 1] : &mine->base) = context;
	return runtime_result(0);
}

_public_ hipError_t hipCtxGetCurrent(hipCtx_t *ret_context)
{
	int r = runtime_enter();

	if (r == 0 && !ret_context)
		r = -EINVAL;
	if (r == 0)
		*ret_context = context_current();
	return runtime_result(r);
}

_public_ hipError_t hipCtxPushCurrent(hipCtx_t context)
{
	struct thread_contexts *mine;
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	if (!context_is_live(context))
		return runtime_return(hipErrorInvalidContext);
	mine = context_prepare();
	if (!mine)
		return runtime_result(-ENOMEM);
	mine->pushed[mine->n++] = context;
	return runtime_result(0);
}

/* Nothing pushed: hipErrorInvalidContext. */
_public_ hipError_t hipCtxPopCurrent(hipCtx_t *ret_context)
{
	struct thread_contexts *mine;
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	mine = pthread_getspecific(context_key);
	if (!mine || !mine->n)
		return runtime_return(hipErrorInvalidContext);
	mine->n--;
	if (ret_context)
		*ret_context = mine->pushed[mine->n];
	return runtime_result(0);
}
