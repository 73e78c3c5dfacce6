/* SPDX-License-Identifier: MIT */
/* event_record.c - records in the page of an interprocess event, and waits for them */
#include <linux/futex.h>
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "event_page_private.h"

#define SLICE_NS      20000000   /* between two checks that a recorder is alive */
#define RECORD_TRIES  (1U << 16) /* well-behaved processes do not win that many races */
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

/* How much newer than @number the claim's record is, from the lower half of numbers. */
static int32_t event_record_claim_distance(uint64_t claim, uint64_t number)
{
	return (int32_t)((uint32_t)(claim >> RECORDER_BITS) - (uint32_t)number);
}

/*
 * Advances @recorded from @last to the next number, which belongs to the process that
 * claims it first. True: this process claimed it.
 *
 * The claim must be loaded before @recorded is compared. Claims of a slot only become
 * newer, and one newer than last + 1 exists only once @recorded is beyond last. So if
 * @recorded still equals @last, the loaded claim is older than last + 1 or equal to it,
 * and the exchange fails if it has changed since. If it were loaded after the comparison,
 * it could be the claim of a later record, be mistaken for an old one, and be
 * overwritten.
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
 * Never takes a number that a stream of this process may be waiting for, which would
 * make it wait for itself. That can happen only if another process sets the numbers back.
 */
static int event_record_take_number_locked(struct shared_event *event,
					   uint64_t *ret_number)
{
	ASSERT_LOCKED(&event->lock);
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
	r = event_record_take_number_locked(event, &record->number);
	if (r == 0)
		list_add_head(&event->records, &record->link);
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

/*
 * No lost wake-up: a waiter that missed the change of the slot has either incremented
 * @waiters before it is read here, or finds @changes different.
 */
static void event_record_notify(struct event_page *page)
{
	__atomic_fetch_add(&page->changes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->waiters, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &page->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* After @reached or @failed has its result. */
static void event_record_unlink(struct shared_event *event, struct event_record *record)
{
	pthread_mutex_lock(&event->lock);
	list_remove(&record->link);
	pthread_mutex_unlock(&event->lock);
}

void event_page_reach(struct shared_event *event, struct event_record *record)
{
	uint64_t number = record->number;

	event_record_raise_to(&event->reached[number % EVENT_PAGE_SLOTS], number);
	event_record_raise_to(&event_record_slot_of(event, number)->reached, number);
	event_record_unlink(event, record);
	event_record_notify(event->page);
}

void event_page_fail(struct shared_event *event, struct event_record *record)
{
	uint64_t number = record->number;

	event_record_raise_to(&event->failed[number % EVENT_PAGE_SLOTS], number);
	event_record_raise_to(&event_record_slot_of(event, number)->failed, number);
	event_record_unlink(event, record);
	event_record_notify(event->page);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Whether it is an outstanding record of this process. The list is sorted by number. */
static bool event_record_is_outstanding(struct shared_event *event, uint64_t number)
{
	const struct event_record *record;
	bool found;

	pthread_mutex_lock(&event->lock);
	list_for_each(record, &event->records, link)
		if (record->number <= number)
			break;
	found = record && record->number == number;
	pthread_mutex_unlock(&event->lock);
	return found;
}

/* Whether this process's data or the page has @number or a newer one. */
static bool event_record_is_at(const uint64_t *ours, const uint64_t *theirs,
			       uint64_t number)
{
	return __atomic_load_n(ours, __ATOMIC_SEQ_CST) >= number ||
	       __atomic_load_n(theirs, __ATOMIC_SEQ_CST) >= number;
}

/* The result of a record that is not outstanding here; -EAGAIN: none yet. */
static int event_record_look_at_end(const struct shared_event *event, uint64_t number)
{
	const struct event_slot *slot = event_record_slot_of(event, number);
	size_t i = number % EVENT_PAGE_SLOTS;

	/* Exactly this record, even if newer ones were reached since; 0 means unused. */
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
 * As event_page_query(), but -EAGAIN is provisional: the caller checks that the recorder
 * in *@ret_claim is alive. Outstanding records of this process are found first, and then
 * the page does not count. A record leaves that list after its result is visible.
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
		/* The claim is written before the number becomes visible. */
		if (!(uint32_t)claim || event_record_claim_distance(claim, number) < 0)
			return -EOWNERDEAD;
	}
	*ret_claim = claim;
	return -EAGAIN;
}

/* A claim in this process's name is genuine only if the record is outstanding here. */
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
	/* It may have reached the record just before it died; or a newer claim was made.
	 */
	r = event_record_look(event, number, &claim);
	return r == -EAGAIN && !event_record_is_alive(event, claim, number) ? -EOWNERDEAD
									    : r;
}

/* Sleeps for one slice, or until the page changes. */
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
