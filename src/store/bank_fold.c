/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "store/bank_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

static void bank_fold_reset(struct bank_fold *fold)
{
	fold->n_messages = fold->n_gone = 0;
	fold->n_items = 0;
	fold->page.magic = BANK_MESSAGE_MAGIC;
	fold->page.n_items = 0;
}

/* ---- what is wanted ---------------------------------------------------------------- */

static bool bank_is_wanted_locked(const struct bank *bank, struct bank_queue *queue,
				  const struct bank_item *item)
{
	const struct bank_slot *slot;

	ASSERT_LOCKED(&queue->lock);
	if (item->slot >= bank->n_slots ||
	    &bank->queues[item->slot % bank->n_queues] != queue)
		return false;
	slot = &bank->slots[item->slot];
	return slot->generation == item->generation && item->part < slot->n_parts;
}

/* The first of its kind in a walk through all. */
static bool bank_fold_note_locked(struct bank *bank, struct bank_queue *queue,
				  struct bank_fold *fold, const struct bank_item *item)
{
	uint64_t key = ((uint64_t)item->slot << 32 | item->part) + 1;

	ASSERT_LOCKED(&queue->lock);
	if (!uniques_add(fold->seen, key, 0, 0)) {
		fold->report.doubled++;
		return false;
	}
	bank->slots[item->slot].n_kept++;
	fold->report.kept++;
	return true;
}

static bool bank_fold_keeps_locked(struct bank *bank, struct bank_queue *queue,
				   struct bank_fold *fold, const struct bank_item *item)
{
	bool wanted = bank_is_wanted_locked(bank, queue, item);

	if (wanted && fold->seen)
		return bank_fold_note_locked(bank, queue, fold, item);
	if (!wanted)
		fold->report.unwanted++;
	return wanted;
}

static void bank_fold_remove(struct bank_fold *fold, const struct bank_item *item, int fd)
{
	fold->gone[fold->n_gone] = *item;
	fold->gone_fds[fold->n_gone++] = fd;
}

/* Adds a message to the page, but for what is not wanted. */
static void bank_fold_add(struct bank *bank, struct bank_queue *queue,
			  struct bank_fold *fold, const struct bank_item *items,
			  const int *fds, unsigned n)
{
	SCOPED_LOCK(&queue->lock);
	for (unsigned i = 0; i < n; i++) {
		if (bank_fold_keeps_locked(bank, queue, fold, &items[i])) {
			fold->fds[fold->page.n_items] = fds[i];
			fold->page.items[fold->page.n_items++] = items[i];
		} else {
			bank_fold_remove(fold, &items[i], fds[i]);
		}
	}
	fold->n_messages++;
	fold->n_items += (int)n;
}

/* ---- look at the messages ---------------------------------------------------------- */

static void bank_fold_mark(struct bank_fold *fold, uint64_t mark)
{
	fold->n_messages++;
	fold->found_mark = fold->seen && mark == fold->mark;
}

static void bank_fold_batch(struct bank *bank, struct bank_queue *queue,
			    struct bank_fold *fold)
{
	const struct bank_batch *batch = &fold->batch;

	for (unsigned i = 0; i < batch->n; i++) {
		const struct bank_small *message = &batch->messages[i];

		/* What comes after the mark was sent by this walk. */
		if (fold->found_mark)
			bank_close_all(message->fds, message->n_items);
		else if (message->n_items == 0)
			bank_fold_mark(fold, message->mark);
		else
			bank_fold_add(bank, queue, fold, message->items, message->fds,
				      message->n_items);
	}
}

/*
 * Many small messages; none if the first one is not small. To look at a large one in vain
 * takes long, so there are few at first.
 */
static int bank_fold_small(struct bank *bank, struct bank_queue *queue,
			   struct bank_fold *fold, int64_t max)
{
	unsigned n = (unsigned)MIN(max, 4 * (int64_t)fold->n_small);
	int r = bank_message_peek_batch(queue->reader, n, &fold->batch);

