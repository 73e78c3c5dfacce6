/* SPDX-License-Identifier: MIT */
#include "store/bank.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "store/bank_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

/* How much that is not wanted makes a turn due, and how many messages. */
#define BANK_UNWANTED 32
#define BANK_MESSAGES 128
#define BANK_FRACTION 4
/* What a turn needs of a queue that is full otherwise. */
#define BANK_ROOM 16384

static struct bank_queue *bank_queue_of(struct bank *bank, uint32_t slot)
{
	return &bank->queues[slot % bank->n_queues];
}

static int64_t bank_unwanted_locked(struct bank_queue *queue)
{
	ASSERT_LOCKED(&queue->lock);
	return queue->n_items - queue->n_wanted;
}

/* More messages than descriptors need. */
static bool bank_is_crowded_locked(struct bank_queue *queue)
{
	int64_t messages = BANK_MESSAGES + queue->n_items / 2;

	ASSERT_LOCKED(&queue->lock);
	return queue->n_messages > MIN(messages, queue->max_messages);
}

static bool bank_is_due_locked(struct bank_queue *queue)
{
	int64_t limit = BANK_UNWANTED + queue->n_wanted / BANK_FRACTION;

	return bank_unwanted_locked(queue) > limit || bank_is_crowded_locked(queue);
}

/* ---- put and drop ------------------------------------------------------------------ */

/* A queue that is not large keeps some room for a turn. */
static int bank_check_room(const struct bank *bank, const struct bank_queue *queue)
{
	int used;

	if (bank->max_in_flight &&
	    (uint64_t)atomic_load(&bank->in_flight) >= bank->max_in_flight)
		return -ETOOMANYREFS;
	if (!queue->room)
		return 0;
	if (ioctl(queue->writer, SIOCOUTQ, &used) < 0)
		return -errno;
	return used + BANK_ROOM > queue->room ? -ENOBUFS : 0;
}

void bank_count_locked(struct bank *bank, struct bank_queue *queue, int messages,
		       int items)
{
	ASSERT_LOCKED(&queue->lock);
	queue->n_messages += messages;
	queue->n_items += items;
	atomic_fetch_add(&bank->in_flight, items);
}

static int bank_send_locked(struct bank *bank, struct bank_queue *queue,
			    const struct bank_item *first, const int *fds, unsigned n)
{
	struct bank_message message;
	int r;

	ASSERT_LOCKED(&queue->lock);
	r = bank_check_room(bank, queue);
	if (r < 0)
		return r;
	message.magic = BANK_MESSAGE_MAGIC;
	message.n_items = n;
	message.mark = 0;
	for (unsigned i = 0; i < n; i++)
		message.items[i] = (struct bank_item){first->slot, first->generation,
						      first->part + i};
	r = bank_message_send(queue->writer, &message, fds);
	if (r == 0)
		bank_count_locked(bank, queue, 1, (int)n);
	CRASH_POINT("bank-put");
	return r == -EAGAIN ? -ENOBUFS : r;
}

static void bank_want_locked(struct bank *bank, struct bank_queue *queue, uint32_t slot,
			     struct bank_slot wanted)
{
	ASSERT_LOCKED(&queue->lock);
	queue->n_wanted += (int64_t)wanted.n_parts - bank->slots[slot].n_parts;
	bank->slots[slot] = wanted;
}

static bool bank_is_valid(const struct bank *bank, uint32_t slot, uint32_t generation,
			  unsigned n)
{
	return slot < bank->n_slots && generation && n > 0 && n <= BANK_PARTS_MAX;
}

int bank_put(struct bank *bank, uint32_t slot, uint32_t generation, const int *fds,
	     unsigned n)
{
	struct bank_queue *queue = bank_queue_of(bank, slot);
	int r = 0;

	if (!bank_is_valid(bank, slot, generation, n))
		return -EINVAL;
	SCOPED_LOCK(&queue->lock);
	for (unsigned part = 0; r == 0 && part < n; part += BANK_MESSAGE_MAX) {
		const struct bank_item first = {slot, generation, part};

		r = bank_send_locked(bank, queue, &first, fds + part,
				     MIN(n - part, BANK_MESSAGE_MAX));
	}
	if (r < 0)
		return r;
	bank_want_locked(bank, queue, slot,
			 (struct bank_slot){generation, (uint16_t)n, (uint16_t)n});
	return bank_is_due_locked(queue);
}

bool bank_drop(struct bank *bank, uint32_t slot, uint32_t generation)
{
	struct bank_queue *queue = bank_queue_of(bank, slot);

	SCOPED_LOCK(&queue->lock);
	if (slot < bank->n_slots && bank->slots[slot].generation == generation)
		bank_want_locked(bank, queue, slot, (struct bank_slot){0});
	return bank_is_due_locked(queue);
}

uint64_t bank_unwanted(struct bank *bank)
{
	int64_t n = 0;

	for (unsigned i = 0; i < bank->n_queues; i++) {
		struct bank_queue *queue = &bank->queues[i];

		SCOPED_LOCK(&queue->lock);
		n += bank_unwanted_locked(queue);
	}
	return (uint64_t)n;
}

/* ---- turn -------------------------------------------------------------------------- */

