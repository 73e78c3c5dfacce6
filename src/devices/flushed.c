/* SPDX-License-Identifier: MIT */
#include "devices/flushed.h"

#include <errno.h>

#include "clock.h"
#include "locked.h"

void flushed_init(struct flushed *flushed)
{
	*flushed = (struct flushed){.lock = PTHREAD_MUTEX_INITIALIZER,
				    .changed = PTHREAD_COND_INITIALIZER};
	list_init(&flushed->notes);
	list_init(&flushed->waits);
}

void flushed_finish(struct flushed *flushed)
{
	pthread_cond_destroy(&flushed->changed);
	pthread_mutex_destroy(&flushed->lock);
}

static bool flushed_is_awaited(const struct flush_wait *wait,
			       const struct flush_note *note)
{
	return note->person == wait->person && note->number <= wait->last;
}

/* Nobody waits for it as it is now any more. */
static void flushed_settle_locked(struct flushed *flushed, const struct flush_note *note)
{
	struct flush_wait *wait;
	bool any = false;

	ASSERT_LOCKED(&flushed->lock);
	list_for_each(wait, &flushed->waits, item) {
		if (!flushed_is_awaited(wait, note))
			continue;
		wait->n_left--;
		any = true;
	}
	if (any)
		pthread_cond_broadcast(&flushed->changed);
}

static void flushed_remove_locked(struct flushed *flushed, struct flush_note *note)
{
	ASSERT_LOCKED(&flushed->lock);
	if (!list_is_linked(&note->item))
		return;
	flushed_settle_locked(flushed, note);
	list_remove(&note->item);
	flushed->n_notes--;
}

void flushed_add(struct flushed *flushed, struct flush_note *note)
{
	SCOPED_LOCK(&flushed->lock);

	/* It was open by another descriptor, then. */
	if (list_is_linked(&note->item))
		flushed_settle_locked(flushed, note);
	note->number = ++flushed->number;
	if (list_is_linked(&note->item))
		return;
	list_add_tail(&flushed->notes, &note->item);
	flushed->n_notes++;
}

void flushed_remove(struct flushed *flushed, struct flush_note *note)
{
	if (!flushed_any(flushed))
		return;
	SCOPED_LOCK(&flushed->lock);

	flushed_remove_locked(flushed, note);
}

/* ---- waits ------------------------------------------------------------------------- */

static size_t flushed_count_locked(struct flushed *flushed, const struct flush_wait *wait)
{
	struct flush_note *note;
	size_t n = 0;

	ASSERT_LOCKED(&flushed->lock);
	list_for_each(note, &flushed->notes, item)
		n += flushed_is_awaited(wait, note);
	return n;
}

void flushed_begin_wait(struct flushed *flushed, uid_t person, unsigned ms,
			struct flush_wait *ret_wait)
{
	SCOPED_LOCK(&flushed->lock);

	*ret_wait = (struct flush_wait){
		.person = person,
		.last = flushed->number,
		.deadline = deadline_ms(ms),
	};
	ret_wait->n_left = flushed_count_locked(flushed, ret_wait);
	ret_wait->n_seen = ret_wait->n_left;
	list_add_tail(&flushed->waits, &ret_wait->item);
}

void flushed_end_wait(struct flushed *flushed, struct flush_wait *wait)
{
	SCOPED_LOCK(&flushed->lock);

	list_remove(&wait->item);
}

static void flushed_give_up_locked(struct flushed *flushed, const struct flush_wait *wait)
{
	struct flush_note *note, *next;

	ASSERT_LOCKED(&flushed->lock);
	list_for_each_safe(note, next, &flushed->notes, item)
		if (flushed_is_awaited(wait, note))
			flushed_remove_locked(flushed, note);
}

bool flushed_wait(struct flushed *flushed, struct flush_wait *wait)
{
	SCOPED_LOCK(&flushed->lock);
	bool changed;
	int r = 0;

	while (wait->n_left && wait->n_left == wait->n_seen && !flushed->ending &&
	       r != ETIMEDOUT)
		r = pthread_cond_clockwait(&flushed->changed, &flushed->lock,
					   CLOCK_MONOTONIC, &wait->deadline);
	changed = wait->n_left != wait->n_seen;
	if (r == ETIMEDOUT)
		flushed_give_up_locked(flushed, wait);
	wait->n_seen = wait->n_left;
	return changed;
}

void flushed_end(struct flushed *flushed)
{
	SCOPED_LOCK(&flushed->lock);

	flushed->ending = true;
	pthread_cond_broadcast(&flushed->changed);
}
