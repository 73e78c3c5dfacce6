/* SPDX-License-Identifier: MIT */
#include "fence.h"

#include <errno.h>
#include <stdlib.h>

#include "context.h"
#include "locked.h"

static struct accel_fence_object *fence_of(struct accel_base *base)
{
	return (struct accel_fence_object *)base;
}

static void fence_free(struct accel_base *base)
{
	struct accel_fence_object *fence = fence_of(base);

	accel_record_drop(fence->payer->device, fence->base.record);
	accel_payer_uncharge(fence->payer, ACCEL_RES_FENCES, 1);
	accel_payer_unref(fence->payer);
	accel_base_unref(fence->signaller);
	pthread_mutex_destroy(&fence->lock);
	free(fence);
}

static const struct accel_base_ops fence_ops = {
	.type = ACCEL_TYPE_FENCE,
	.free = fence_free,
};

static int fence_make(struct accel_context *context, uint64_t value,
		      struct accel_base *signaller, struct accel_fence_object **ret_fence)
{
	struct accel_fence_object *fence;
	int r = accel_payer_charge(context->payer, ACCEL_RES_FENCES, 1);

	if (r < 0)
		return r;
	fence = calloc(1, sizeof(*fence));
	if (!fence) {
		accel_payer_uncharge(context->payer, ACCEL_RES_FENCES, 1);
		return -ENOMEM;
	}
	accel_base_init(&fence->base, &fence_ops);
	fence->payer = accel_payer_ref(context->payer);
	fence->value = value;
	fence->signaller = signaller ? accel_base_ref(signaller) : NULL;
	list_init(&fence->waits);
	pthread_mutex_init(&fence->lock, NULL);
	*ret_fence = fence;
	return 0;
}

static int fence_make_record(struct accel_context *context,
			     struct accel_fence_object *fence)
{
	struct accel_record *record;
	int r = accel_record_make(context->device, ACCEL_RECORD_FENCE, &record);

	if (r < 0 || !record)
		return r;
	record->fence.value = fence->value;
	if (fence->signaller)
		record->fence.signaller = accel_record_number(fence->signaller->record);
	fence->base.record = record;
	return 0;
}

static int fence_check(const struct accel_fence *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	return r == 0 && arg->signaller ? -EINVAL : r;
}

/* The queue looks for its fences from now on, whenever it stops. */
static int fence_find_signaller(struct accel_context *context, uint32_t id,
				struct accel_base **ret_signaller)
{
	struct accel_base *signaller;

	if (!id)
		return 0;
	signaller = accel_context_get(context, ACCEL_TYPE_QUEUE, id);
	if (!signaller)
		return -ENOENT;
	signaller->is_signaller = true;
	*ret_signaller = signaller;
	return 0;
}

/*
 * The signaller may have been destroyed before the fence was added, and so not have found
 * it. If its id is still valid, a later destruction finds the fence.
 */
static void fence_check_signaller(struct accel_context *context, uint32_t id,
				  struct accel_base *signaller)
{
	_cleanup_unref_ struct accel_base *valid =
		accel_context_get(context, ACCEL_TYPE_QUEUE, id);

	if (!valid)
		accel_fence_forsake(context, signaller, true);
}

int accel_fence_create(struct accel_context *context, struct accel_fence *arg)
{
	_cleanup_unref_ struct accel_base *signaller = NULL;
	struct accel_fence_object *fence;
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0)
		r = fence_find_signaller(context, arg->signaller, &signaller);
	if (r == 0)
		r = fence_make(context, arg->value, signaller, &fence);
	if (r < 0)
		return r;
	r = fence_make_record(context, fence);
	if (r == 0)
		r = accel_context_add(context, &fence->base, 0, &arg->id);
	if (r < 0)
		accel_base_unref(&fence->base);
	else if (signaller)
		fence_check_signaller(context, arg->signaller, signaller);
	return r;
}

/* What the lost commands were to raise it to. */
static void fence_restore_failed(struct accel_fence_object *fence,
				 struct accel_record *record)
{
	fence->failed = record->fence.failed;
	if (record->fence.promised > fence->value &&
	    record->fence.promised > fence->failed)
		fence->failed = record->fence.promised;
	ACCEL_RECORD_STORE(record, fence.failed, fence->failed);
}

int accel_fence_restore(struct accel_context *context, struct accel_base *signaller,
			struct accel_record *record, struct accel_base **ret_fence)
{
	struct accel_fence_object *fence;
	int r = fence_make(context, record->fence.value, signaller, &fence);

	if (r < 0)
		return r;
	if (signaller)
		signaller->is_signaller = true;
	fence->orphaned = record->fence.signaller && !signaller;
	ACCEL_RECORD_STORE(record, fence.orphaned, fence->orphaned);
	fence_restore_failed(fence, record);
	fence->base.record = record;
	*ret_fence = &fence->base;
	return 0;
}

/* The state of a queue is read without its lock: who stops it wakes the waits later. */
static bool fence_is_forsaken_locked(struct accel_fence_object *fence)
{
	const struct accel_base *signaller = fence->signaller;

	ASSERT_LOCKED(&fence->lock);
	return fence->orphaned || (signaller && !signaller->ops->is_running(signaller));
}

