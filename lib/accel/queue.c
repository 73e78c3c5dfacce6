/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asid.h"
#include "context.h"
#include "device.h"
#include "fence.h"
#include "guard.h"
#include "info.h"
#include "locked.h"
#include "ring.h"
#include "set.h"
#include "share.h"
#include "util.h"

static const struct accel_backend *queue_backend_of(const struct accel_queue *queue)
{
	return queue->context->device->backend;
}

/* ---- life -------------------------------------------------------------------------- */

/* A queue, and its ring's descriptor. */
static int queue_charge(struct accel_payer *payer)
{
	int r = accel_payer_charge(payer, ACCEL_RES_QUEUES, 1);

	if (r < 0)
		return r;
	r = accel_payer_charge(payer, ACCEL_RES_FILES, 1);
	if (r < 0)
		accel_payer_uncharge(payer, ACCEL_RES_QUEUES, 1);
	return r;
}

static void queue_uncharge(struct accel_payer *payer)
{
	accel_payer_uncharge(payer, ACCEL_RES_FILES, 1);
	accel_payer_uncharge(payer, ACCEL_RES_QUEUES, 1);
}

/* What its engine does not need to stop, and what it is charged for. */
static void queue_release(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;
	struct accel_asid *asids[ACCEL_QUEUE_MAX_ASIDS];
	struct accel_set *set;
	unsigned n;

	pthread_mutex_lock(&queue->lock);
	set = queue->set;
	queue->set = NULL;
	n = queue->n_asids;
	for (unsigned i = 0; i < n; i++) {
		asids[i] = queue->asids[i].asid;
		accel_record_drop(device, queue->asids[i].record);
	}
	queue->n_asids = 0;
	if (queue->ring_fd >= 0)
		close(queue->ring_fd);
	queue->ring_fd = -1;
	pthread_mutex_unlock(&queue->lock);
	for (unsigned i = 0; i < n; i++)
		accel_asid_unref(asids[i]);
	if (set) {
		accel_set_unguard(set);
		accel_base_unref(&set->base);
	}
	queue_uncharge(queue->payer);
}

