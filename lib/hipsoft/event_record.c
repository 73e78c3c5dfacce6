/* SPDX-License-Identifier: MIT */
/* event_record.c - records in a page, and waiting for them */
#include <linux/futex.h>
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "event_page_private.h"

#define SLICE_NS      20000000   /* between two looks at whether a recorder is alive */
#define RECORD_TRIES  (1U << 16) /* others can be faster as often, but not honest ones */
#define RECORDER_BITS 32

/* ---- records ----------------------------------------------------------------------- */

static struct event_slot *event_record_slot_of(const struct shared_event *event,
					       uint64_t number)
{
	return &event->page->slots[number % EVENT_PAGE_SLOTS];
}

static uint64_t event_record_make_claim(uint64_t number, uint32_t recorder)
{
	return number << RECORDER_BITS | recorder;
}

/* How much the claim's record is newer than @number: half of one is kept. */
static int32_t event_record_claim_distance(uint64_t claim, uint64_t number)
{
	return (int32_t)((uint32_t)(claim >> RECORDER_BITS) - (uint32_t)number);
}

/*
 * From @last on to the next, whoever claims it first. True: it is ours.
 *
 * The claim is loaded before @recorded is compared. A slot's claim only grows newer, and
 * one newer than last + 1 is made when @recorded is beyond that; so if @recorded is still
 * @last, what was loaded before is an older one or that of last + 1, and the exchange
 * fails if it is not there any more. Loaded after it, it could be the claim of a later
 * record, which would be taken for an old one, and overwritten.
 */
