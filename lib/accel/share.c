/* SPDX-License-Identifier: MIT */
#include "share.h"

#include <errno.h>
#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "locked.h"
#include "queue.h"
#include "util.h"

static struct accel_share *share_of(struct htab_node *node)
{
	return node ? container_of(node, struct accel_share, by_user) : NULL;
}

static int share_get_locked(struct accel_device *device, uint64_t user,
			    struct accel_share **ret_share)
{
	struct accel_share *share = share_of(htab_first(&device->shares, user));
	int r;

	ASSERT_LOCKED(&device->lock);
	if (!share) {
		share = calloc(1, sizeof(*share));
		if (!share)
			return -ENOMEM;
		list_init(&share->waiting);
		r = htab_insert(&device->shares, &share->by_user, user);
		if (r < 0) {
			free(share);
			return r;
		}
	}
	*ret_share = share;
	return 0;
}

static void share_drop_locked(struct accel_device *device, struct accel_share *share)
{
	ASSERT_LOCKED(&device->lock);
	if (share->queues || share->stopping)
		return;
	htab_remove(&device->shares, &share->by_user);
	free(share);
}

/* Of all users that hold queues now, and this one. At least 1. */
static unsigned share_fair_locked(struct accel_device *device,
				  const struct accel_share *share)
{
	unsigned users = share->queues == 0;
	struct htab_node *node;

	ASSERT_LOCKED(&device->lock);
	htab_for_each(node, &device->shares)
		users += share_of(node)->queues > 0;
	return MAX(device->params.queues / users, 1U);
}

static bool share_has_room_locked(struct accel_device *device,
				  const struct accel_share *share)
{
	uint32_t queues = device->params.queues;

	ASSERT_LOCKED(&device->lock);
	if (device->queues_used < queues)
		return true;
	return device->queues_used < 2 * queues && share->queues < ACCEL_FEW_QUEUES &&
	       share->queues < share_fair_locked(device, share);
}

static void share_add_locked(struct accel_device *device, struct accel_share *share,
			     struct accel_queue *queue)
{
	ASSERT_LOCKED(&device->lock);
	device->queues_used++;
	device->engines++;
	share->queues++;
	queue->share = share;
	queue->unstarted = share->stopping >= ACCEL_SHARE_MAX_STOPPING;
	if (queue->unstarted)
		list_add_tail(&share->waiting, &queue->of_share);
}

int accel_share_take(struct accel_queue *queue, bool *ret_wait)
{
	struct accel_device *device = queue->context->device;
	struct accel_share *share;
	int r;

	pthread_mutex_lock(&device->lock);
	r = share_get_locked(device, queue->payer->owner.user, &share);
	if (r == 0 && !share_has_room_locked(device, share)) {
		share_drop_locked(device, share);
		r = -EBUSY;
	}
	if (r == 0) {
		share_add_locked(device, share, queue);
		*ret_wait = queue->unstarted;
	}
	pthread_mutex_unlock(&device->lock);
	return r;
}

void accel_share_fail(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;

	pthread_mutex_lock(&device->lock);
	queue->unstarted = true;
	pthread_mutex_unlock(&device->lock);
}

static bool share_give_locked(struct accel_device *device, struct accel_queue *queue)
{
	ASSERT_LOCKED(&device->lock);
	if (!queue->share)
		return false;
	device->queues_used--;
	queue->share->queues--;
	queue->share->stopping++;
	if (list_is_linked(&queue->of_share))
		list_remove(&queue->of_share);
	return queue->unstarted;
}

bool accel_share_give(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;
	bool unstarted;

	pthread_mutex_lock(&device->lock);
	unstarted = share_give_locked(device, queue);
	pthread_mutex_unlock(&device->lock);
	return unstarted;
}

void accel_share_stopped(struct accel_queue *queue)
{
	struct accel_device *device = queue->context->device;

	pthread_mutex_lock(&device->lock);
	queue->share->stopping--;
	share_drop_locked(device, queue->share);
	pthread_mutex_unlock(&device->lock);
}

struct accel_queue *accel_share_pop(struct accel_device *device, uint64_t user)
{
	struct accel_queue *queue = NULL;
	struct accel_share *share;

	pthread_mutex_lock(&device->lock);
	share = share_of(htab_first(&device->shares, user));
	if (share && share->stopping < ACCEL_SHARE_MAX_STOPPING &&
	    !list_is_empty(&share->waiting)) {
		queue = container_of(list_pop(&share->waiting), struct accel_queue,
				     of_share);
		queue->unstarted = false;
		accel_base_ref(&queue->base);
	}
	pthread_mutex_unlock(&device->lock);
	return queue;
}