/* An engine that is woken begins its wait again, which takes the lock. */
static void fence_wake_all_locked(struct accel_fence_object *fence)
{
	struct accel_fence_wait *wait;

	ASSERT_LOCKED(&fence->lock);
	list_for_each(wait, &fence->waits, item)
		wait->wake(wait);
}

static void fence_end(struct accel_fence_object *fence)
{
	SCOPED_LOCK(&fence->lock);

	fence->dead = true;
	fence_wake_all_locked(fence);
}

/* Also of waits that look again only after a reset of the signaller. */
static void fence_end_waits_locked(struct accel_fence_object *fence)
{
	struct accel_fence_wait *wait;

	ASSERT_LOCKED(&fence->lock);
	list_for_each(wait, &fence->waits, item)
		wait->forsaken = true;
	fence_wake_all_locked(fence);
}

/* A fence that kept a destroyed queue would keep its memory, which nobody pays for. */
static void fence_forsake(struct accel_fence_object *fence, struct accel_base *signaller,
			  bool destroyed)
{
	SCOPED_LOCK(&fence->lock);

	if (fence->signaller != signaller)
		return;
	if (destroyed) {
		fence->orphaned = true;
		ACCEL_RECORD_STORE(fence->base.record, fence.orphaned, 1);
		fence->signaller = NULL;
		accel_base_unref(signaller); /* not the last: the caller has one */
	}
	fence_end_waits_locked(fence);
}

void accel_fence_forsake(struct accel_context *context, struct accel_base *signaller,
			 bool destroyed)
{
	struct htab_node *node;

	if (!signaller->is_signaller)
		return;
	pthread_mutex_lock(&context->lock);
	htab_for_each(node, &context->handles) {
		struct accel_base *base =
			container_of(node, struct accel_handle, node)->base;

		if (base->ops->type == ACCEL_TYPE_FENCE)
			fence_forsake(fence_of(base), signaller, destroyed);
	}
	pthread_mutex_unlock(&context->lock);
}

int accel_fence_destroy(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	base = accel_context_take(context, ACCEL_TYPE_FENCE, arg->id);
	if (!base)
		return -ENOENT;
	fence_end(fence_of(base));
	return 0;
}

struct accel_fence_object *accel_fence_get(struct accel_context *context, uint32_t id)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_FENCE, id);

	return base ? fence_of(base) : NULL;
}

void accel_fence_raise(struct accel_fence_object *fence, uint64_t value)
{
	SCOPED_LOCK(&fence->lock);

	if (value <= fence->value)
		return;
	fence->value = value;
	ACCEL_RECORD_STORE(fence->base.record, fence.value, value);
	fence_wake_all_locked(fence);
}

void accel_fence_promise(struct accel_fence_object *fence, uint64_t value)
{
	struct accel_record *record = fence->base.record;
	SCOPED_LOCK(&fence->lock);

	if (record && value > record->fence.promised)
		ACCEL_RECORD_STORE(record, fence.promised, value);
}

void accel_fence_fail(struct accel_fence_object *fence, uint64_t value)
{
	pthread_mutex_lock(&fence->lock);
	if (value > fence->value && value > fence->failed) {
		fence->failed = value;
		ACCEL_RECORD_STORE(fence->base.record, fence.failed, value);
		fence_wake_all_locked(fence);
	}
	pthread_mutex_unlock(&fence->lock);
}

int accel_fence_signal(struct accel_context *context, struct accel_fence *arg)
{
	_cleanup_unref_ struct accel_fence_object *fence = NULL;
	int r = fence_check(arg);

	if (r < 0)
		return r;
	fence = accel_fence_get(context, arg->id);
	if (!fence)
		return -ENOENT;
	accel_fence_raise(fence, arg->value);
	return 0;
}

static void fence_fill_info(struct accel_fence_object *fence, struct accel_fence *arg)
{
	SCOPED_LOCK(&fence->lock);

	arg->value = fence->value;
	if (fence->failed > fence->value || fence_is_forsaken_locked(fence))
		arg->flags = ACCEL_FENCE_FAILED;
}

int accel_fence_query(struct accel_context *context, struct accel_fence *arg)
{
	_cleanup_unref_ struct accel_fence_object *fence = NULL;
	int r = fence_check(arg);

	if (r < 0)
		return r;
	fence = accel_fence_get(context, arg->id);
	if (!fence)
		return -ENOENT;
	fence_fill_info(fence, arg);
	return 0;
}

int accel_fence_wait_begin(struct accel_fence_object *fence,
			   struct accel_fence_wait *wait, uint64_t value)
{
	SCOPED_LOCK(&fence->lock);

	if (fence->value >= value)
		return 1;
	if (fence->dead || value <= fence->failed || wait->forsaken ||
	    fence_is_forsaken_locked(fence))
		return -ECANCELED;
	if (!list_is_linked(&wait->item))
		list_add_tail(&fence->waits, &wait->item);
	return 0;
}

void accel_fence_wait_end(struct accel_fence_object *fence, struct accel_fence_wait *wait)
{
	SCOPED_LOCK(&fence->lock);

	if (list_is_linked(&wait->item))
		list_remove(&wait->item);
}