static bool event_record_claim_after(struct shared_event *event, uint64_t last)
{
	struct event_page *page = event->page;
	struct event_slot *slot = event_record_slot_of(event, last + 1);
	uint64_t claim = __atomic_load_n(&slot->claim, __ATOMIC_ACQUIRE);
	bool is_ours = false;

	if (__atomic_load_n(&page->recorded, __ATOMIC_ACQUIRE) != last)
		return false;
	if (!(uint32_t)claim || event_record_claim_distance(claim, last + 1) != 0) {
		is_ours = __atomic_compare_exchange_n(
			&slot->claim, &claim,
			event_record_make_claim(last + 1, event->recorder), false,
			__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		if (!is_ours)
			return false;
	}
	(void)__atomic_compare_exchange_n(&page->recorded, &last, last + 1, false,
					  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return is_ours;
}

static uint64_t event_record_read_last(const struct shared_event *event)
{
	return __atomic_load_n(&event->page->recorded, __ATOMIC_ACQUIRE);
}

/*
 * The lock is held. None that some stream of ours may be waiting for: it could wait for
 * itself. That happens only when somebody has set the numbers back.
 */
static int event_record_take_number(struct shared_event *event, uint64_t *ret_number)
{
	for (unsigned i = 0; i < RECORD_TRIES; i++) {
		uint64_t last = event_record_read_last(event);

		if (last == UINT64_MAX || last < event->seen)
			break;
		if (event_record_claim_after(event, last)) {
			event->seen = last + 1;
			*ret_number = last + 1;
			return 0;
		}
	}
	return -EIO;
}

int event_page_record(struct shared_event *event, struct event_record *record)
{
	int r;

	pthread_mutex_lock(&event->lock);
	r = event_record_take_number(event, &record->number);
	if (r == 0) {
		record->newer = NULL;
		record->older = event->newest;
		if (record->older)
			record->older->newer = record;
		event->newest = record;
	}
	pthread_mutex_unlock(&event->lock);
	return r;
}

uint64_t event_page_last(struct shared_event *event)
{
	uint64_t last = event_record_read_last(event);

	pthread_mutex_lock(&event->lock);
	if (last > event->seen)
		event->seen = last;
	pthread_mutex_unlock(&event->lock);
	return last;
}

/* ---- reaching ---------------------------------------------------------------------- */

static void event_record_raise_to(uint64_t *word, uint64_t number)
{
	uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (seen < number &&
	       !__atomic_compare_exchange_n(word, &seen, number, true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		continue;
}

/* A waiter sees the change of the slot, or we see him, or the futex has changed. */
static void event_record_tell(struct event_page *page)
{
	__atomic_fetch_add(&page->changes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->waiters, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &page->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* After @reached or @failed says what became of it. */
static void event_record_forget(struct shared_event *event, struct event_record *record)
{
	pthread_mutex_lock(&event->lock);
	if (record->older)
		record->older->newer = record->newer;
	*(record->newer ? &record->newer->older : &event->newest) = record->older;
	pthread_mutex_unlock(&event->lock);
}

void event_page_reach(struct shared_event *event, struct event_record *record)
{
	uint64_t number = record->number;

	event_record_raise_to(&event->reached[number % EVENT_PAGE_SLOTS], number);
	event_record_raise_to(&event_record_slot_of(event, number)->reached, number);
	event_record_forget(event, record);
	event_record_tell(event->page);
}

void event_page_fail(struct shared_event *event, struct event_record *record)
{
	uint64_t number = record->number;

	event_record_raise_to(&event->failed[number % EVENT_PAGE_SLOTS], number);
	event_record_raise_to(&event_record_slot_of(event, number)->failed, number);
	event_record_forget(event, record);
	event_record_tell(event->page);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Whether it is one of our own. They are in the order of their numbers. */
static bool event_record_is_outstanding(struct shared_event *event, uint64_t number)
{
	struct event_record *record;
	bool found;

	pthread_mutex_lock(&event->lock);
	record = event->newest;
	while (record && record->number > number)
		record = record->older;
	found = record && record->number == number;
	pthread_mutex_unlock(&event->lock);
	return found;
}

/* @ours or what stands in the page. */
static bool event_record_is_at(const uint64_t *ours, const uint64_t *theirs,
			       uint64_t number)
{
	return __atomic_load_n(ours, __ATOMIC_SEQ_CST) >= number ||
	       __atomic_load_n(theirs, __ATOMIC_SEQ_CST) >= number;
}

/* What can be seen of one that is not outstanding here; -EAGAIN: nothing. */
static int event_record_look_at_end(const struct shared_event *event, uint64_t number)
{
	const struct event_slot *slot = event_record_slot_of(event, number);
	size_t i = number % EVENT_PAGE_SLOTS;

	/* This very one, though newer ones may have been reached since; 0 is none. */
	if (number && (__atomic_load_n(&event->failed[i], __ATOMIC_SEQ_CST) == number ||
		       __atomic_load_n(&slot->failed, __ATOMIC_SEQ_CST) == number))
		return -EOWNERDEAD;
	if (event_record_is_at(&event->reached[i], &slot->reached, number))
		return 0;
	if (event_record_is_at(&event->failed[i], &slot->failed, number))
		return -EOWNERDEAD;
	return -EAGAIN;
}

/*
 * As event_page_query(), but that of -EAGAIN the one who made the claim has to be alive.
 * Whether it is our own comes first: then nothing else counts. Once it is not any more,
 * what became of it can be seen.
 */
static int event_record_look(struct shared_event *event, uint64_t number,
			     uint64_t *ret_claim)
{
	uint64_t claim = event_record_make_claim(number, event->recorder);
	int r;

	if (!event_record_is_outstanding(event, number)) {
		r = event_record_look_at_end(event, number);
		if (r != -EAGAIN)
			return r;
		claim = __atomic_load_n(&event_record_slot_of(event, number)->claim,
					__ATOMIC_ACQUIRE);
		/* It was there before the number could be seen. */
		if (!(uint32_t)claim || event_record_claim_distance(claim, number) < 0)
			return -EOWNERDEAD;
	}
	*ret_claim = claim;
	return -EAGAIN;
}

/* Of us it is known which records we have made: others in our name are forged. */
static bool event_record_is_alive(struct shared_event *event, uint64_t claim,
				  uint64_t number)
{
	if ((uint32_t)claim != event->recorder)
		return event_page_is_alive(event, (uint32_t)claim);
	return event_record_is_outstanding(
		event, number + (uint32_t)event_record_claim_distance(claim, number));
}

int event_page_query(struct shared_event *event, uint64_t number)
{
	uint64_t claim;
	int r = event_record_look(event, number, &claim);

	if (r != -EAGAIN || event_record_is_alive(event, claim, number))
		return r;
	/* His last deed may have been to reach it; or another one has recorded since. */
	r = event_record_look(event, number, &claim);
	return r == -EAGAIN && !event_record_is_alive(event, claim, number) ? -EOWNERDEAD
									    : r;
}

/* One slice of time, unless something changes. */
static void event_record_sleep_slice(struct shared_event *event, uint64_t number)
{
	const struct timespec slice = {.tv_nsec = SLICE_NS};
	struct event_page *page = event->page;
	uint64_t claim;
	uint32_t seen;

	__atomic_fetch_add(&page->waiters, 1, __ATOMIC_SEQ_CST);
	seen = __atomic_load_n(&page->changes, __ATOMIC_SEQ_CST);
	if (event_record_look(event, number, &claim) == -EAGAIN)
		syscall(SYS_futex, &page->changes, FUTEX_WAIT, seen, &slice, NULL, 0);
	__atomic_fetch_sub(&page->waiters, 1, __ATOMIC_SEQ_CST);
}

int event_page_wait(struct shared_event *event, uint64_t number)
{
	int r;

	while ((r = event_page_query(event, number)) == -EAGAIN)
		event_record_sleep_slice(event, number);
	return r;
}
