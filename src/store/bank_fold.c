/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "store/bank_private.h"
#include "locked.h"
#include "util.h"

static void bank_fold_reset(struct bank_fold *fold)
{
	fold->n_messages = fold->n_gone = 0;
	fold->n_items = 0;
	fold->page.magic = BANK_MESSAGE_MAGIC;
	fold->page.n_items = 0;
}

static bool bank_fold_has_room(const struct bank_fold *fold, int64_t max)
{
	return fold->n_messages < MIN(max, (int64_t)BANK_FOLD_MESSAGES) &&
	       fold->page.n_items < BANK_FOLD_ITEMS && fold->n_gone < BANK_FOLD_ITEMS;
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

/* Adds the message to the page, but for what is not wanted. */
static void bank_fold_add(struct bank *bank, struct bank_queue *queue,
			  struct bank_fold *fold)
{
	SCOPED_LOCK(&queue->lock);
	for (unsigned i = 0; i < fold->next.n_items; i++) {
		const struct bank_item *item = &fold->next.items[i];

		if (bank_fold_keeps_locked(bank, queue, fold, item)) {
			fold->fds[fold->page.n_items] = fold->next_fds[i];
			fold->page.items[fold->page.n_items++] = *item;
		} else {
			bank_fold_remove(fold, item, fold->next_fds[i]);
		}
	}
	fold->n_messages++;
	fold->n_items += (int)fold->next.n_items;
}

/* ---- look at the messages ---------------------------------------------------------- */

/* A damaged one is removed by a step of its own: the place of the next one is not known.
 */
static void bank_fold_damaged(struct bank_fold *fold, unsigned n)
{
	static const struct bank_item none = {.slot = BANK_NO_SLOT};

	if (fold->n_messages > 0) {
		bank_close_all(fold->next_fds, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		bank_fold_remove(fold, &none, fold->next_fds[i]);
	fold->report.damaged++;
	fold->n_messages = 1;
}

/* True: that was the last one. */
static bool bank_fold_mark(struct bank_fold *fold)
{
	fold->n_messages++;
	fold->found_mark |= fold->seen && fold->next.mark == fold->mark;
	return fold->found_mark;
}

/* 0; 1: the step has all that it can have; -errno. */
static int bank_fold_next(struct bank *bank, struct bank_queue *queue,
			  struct bank_fold *fold)
{
	unsigned n = 0;
	int r = bank_message_peek(queue->reader, &fold->next, fold->next_fds, &n);

	if (r == -ENOMSG || (r == -EMFILE && fold->n_messages > 0))
		return 1;
	if (r == -EBADMSG) {
		bank_fold_damaged(fold, n);
		return 1;
	}
	if (r < 0)
		return r;
	if (n == 0)
		return bank_fold_mark(fold);
	if (fold->page.n_items + n > BANK_MESSAGE_MAX) {
		bank_close_all(fold->next_fds, n);
		return 1;
	}
	bank_fold_add(bank, queue, fold);
	return 0;
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
	int r = 0;

	for (unsigned i = 0; r == 0 && i < fold->n_messages; i++)
		r = bank_message_drop(queue->reader);
	SCOPED_LOCK(&queue->lock);
	if (!fold->seen)
		bank_count_locked(bank, queue, -(int)fold->n_messages, -fold->n_items);
	return r;
}

int bank_fold(struct bank *bank, struct bank_queue *queue, struct bank_fold *fold,
	      int64_t max)
{
	int r = bank_message_rewind(queue->reader);

	bank_fold_reset(fold);
	while (r == 0 && bank_fold_has_room(fold, max))
		r = bank_fold_next(bank, queue, fold);
	if (r >= 0)
		r = bank_fold_send(bank, queue, fold);
	if (r == 0)
		r = bank_fold_drop(bank, queue, fold);
	if (r < 0) {
		bank_fold_close(fold);
		return r;
	}
	bank_fold_hand_over(bank, fold);
	return (int)fold->n_messages;
}