static void queue_free(struct accel_base *base)
{
	struct accel_queue *queue = accel_queue_of(base);

	accel_ring_finish(queue);
	/* Not before: its engine stores in it. */
	accel_record_drop(queue->context->device, queue->base.record);
	accel_payer_unref(queue->payer);
	accel_context_unref(queue->context);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

void accel_queue_close(struct accel_queue *queue)
{
	bool unstarted;

	pthread_mutex_lock(&queue->lock);
	queue->state = ACCEL_QUEUE_DEAD;
	unstarted = accel_share_give(queue);
	if (queue->engine)
		queue_backend_of(queue)->queue_stop(queue->engine);
	pthread_mutex_unlock(&queue->lock);
	accel_fence_forsake(queue->context, &queue->base, true);
	queue_release(queue);
	if (unstarted)
		accel_queue_stopped(queue);
}

static void queue_leave(struct accel_base *base, struct accel_context *context,
			uint32_t id)
{
	accel_queue_close(accel_queue_of(base));
}

static bool queue_is_running(const struct accel_base *base)
{
	return accel_queue_is_running((const struct accel_queue *)base);
}

static const struct accel_base_ops queue_ops = {
	.type = ACCEL_TYPE_QUEUE,
	.leave = queue_leave,
	.is_running = queue_is_running,
	.free = queue_free,
};

static int queue_check_create(const struct accel_queue_create *arg)
{
	int r = accel_check_flags(arg->flags, ACCEL_QUEUE_USER);

	if (r < 0)
		return r;
	if (arg->reserved || arg->entries < ACCEL_RING_MIN ||
	    arg->entries > ACCEL_RING_MAX || arg->entries & (arg->entries - 1))
		return -EINVAL;
	return 0;
}

void accel_queue_save_locked(struct accel_queue *queue, enum accel_queue_state state)
{
	struct accel_record *record = queue->base.record;

	ASSERT_LOCKED(&queue->lock);
	if (!record)
		return;
	record->queue.faults = (uint8_t)queue->fault.count;
	ACCEL_RECORD_STORE(record, queue.state, (uint8_t)state);
	/* After a kill in between, commands were fetched that were not completed. */
	ACCEL_RECORD_STORE(record, queue.tail, queue->tail);
	ACCEL_RECORD_STORE(record, queue.head, queue->head);
	ACCEL_RECORD_STORE(record, queue.completed, queue->completed);
}

static int queue_make_record(struct accel_queue *queue, const struct accel_set *set)
{
	struct accel_device *device = queue->context->device;
	struct accel_record *record;
	int r = accel_record_make(device, ACCEL_RECORD_QUEUE, &record);

	if (r < 0 || !record)
		return r;
	record->queue.flags = (uint8_t)queue->flags;
	record->queue.order = (uint8_t)__builtin_ctz(queue->entries);
	record->queue.set = set ? accel_record_number(set->base.record) : 0;
	r = accel_record_put_files(device, record, &queue->ring_fd, 1);
	if (r < 0)
		accel_record_drop(device, record);
	else
		queue->base.record = record;
	return r;
}

static int queue_make_ring(struct accel_queue *queue, const struct accel_set *set)
{
	int r = accel_ring_init(queue);

	return r < 0 ? r : queue_make_record(queue, set);
}

void accel_queue_set_guard(struct accel_queue *queue, struct accel_set *set)
{
	if (!set)
		return;
	accel_base_ref(&set->base);
	queue->set = set;
	queue->set_id = set->id;
	accel_set_guard(set);
}

int accel_queue_make_bare(struct accel_context *context,
			  const struct accel_queue_create *arg,
			  struct accel_queue **ret_queue)
{
	struct accel_queue *queue;
	int r = queue_charge(context->payer);

	if (r < 0)
		return r;
	queue = calloc(1, sizeof(*queue));
	if (!queue) {
		queue_uncharge(context->payer);
		return -ENOMEM;
	}
	accel_base_init(&queue->base, &queue_ops);
	queue->context = accel_context_ref(context);
	queue->payer = accel_payer_ref(context->payer);
	queue->flags = arg->flags;
	queue->entries = arg->entries;
	queue->ring_fd = -1;
	pthread_mutex_init(&queue->lock, NULL);
	*ret_queue = queue;
	return 0;
}

void accel_queue_unmake(struct accel_queue *queue)
{
	queue_release(queue);
	accel_base_unref(&queue->base);
}

/* Without its engine. */
static int queue_make(struct accel_context *context, const struct accel_queue_create *arg,
		      struct accel_set *set, struct accel_queue **ret_queue)
{
	struct accel_queue *queue;
	int r = accel_queue_make_bare(context, arg, &queue);

	if (r < 0)
		return r;
	queue->id = accel_context_new_id(context);
	r = queue->id ? queue_make_ring(queue, set) : -ENOSPC;
	if (r < 0) {
		accel_queue_unmake(queue);
		return r;
	}
	accel_queue_set_guard(queue, set);
	*ret_queue = queue;
	return 0;
}

/* Locked, so that an engine that stops at once finds its pointer in place. */
static int queue_start_engine_locked(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;

	ASSERT_LOCKED(&queue->lock);
	return device->backend->queue_start(device->private, queue, &queue->engine);
}

int accel_queue_start(struct accel_queue *queue)
{
	bool wait;
	int r = accel_share_take(queue, &wait);

	if (r < 0)
		return r;
	accel_base_ref(&queue->base);
	if (wait)
		return 0;
	pthread_mutex_lock(&queue->lock);
	r = queue_start_engine_locked(queue);
	if (r < 0)
		accel_share_fail(queue);
	pthread_mutex_unlock(&queue->lock);
	return r;
}

static int queue_make_and_start(struct accel_context *context,
				struct accel_queue_create *arg, struct accel_set *set)
{
	struct accel_queue *queue;
	int r = queue_make(context, arg, set, &queue);

	if (r < 0)
		return r;
	r = accel_queue_start(queue);
	if (r == 0)
		r = accel_context_add(context, &queue->base, queue->id, &arg->id);
	if (r < 0) {
		accel_queue_close(queue);
		accel_base_unref(&queue->base);
	}
	return r;
}

int accel_queue_create(struct accel_context *context, struct accel_queue_create *arg)
{
	_cleanup_unref_ struct accel_set *set = NULL;
	int r = queue_check_create(arg);

	if (r == 0 && arg->set)
		r = accel_set_get(context, arg->set, &set);
	return r < 0 ? r : queue_make_and_start(context, arg, set);
}

/*
 * For a queue that waited, so no caller can be notified if it fails. True: it was
 * destroyed meanwhile, by a call that expects an engine to end it.
 */
static bool queue_start_late(struct accel_queue *queue)
{
	bool dead;

	pthread_mutex_lock(&queue->lock);
	dead = accel_queue_state(queue) == ACCEL_QUEUE_DEAD;
	if (!dead && queue_start_engine_locked(queue) < 0) {
		accel_share_fail(queue);
		queue->fault.reason = ACCEL_FAULT_DEVICE;
		queue->state = ACCEL_QUEUE_ISOLATED;
		accel_queue_save_locked(queue, ACCEL_QUEUE_ISOLATED);
		accel_ring_publish_state(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	if (!dead && accel_queue_state(queue) == ACCEL_QUEUE_ISOLATED) {
		accel_fence_forsake(queue->context, &queue->base, false);
		accel_queue_cancel_waiting(queue);
	}
	return dead;
}

/* Drops the engine's reference. */
static void queue_end(struct accel_queue *queue)
{
	accel_queue_cancel_waiting(queue);
	/* Only now: a client that sees the state DEAD may reuse its memory. */
	pthread_mutex_lock(&queue->lock);
	queue->engine = NULL;
	accel_ring_publish_state(queue);
	pthread_mutex_unlock(&queue->lock);
	accel_share_stopped(queue);
	accel_base_unref(&queue->base);
}

static void queue_start_waiting(struct accel_device *device, uint64_t user)
{
	struct accel_queue *next;

	while ((next = accel_share_pop(device, user))) {
		if (queue_start_late(next)) {
			queue_end(next);
			accel_device_give_engine(device);
		}
		accel_base_unref(&next->base);
	}
}

void accel_queue_stopped(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;
	uint64_t user = queue->payer->owner.user;

	/* The queue first: once no engine of the device is left, all memory is free. */
	queue_end(queue);
	queue_start_waiting(device, user);
	accel_device_give_engine(device);
}

int accel_queue_destroy(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	struct accel_handle *handle;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	pthread_mutex_lock(&context->lock);
	handle = accel_context_find_locked(context, ACCEL_TYPE_QUEUE, arg->id);
	if (handle) {
		base = accel_context_remove_locked(context, handle);
		accel_queue_release_asids_locked(context, accel_queue_of(base));
	}
	pthread_mutex_unlock(&context->lock);
	if (!base)
		return -ENOENT;
	accel_queue_close(accel_queue_of(base));
	return 0;
}

/* ---- for the engine ---------------------------------------------------------------- */

static void queue_stop_at_locked(struct accel_queue *queue,
				 const struct accel_fault *fault)
{
	uint32_t count = queue->fault.count + 1;

	ASSERT_LOCKED(&queue->lock);
	queue->fault = *fault;
	queue->fault.count = count;
	queue->state = count < ACCEL_QUEUE_MAX_FAULTS ? ACCEL_QUEUE_FAULTED
						      : ACCEL_QUEUE_ISOLATED;
	accel_queue_save_locked(queue, accel_queue_state(queue));
	accel_ring_publish_state(queue);
}

void accel_queue_fault(struct accel_queue *queue, const struct accel_fault *fault)
{
	const struct accel_event event = {
		.type = ACCEL_EVENT_FAULT,
		.object = queue->id,
		.set = queue->set_id,
		.asid = fault->asid,
		.reason = fault->reason,
		.value = fault->index,
		.address = fault->address,
	};
	bool stopped = false;

	pthread_mutex_lock(&queue->lock);
	/* A queue that was destroyed meanwhile reports no fault. */
	if (accel_queue_state(queue) == ACCEL_QUEUE_RUNNING) {
		queue_stop_at_locked(queue, fault);
		stopped = true;
	}
	pthread_mutex_unlock(&queue->lock);
	if (!stopped)
		return;
	accel_events_post(&queue->context->events, &event);
	accel_fence_forsake(queue->context, &queue->base, false);
	accel_queue_cancel_waiting(queue);
}

void accel_queue_notify(struct accel_queue *queue, uint64_t index)
{
	const struct accel_event event = {
		.type = ACCEL_EVENT_COMPLETED,
		.object = queue->id,
		.value = index,
	};

	accel_events_post(&queue->context->events, &event);
}

/* ---- calls ------------------------------------------------------------------------- */

static struct accel_queue *queue_get(struct accel_context *context, uint32_t id)
{
	return accel_queue_of(accel_context_get(context, ACCEL_TYPE_QUEUE, id));
}

static int queue_check_submit(const struct accel_queue_submit *arg)
{
	int r = accel_check_flags(arg->flags, 0);

	if (r == 0 && (arg->count == 0 || arg->count > ACCEL_SUBMIT_MAX))
		r = -EINVAL;
	return r;
}

static int queue_put_batch(struct accel_queue *queue, struct accel_queue_submit *arg)
{
	SCOPED_LOCK(&queue->lock);
	uint64_t tail = queue->tail;

	if (queue->flags & ACCEL_QUEUE_USER)
		return -EOPNOTSUPP;
	if (accel_queue_state(queue) == ACCEL_QUEUE_DEAD)
		return -ENODEV;
	if (accel_queue_state(queue) != ACCEL_QUEUE_RUNNING)
		return queue->fault.reason == ACCEL_FAULT_OWNER ? -EOWNERDEAD : -EIO;
	if (arg->count > queue->entries)
		return -EINVAL;
	if (tail - queue->head > queue->entries - arg->count)
		return -EAGAIN;
	for (uint32_t i = 0; i < arg->count; i++)
		queue->slots[(tail + i) & (queue->entries - 1)] = arg->commands[i];
	/* Before the engine sees them. */
	ACCEL_RECORD_STORE(queue->base.record, queue.tail, tail + arg->count);
	queue->tail = tail + arg->count;
	arg->index = tail;
	if (queue->engine)
		queue_backend_of(queue)->queue_kick(queue->engine);
	return 0;
}

int accel_queue_submit(struct accel_context *context, struct accel_queue_submit *arg)
{
	_cleanup_unref_ struct accel_queue *queue = NULL;
	int r = queue_check_submit(arg);

	if (r < 0)
		return r;
	queue = queue_get(context, arg->queue);
	if (!queue)
		return -ENOENT;
	if (!(queue->flags & ACCEL_QUEUE_USER))
		accel_queue_promise(queue, arg->commands, arg->count);
	return queue_put_batch(queue, arg);
}

/* The tail is untrusted: whatever it is, the queue goes on from there. */
static void queue_read_tail(void *arg)
{
	struct accel_queue *queue = arg;

	queue->tail = __atomic_load_n(&queue->ring->tail, __ATOMIC_ACQUIRE);
}

/* The engine has stopped, and reads nothing before the state is RUNNING. */
static int queue_reset(struct accel_queue *queue)
{
	SCOPED_LOCK(&queue->lock);

	switch (accel_queue_state(queue)) {
	case ACCEL_QUEUE_RUNNING:
		return -EINVAL;
	case ACCEL_QUEUE_ISOLATED:
		return -EIO;
	case ACCEL_QUEUE_DEAD:
		return -ENODEV;
	}
	if (queue->flags & ACCEL_QUEUE_USER &&
	    accel_guard_call(queue_read_tail, queue) < 0)
		return -EIO;
	queue->dropped_first = queue->completed;
	queue->dropped_end = queue->tail;
	queue->head = queue->tail;
	queue->completed = queue->tail;
	accel_queue_save_locked(queue, ACCEL_QUEUE_RUNNING);
	queue->state = ACCEL_QUEUE_RUNNING;
	accel_ring_publish_state(queue);
	if (queue->engine)
		queue_backend_of(queue)->queue_kick(queue->engine);
	return 0;
}

int accel_queue_reset(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_queue *queue = NULL;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	queue = queue_get(context, arg->id);
	if (!queue)
		return -ENOENT;
	/* What was submitted since the fault. */
	accel_queue_cancel_waiting(queue);
	return queue_reset(queue);
}

/* Of the first version of struct accel_queue_info. */
#define INFO_MIN_SIZE 72

static void queue_fill_info(struct accel_queue *queue, struct accel_queue_info *info)
{
	SCOPED_LOCK(&queue->lock);

	info->flags = queue->flags;
	info->state = accel_queue_state(queue);
	info->entries = queue->entries;
	info->attached = queue->n_asids;
	info->submitted = queue->flags & ACCEL_QUEUE_USER ? queue->head : queue->tail;
	info->completed = queue->completed;
	info->fault = queue->fault;
}

int accel_queue_get_info(struct accel_context *context, struct accel_queue_info *arg)
{
	_cleanup_unref_ struct accel_queue *queue = NULL;
	struct accel_queue_info info;
	int r = accel_info_take(arg, INFO_MIN_SIZE, &info, sizeof(info));

	if (r < 0)
		return r;
	queue = queue_get(context, info.id);
	if (!queue)
		return -ENOENT;
	queue_fill_info(queue, &info);
	accel_info_give(&info, sizeof(info), arg);
	return 0;
}

int accel_queue_open_ring(struct accel_context *context, uint32_t id, int *ret_fd)
{
	_cleanup_unref_ struct accel_queue *queue = queue_get(context, id);
	int fd;

	if (!queue)
		return -ENOENT;
	SCOPED_LOCK(&queue->lock);
	if (queue->ring_fd < 0)
		return -ENOENT; /* destroyed meanwhile */
	fd = fcntl(queue->ring_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
