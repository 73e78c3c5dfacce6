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
#define RECORD_TRIES  (1U << 20) /* others can be faster as often, but not honest ones */
#define RECORDER_BITS 32

/* ---- records ----------------------------------------------------------------------- */

static struct event_slot *slot_of(const struct shared_event *event, uint64_t number)
{
	return &event->page->slots[number % EVENT_PAGE_SLOTS];
}

static uint64_t make_claim(uint64_t number, uint32_t recorder)
{
	return number << RECORDER_BITS | recorder;
}

/* How much the claim's record is newer than @number: half of one is kept. */
static int32_t claim_distance(uint64_t claim, uint64_t number)
{
	return (int32_t)((uint32_t)(claim >> RECORDER_BITS) - (uint32_t)number);
}

/* From @last on to the next, whoever claims it first. True: it is ours. */
static bool claim_after(struct shared_event *event, uint64_t last)
{
	struct event_page *page = event->page;
	struct event_slot *slot = slot_of(event, last + 1);
	uint64_t claim = __atomic_load_n(&slot->claim, __ATOMIC_ACQUIRE);
	bool is_ours = false;

	/* Else the slot may be in use for a later one already. */
	if (__atomic_load_n(&page->recorded, __ATOMIC_ACQUIRE) != last)
		return false;
	if (!(uint32_t)claim || claim_distance(claim, last + 1) != 0) {
		is_ours = __atomic_compare_exchange_n(
			&slot->claim, &claim, make_claim(last + 1, event->recorder),
			false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		if (!is_ours)
			return false;
	}
	(void)__atomic_compare_exchange_n(&page->recorded, &last, last + 1, false,
					  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return is_ours;
}

int event_page_record(struct shared_event *event, uint64_t *ret_number)
{
	for (unsigned i = 0; i < RECORD_TRIES; i++) {
		uint64_t last = event_page_last(event);

		if (last == UINT64_MAX)
			break;
		if (claim_after(event, last)) {
			*ret_number = last + 1;
			return 0;
		}
	}
	return -EIO;
}

uint64_t event_page_last(struct shared_event *event)
{
	return __atomic_load_n(&event->page->recorded, __ATOMIC_ACQUIRE);
}

/* ---- reaching ---------------------------------------------------------------------- */

static void raise_to(uint64_t *word, uint64_t number)
{
	uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (seen < number &&
	       !__atomic_compare_exchange_n(word, &seen, number, true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		continue;
}

/* Either a waiter sees the change of the slot, or we see him, or the futex has changed.
 */
static void tell(struct event_page *page)
{
	__atomic_fetch_add(&page->changes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->waiters, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &page->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void event_page_reach(struct shared_event *event, uint64_t number)
{
	raise_to(&event->reached[number % EVENT_PAGE_SLOTS], number);
	raise_to(&slot_of(event, number)->reached, number);
	tell(event->page);
}

void event_page_fail(struct shared_event *event, uint64_t number)
{
	raise_to(&event->failed[number % EVENT_PAGE_SLOTS], number);
	raise_to(&slot_of(event, number)->failed, number);
	tell(event->page);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* @ours or what stands in the page. */
static bool is_at(const uint64_t *ours, const uint64_t *theirs, uint64_t number)
{
	return __atomic_load_n(ours, __ATOMIC_SEQ_CST) >= number ||
	       __atomic_load_n(theirs, __ATOMIC_SEQ_CST) >= number;
}

/* As event_page_query(), but that of -EAGAIN the recorder has to be alive. */
static int look(const struct shared_event *event, uint64_t number, uint32_t *ret_recorder)
{
	const struct event_slot *slot = slot_of(event, number);
	size_t i = number % EVENT_PAGE_SLOTS;
	uint64_t claim;

	if (is_at(&event->reached[i], &slot->reached, number))
		return 0;
	if (is_at(&event->failed[i], &slot->failed, number))
		return -EOWNERDEAD;
	claim = __atomic_load_n(&slot->claim, __ATOMIC_ACQUIRE);
	/* It was there before the number could be seen. */
	if (!(uint32_t)claim || claim_distance(claim, number) < 0)
		return -EOWNERDEAD;
	*ret_recorder = (uint32_t)claim;
	return -EAGAIN;
}

int event_page_query(struct shared_event *event, uint64_t number)
{
	uint32_t recorder;
	int r = look(event, number, &recorder);

	if (r != -EAGAIN || event_page_is_alive(event, recorder))
		return r;
	/* His last deed may have been to reach it; or another one has recorded since. */
	r = look(event, number, &recorder);
	return r == -EAGAIN && !event_page_is_alive(event, recorder) ? -EOWNERDEAD : r;
}

/* One slice of time, unless something changes. */
static void sleep_slice(struct shared_event *event, uint64_t number)
{
	const struct timespec slice = {.tv_nsec = SLICE_NS};
	struct event_page *page = event->page;
	uint32_t recorder, seen;

	__atomic_fetch_add(&page->waiters, 1, __ATOMIC_SEQ_CST);
	seen = __atomic_load_n(&page->changes, __ATOMIC_SEQ_CST);
	if (look(event, number, &recorder) == -EAGAIN)
		syscall(SYS_futex, &page->changes, FUTEX_WAIT, seen, &slice, NULL, 0);
	__atomic_fetch_sub(&page->waiters, 1, __ATOMIC_SEQ_CST);
}

int event_page_wait(struct shared_event *event, uint64_t number)
{
	int r;

	while ((r = event_page_query(event, number)) == -EAGAIN)
		sleep_slice(event, number);
	return r;
}
