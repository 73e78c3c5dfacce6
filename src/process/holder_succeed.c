/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/holder_private.h"
#include "process/report.h"
#include "clock.h"
#include "crash_point.h"
#include "util.h"

/* Successors in a row that may die before they serve. */
#define SUCCEED_TRIES 10
/* The same where something is short that others use, too: that passes. */
#define SUCCEED_TRIES_SHORT 60
/* The first one is started at once, the next after this time, doubled each time. */
#define SUCCEED_DELAY_MS     10
#define SUCCEED_DELAY_MAX_MS 1000

/* One that served for less has served for a short time. So many are replaced at once. */
#define SUCCEED_SHORT_MS 2000
#define SUCCEED_SHORT    20
/* The longest delay of these; less than above, because they serve in between. */
#define SUCCEED_DELAY_SHORT_MS 200

/* How long a successor may take to serve; a million open files take a few seconds. */
#define SUCCEED_SERVE_MS      60000
#define SUCCEED_SERVE_SOON_MS 3000 /* in a test */

static bool succeed_has_mount(const struct holder *holder)
{
	return poll(&(struct pollfd){.fd = holder->held.fuse}, 1, 0) == 0;
}

static uint64_t succeed_double(unsigned n, uint64_t max)
{
	if (n == 0)
		return 0;
	return n <= 8 ? MIN((uint64_t)SUCCEED_DELAY_MS << (n - 1), max) : max;
}

uint64_t holder_delay(unsigned failures, unsigned deaths)
{
	unsigned too_many = deaths > SUCCEED_SHORT ? deaths - SUCCEED_SHORT : 0;

	return MAX(succeed_double(failures, SUCCEED_DELAY_MAX_MS),
		   succeed_double(too_many, SUCCEED_DELAY_SHORT_MS));
}

unsigned holder_tries(int error)
{
	switch (-error) {
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:
	case EMFILE:
	case ENFILE:
		return SUCCEED_TRIES_SHORT;
	default:
		return SUCCEED_TRIES;
	}
}

static void succeed_wait(struct holder *holder)
{
	const uint64_t end = now_ms() + holder_delay(holder->failures, holder->deaths);
	uint64_t now;

	for (now = now_ms(); now < end && !holder->is_ending; now = now_ms()) {
		struct pollfd fd = {holder->signals, POLLIN, 0};

		if (poll(&fd, 1, (int)(end - now)) > 0)
			holder_take_signals(holder);
	}
}

static _Noreturn void succeed_give_up(struct holder *holder)
{
	log_error("cannot take over: %u services have died before they served",
		  holder->failures);
	if (holder->aborter >= 0)
		aborter_use(holder->aborter);
	holder_exit(holder, EXIT_FAILURE);
}

/*
 * A second holder was started, with descriptors of the first one's; or that was killed,
 * and its service has not ended yet. systemd keeps the descriptors, and tries it again.
 */
static _Noreturn void succeed_leave(void)
{
	log_error("cannot take over: another holder has the mount");
	_exit(HOLDER_LOST_MOUNT);
}

/* Exits if nothing is left to be served. */
static void succeed_check(struct holder *holder)
{
	if (!holder->has_reported && holder->current.status == -EBUSY)
		succeed_leave();
	if (!succeed_has_mount(holder)) {
		log_notice("stopping: unmounted");
		holder_exit(holder, EXIT_SUCCESS);
	}
	if (holder->is_ending) {
		holder_unmount(holder);
		holder_end(holder);
	}
	if (holder->failures > holder_tries(holder->error))
		succeed_give_up(holder);
}

/* An upgrade that does not serve is undone. */
static void succeed_choose(struct holder *holder)
{
	if (holder->current.is_ready || holder->exe_before < 0)
		return;
	log_warning("the upgraded service has died before it served: "
		    "its predecessor's program again");
	close(holder->exe);
	holder->exe = TAKE_FD(holder->exe_before);
}

static int succeed_start(struct holder *holder)
{
	const struct serving_program program = {holder->exe, holder->argv, &holder->mask};
	struct serving serving;
	int r = serving_start(&serving, &program, &holder->held);

	if (r < 0) {
		log_error("cannot start a service: %s", strerror(-r));
		holder->error = r;
		return r;
	}
	serving_finish(&holder->current);
	holder->current = serving;
	holder_store_service(holder);
	return 0;
}

static uint64_t succeed_serve_ms(void)
{
	return crash_switch("serves-soon") ? SUCCEED_SERVE_SOON_MS : SUCCEED_SERVE_MS;
}

int holder_let_go(struct holder *holder)
{
	const struct report go = {
		.dev = holder->dev,
		.event = REPORT_GO,
		.status = holder->exe_before >= 0,
	};

	holder->serves_until = now_ms() + succeed_serve_ms();
	return report_post(holder->current.reports, &go);
}

static void succeed_count(struct holder *holder)
{
	const struct serving *dead = &holder->current;

	holder->error = dead->status;
	if (!dead->is_ready) {
		holder->failures++;
		return;
	}
	holder->failures = 0;
	holder->deaths =
		now_ms() - dead->ready_ms < SUCCEED_SHORT_MS ? holder->deaths + 1 : 0;
}

void holder_succeed(struct holder *holder)
{
	serving_signal(&holder->current, SIGKILL);
	CRASH_POINT("holder-killed");
	holder_drop_next(holder, -EINTR);
	succeed_choose(holder);
	succeed_count(holder);
	do {
		succeed_check(holder);
		succeed_wait(holder);
		succeed_check(holder);
		if (holder->current.pid)
			log_warning("the service has died: another one takes over");
	} while (succeed_start(holder) < 0 && ++holder->failures);
	CRASH_POINT("holder-started");
	holder_make_spare(holder);
	(void)holder_let_go(holder);
}
