/* SPDX-License-Identifier: MIT */
/* freed.c - waits for what was freed to be available again */
#include "freed.h"

#include <clock.h>
#include <time.h>

#define SETTLE_MS 1000            /* for the thread of libaccel to do what is queued */
#define FINISH_MS 250             /* for the service, at the end of a free */
#define PAUSE_NS  (NS_PER_MS / 4) /* the first one; each is twice as long */
#define PAUSES    9               /* of different length */

/* When exported memory was freed last, on the monotonic clock; 0: never. */
static _Atomic uint64_t freed_last_ms;

/* The service closes its descriptor without a notification. */
static void freed_look_again(unsigned n)
{
	const struct timespec pause = timespec_of_ns(PAUSE_NS << MIN(n, PAUSES - 1U));

	(void)nanosleep(&pause, NULL);
	runtime_settle(SETTLE_MS);
}

static bool freed_is_recent(unsigned ms)
{
	uint64_t last = atomic_load(&freed_last_ms);

	return last && now_ms() - last < ms;
}

bool freed_lingers(struct device *device)
{
	struct accel_device_info info = {.size = sizeof(info)};
	uint64_t live = atomic_load(&device->live);

	accel_device_query(device->accel, &info);
	/* Other threads may have allocated or freed meanwhile. */
	live = MIN(live, atomic_load(&device->live));
	return info.memory - info.memory_free > live;
}

void freed_wait(struct device *device, unsigned ms)
{
	for (unsigned n = 0; freed_is_recent(ms) && freed_lingers(device); n++)
		freed_look_again(n);
}

void freed_settle(void)
{
	runtime_settle(SETTLE_MS);
}

void freed_finish(struct device *device, bool exported, bool lingered)
{
	if (exported)
		atomic_store(&freed_last_ms, now_ms());
	freed_settle();
	if (exported && !lingered)
		freed_wait(device, FINISH_MS);
}

static bool freed_any_lingers(void)
{
	for (int i = 0; i < runtime_n_devices(); i++)
		if (freed_lingers(runtime_device(i)))
			return true;
	return false;
}

/* What lingered before a try may be what it lacked, even if it does not any more. */
bool freed_may_retry(struct freed_retry *retry, int r)
{
	switch (r) {
	case -EMFILE:
	case -ENFILE:
		break;
	case -ENOSPC:
	case -EDQUOT:
		if (!freed_is_recent(FREED_FAIL_MS) || (retry->n && !retry->lingers))
			return false;
		break;
	default:
		return false;
	}
	if (retry->n && !freed_is_recent(FREED_FAIL_MS))
		return false;
	if (retry->n)
		freed_look_again(retry->n - 1);
	else
		runtime_settle(SETTLE_MS);
	retry->n++;
	retry->lingers = freed_any_lingers();
	return true;
}
