/* SPDX-License-Identifier: MIT */
#include "buffers/leaving.h"

#include <unistd.h>

#include "clock.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

#define STOP_MS 5000
/* Several ends in a row are one turn. */
#define DELAY_MS 2
/* A turn walks through all names: at most this part of the time is spent on it. */
#define DELAY_FACTOR 16
#define DELAY_MAX_MS 1000

static uint64_t leaving_key(uint32_t slot, uint32_t generation)
{
	return (uint64_t)generation << 32 | slot;
}

static struct list *leaving_list_locked(struct leaving *leaving, uint32_t slot)
{
	ASSERT_LOCKED(&leaving->lock);
	return &leaving->parked[slot % LEAVING_LISTS];
}

static void leaving_work(struct worker *worker, struct list *job)
{
	struct leaving *leaving = container_of(worker, struct leaving, worker);
	uint64_t start = now_ns(), ms;
	int r;

	leaving->is_due = false;
	r = bank_turn(leaving->bank, true);
	CRASH_POINT("bank-turned");
	if (ledger_trim_is_due(leaving->ledger))
		ledger_trim(leaving->ledger);
	CRASH_POINT("ledger-trimmed");
	ms = (now_ns() - start) / NS_PER_MS * DELAY_FACTOR + DELAY_MS;
	leaving->delay = (unsigned)MIN(ms, (uint64_t)DELAY_MAX_MS);
	/* Too few descriptors, or a queue that is full: another time. */
	if (r < 0)
		leaving_turn(leaving);
}

static const struct worker_type leaving_type = {.run = leaving_work, .max_threads = 1};

void leaving_init(struct leaving *leaving, const struct state *state,
		  struct limits *limits)
{
	*leaving = (struct leaving){
		.ledger = state->ledger,
		.bank = state->bank,
		.limits = limits,
		.delay = DELAY_MS,
	};
	worker_init(&leaving->worker, &leaving_type);
	pthread_mutex_init(&leaving->lock, NULL);
	for (size_t i = 0; i < LEAVING_LISTS; i++)
		list_init(&leaving->parked[i]);
}

int leaving_start(struct leaving *leaving)
{
	int r = worker_start(&leaving->worker);

	SCOPED_LOCK(&leaving->lock);
	leaving->runs = r == 0;
	return r;
}

/* What the bank still has is closed when the bank is. */
static void leaving_end_all(struct leaving *leaving)
{
	for (size_t i = 0; i < LEAVING_LISTS; i++)
		closing_end_parked(&leaving->parked[i]);
}

bool leaving_stop(struct leaving *leaving)
{
	pthread_mutex_lock(&leaving->lock);
	leaving->runs = false;
	pthread_mutex_unlock(&leaving->lock);
	if (!worker_stop(&leaving->worker, STOP_MS))
		return false;
	(void)bank_turn(leaving->bank, true);
	leaving_end_all(leaving);
	return true;
}

void leaving_turn(struct leaving *leaving)
{
	if (!atomic_exchange(&leaving->is_due, true))
		worker_add_later(&leaving->worker, &leaving->turn, leaving->delay);
}

void leaving_freed(struct leaving *leaving)
{
	if (ledger_trim_is_due(leaving->ledger))
		leaving_turn(leaving);
}

/* False: nothing waits for the bank. */
static bool leaving_park(struct leaving *leaving, uint32_t slot, uint32_t generation,
			 struct closing *closing)
{
	SCOPED_LOCK(&leaving->lock);

	if (leaving->runs)
		closing_park(closing, leaving_list_locked(leaving, slot),
			     leaving_key(slot, generation));
	return leaving->runs;
}

void leaving_end(struct leaving *leaving, uint32_t slot, uint32_t generation,
		 struct closing *closing)
{
	/* First: a turn can drop the descriptor at once. */
	bool parked = leaving_park(leaving, slot, generation, closing);

	(void)bank_drop(leaving->bank, slot, generation);
	if (parked)
		leaving_turn(leaving);
	else
		closing_end(closing);
}

static struct closing *leaving_unpark(struct leaving *leaving,
				      const struct bank_item *item)
{
	SCOPED_LOCK(&leaving->lock);

	return closing_unpark(leaving_list_locked(leaving, item->slot),
			      leaving_key(item->slot, item->generation));
}

void leaving_dropped(struct leaving *leaving, const struct bank_item *item, int fd)
{
	struct closing *closing = leaving_unpark(leaving, item);

	/* Of a predecessor's export: of nobody who is charged. */
	if (!closing)
		closing = closing_new(leaving->limits, getuid(), 1);
	closing_add(closing, fd);
	closing_end(closing);
}