	if (r < 0)
		return r;
	fold->n_small = fold->batch.stopped ? 0 : fold->batch.n;
	bank_fold_batch(bank, queue, fold);
	return 0;
}

static void bank_fold_damaged(struct bank_fold *fold, unsigned n)
{
	static const struct bank_item none = {.slot = BANK_NO_SLOT};

	for (unsigned i = 0; i < n; i++)
		bank_fold_remove(fold, &none, fold->next_fds[i]);
	fold->report.damaged++;
	fold->n_messages++;
}

/* One message of any size. After a small one the next step looks for more of them. */
static int bank_fold_any(struct bank *bank, struct bank_queue *queue,
			 struct bank_fold *fold)
{
	unsigned n = 0;
	int r = bank_message_peek(queue->reader, &fold->next, fold->next_fds, &n);

	if (r == -EBADMSG)
		bank_fold_damaged(fold, n);
	else if (r == 0 && n == 0)
		bank_fold_mark(fold, fold->next.mark);
	else if (r == 0)
		bank_fold_add(bank, queue, fold, fold->next.items, fold->next_fds, n);
	fold->n_small = n > 0 && n <= BANK_SMALL;
	return r == -EBADMSG || r == -ENOMSG ? 0 : r;
}

/* ---- a step ------------------------------------------------------------------------ */

static void bank_fold_close(struct bank_fold *fold)
{
	bank_close_all(fold->fds, fold->page.n_items);
	bank_close_all(fold->gone_fds, fold->n_gone);
}

static void bank_fold_hand_over(struct bank *bank, struct bank_fold *fold)
{
	for (unsigned i = 0; fold->seen && i < fold->page.n_items; i++)
		bank->ops->kept(&fold->page.items[i], fold->fds[i], bank->data);
	/* The queue has them, so none of these is the last of its file. */
	if (!fold->seen)
		bank_close_all(fold->fds, fold->page.n_items);
	for (unsigned i = 0; i < fold->n_gone; i++)
		bank->ops->dropped(&fold->gone[i], fold->gone_fds[i], bank->data);
}

static int bank_fold_send(struct bank *bank, struct bank_queue *queue,
			  struct bank_fold *fold)
{
	int r = 0;

	SCOPED_LOCK(&queue->lock);
	if (fold->page.n_items > 0)
		r = bank_message_send(queue->writer, &fold->page, fold->fds);
	if (r == 0 && fold->page.n_items > 0)
		bank_count_locked(bank, queue, 1, (int)fold->page.n_items);
	return r == -EAGAIN ? -ENOBUFS : r;
}

/* What a predecessor sent was not counted. */
static int bank_fold_drop(struct bank *bank, struct bank_queue *queue,
			  struct bank_fold *fold)
{
	int r = bank_message_drop(queue->reader, fold->n_messages);

	SCOPED_LOCK(&queue->lock);
	if (!fold->seen)
		bank_count_locked(bank, queue, -(int)fold->n_messages, -fold->n_items);
	return r;
}

int bank_fold(struct bank *bank, struct bank_queue *queue, struct bank_fold *fold,
	      int64_t max)
{
	int r = 0;

	bank_fold_reset(fold);
	if (fold->n_small > 0)
		r = bank_fold_small(bank, queue, fold, max);
	if (r == 0 && fold->n_messages == 0)
		r = bank_fold_any(bank, queue, fold);
	CRASH_POINT("bank-turn-looked");
	if (r == 0)
		r = bank_fold_send(bank, queue, fold);
	CRASH_POINT("bank-turn-sent");
	if (r == 0)
		r = bank_fold_drop(bank, queue, fold);
	CRASH_POINT("bank-turn-dropped");
	if (r < 0) {
		bank_fold_close(fold);
		return r;
	}
	bank_fold_hand_over(bank, fold);
	return (int)fold->n_messages;
}