static bool bank_is_due(struct bank_queue *queue)
{
	SCOPED_LOCK(&queue->lock);
	return bank_is_due_locked(queue);
}

static bool bank_is_crowded(struct bank_queue *queue)
{
	SCOPED_LOCK(&queue->lock);
	return bank_is_crowded_locked(queue);
}

static bool bank_has_unwanted(struct bank_queue *queue)
{
	SCOPED_LOCK(&queue->lock);
	return bank_unwanted_locked(queue) > 0;
}

static int64_t bank_count_messages(struct bank_queue *queue)
{
	SCOPED_LOCK(&queue->lock);
	return queue->n_messages;
}

/*
 * Once round at most: what is sent again comes behind what was there. A queue of too many
 * messages is turned as a whole, so that the next time is far away.
 */
static int bank_turn_queue(struct bank *bank, struct bank_queue *queue,
			   struct bank_fold *fold)
{
	bool whole = bank_is_crowded(queue);
	int64_t left = bank_count_messages(queue);

	while (left > 0 && (whole || bank_has_unwanted(queue))) {
		int n = bank_fold(bank, queue, fold, left);

		if (n <= 0)
			return n;
		left -= n;
	}
	return 0;
}

int bank_turn(struct bank *bank, bool all)
{
	_cleanup_free_ struct bank_fold *fold = calloc(1, sizeof(*fold));
	int r = 0;

	if (!fold)
		return -ENOMEM;
	for (unsigned i = 0; i < bank->n_queues; i++) {
		struct bank_queue *queue = &bank->queues[i];
		int failed = 0;

		pthread_mutex_lock(&queue->turning);
		if (bank_is_due(queue) || (all && bank_has_unwanted(queue)))
			failed = bank_turn_queue(bank, queue, fold);
		pthread_mutex_unlock(&queue->turning);
		r = r < 0 ? r : failed;
	}
	return r;
}

/* ---- takeover ---------------------------------------------------------------------- */

int bank_want(struct bank *bank, uint32_t slot, uint32_t generation, unsigned n)
{
	struct bank_queue *queue = bank_queue_of(bank, slot);

	if (!bank_is_valid(bank, slot, generation, n))
		return -EINVAL;
	SCOPED_LOCK(&queue->lock);
	bank_want_locked(bank, queue, slot,
			 (struct bank_slot){generation, (uint16_t)n, 0});
	return 0;
}

static int bank_send_mark(struct bank_queue *queue, uint64_t *ret_mark)
{
	struct bank_message message = {.magic = BANK_MESSAGE_MAGIC};
	int r;

	if (getrandom(&message.mark, sizeof(message.mark), 0) < 0)
		return -errno;
	r = bank_message_send(queue->writer, &message, NULL);
	if (r == 0)
		*ret_mark = message.mark;
	return r == -EAGAIN ? -ENOBUFS : r;
}

/* Up to a mark that is sent now: nothing in the queue is trusted to say where it ends. */
static int bank_rebuild_queue(struct bank *bank, struct bank_queue *queue,
			      struct bank_fold *fold)
{
	/* A kill can have left it elsewhere. While a predecessor runs it is not ours. */
	int r = bank_message_reset(queue->reader);

	if (r == 0)
		r = bank_send_mark(queue, &fold->mark);
	fold->found_mark = false;
	fold->n_small = 0;
	while (r >= 0 && !fold->found_mark) {
		r = bank_fold(bank, queue, fold, INT64_MAX);
		if (r == 0)
			r = -EPROTO;
	}
	return r < 0 ? r : 0;
}

static void bank_forget_kept(struct bank *bank)
{
	for (unsigned i = 0; i < bank->n_queues; i++) {
		bank->queues[i].n_messages = 0;
		bank->queues[i].n_items = 0;
	}
	for (uint32_t slot = 0; slot < bank->n_slots; slot++)
		if (bank->slots[slot].n_kept)
			bank->slots[slot].n_kept = 0;
	atomic_store(&bank->in_flight, 0);
}

static size_t bank_count_wanted(const struct bank *bank)
{
	size_t n = 0;

	for (unsigned i = 0; i < bank->n_queues; i++)
		n += (size_t)bank->queues[i].n_wanted;
	return n;
}

int bank_rebuild(struct bank *bank, struct bank_report *ret_report)
{
	_cleanup_free_ struct bank_fold *fold = calloc(1, sizeof(*fold));
	struct uniques seen = {0};
	int r = 0;

	if (!fold || uniques_reserve(&seen, bank_count_wanted(bank)) < 0)
		return -ENOMEM;
	bank_forget_kept(bank);
	fold->seen = &seen;
	for (unsigned i = 0; r == 0 && i < bank->n_queues; i++)
		r = bank_rebuild_queue(bank, &bank->queues[i], fold);
	if (r == 0)
		*ret_report = fold->report;
	uniques_finish(&seen);
	return r;
}

unsigned bank_missing(struct bank *bank, uint32_t slot)
{
	struct bank_queue *queue = bank_queue_of(bank, slot);

	SCOPED_LOCK(&queue->lock);
	return slot < bank->n_slots
		       ? (unsigned)bank->slots[slot].n_parts - bank->slots[slot].n_kept
		       : 0;
}
