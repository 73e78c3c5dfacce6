/* SPDX-License-Identifier: MIT */
#include "process/keeper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/life.h"
#include "process/report.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

/* To the holder; -1: there is none. */
static int keeper_reports = -1;
/* Closed when this process dies, and never written to. */
static int keeper_life = -1;
/* See keeper_attach(). */
static bool keeper_mount_outlives;
/* Until it shows life: of its mount. */
static int keeper_aborter = -1;
/* Held from a request to its reply. */
static pthread_mutex_t keeper_unmount_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t keeper_upgrade_lock = PTHREAD_MUTEX_INITIALIZER;

/* Of two threads that wait for a reply one reads for both. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_read;   /* by a thread, which does not hold the lock */
	bool is_closed; /* the holder has ended */
	/* The last reply of its kind; event 0: none. */
	struct report unmount, upgrade;
} keeper_replies = {.lock = PTHREAD_MUTEX_INITIALIZER,
		    .changed = PTHREAD_COND_INITIALIZER};

void keeper_attach(struct held *held, bool mount_outlives_holder)
{
	keeper_mount_outlives = mount_outlives_holder;
	keeper_reports = TAKE_FD(held->holder);
	keeper_life = TAKE_FD(held->life);
}

int keeper_end_with_holder(void)
{
	if (!keeper_mount_outlives || keeper_reports < 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* It may have ended before. */
	return poll(&(struct pollfd){.fd = keeper_reports}, 1, 0) == 0 ? 0 : -ESRCH;
}

static int keeper_send(const struct report *report, const int *fds, unsigned n)
{
	int r;

	if (keeper_reports < 0)
		return 0;
	r = report_send(keeper_reports, report, fds, n);
	if (r < 0)
		log_warning("cannot report to the holder: %s", strerror(-r));
	return r;
}

static int keeper_report(enum report_event event)
{
	return keeper_send(&(struct report){.event = event}, NULL, 0);
}

/* ---- the mount --------------------------------------------------------------------- */

void keeper_know_mount(uint64_t dev)
{
	int aborter = aborter_open(dev);

	keeper_aborter = MAX(aborter, -1);
	if (aborter < 0)
		log_info("cannot end the connection of a killed service: %s",
			 strerror(-aborter));
}

void keeper_report_mounted(uint64_t dev, int fuse, const struct state *state)
{
	const struct report mounted = {.dev = dev, .event = REPORT_MOUNTED};
	const struct report aborter = {.event = REPORT_ABORTER};
	int fds[1 + STATE_FDS_MAX] = {fuse};
	unsigned n = state_n_fds(state);

	for (unsigned i = 0; i < n; i++)
		fds[1 + i] = state_fd(state, i);
	keeper_send(&mounted, fds, 1 + n);
	keeper_know_mount(dev);
	if (keeper_aborter >= 0)
		keeper_send(&aborter, &keeper_aborter, 1);
}

int keeper_show_life(void)
{
	struct life_fds fds = {keeper_life, keeper_reports, -1};
	int r;

	if (keeper_life < 0)
		return 0;
	if (keeper_mount_outlives)
		close_keep_errno(keeper_aborter);
	else
		fds.aborter = keeper_aborter;
	r = life_show(&fds);
	keeper_aborter = -1;
	/* Without an aborter SIGKILL is as good. */
	if (r == 0 && fds.aborter >= 0 && prctl(PR_SET_PDEATHSIG, 0) < 0)
		r = -errno;
	return r;
}

/* Not interrupted by a signal. */
static bool keeper_receive(struct report *ret_report)
{
	ssize_t n;

	do
		n = recv(keeper_reports, ret_report, sizeof(*ret_report), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*ret_report);
}

static struct report *keeper_place_of(uint32_t event)
{
	if (event == REPORT_UNMOUNT)
		return &keeper_replies.unmount;
	return event == REPORT_UPGRADE ? &keeper_replies.upgrade : NULL;
}

/* A holder that continues for a killed one can have sent something else. */
static void keeper_note_locked(const struct report *report)
{
	struct report *place = keeper_place_of(report->event);

	ASSERT_LOCKED(&keeper_replies.lock);
	if (place)
		*place = *report;
}

/* It also replies to what its predecessor has replied to. */
static void keeper_read_stale_locked(void)
{
	struct report report;

	ASSERT_LOCKED(&keeper_replies.lock);
	if (keeper_replies.is_read)
		return;
	while (recv(keeper_reports, &report, sizeof(report), MSG_DONTWAIT) ==
	       sizeof(report))
		keeper_note_locked(&report);
}

static void keeper_read_locked(void)
{
	struct report report;
	bool received;

	ASSERT_LOCKED(&keeper_replies.lock);
	keeper_replies.is_read = true;
	pthread_mutex_unlock(&keeper_replies.lock);
	received = keeper_receive(&report);
	pthread_mutex_lock(&keeper_replies.lock);
	keeper_replies.is_read = false;
	keeper_replies.is_closed = !received;
	if (received)
		keeper_note_locked(&report);
	pthread_cond_broadcast(&keeper_replies.changed);
}

/* Sends a request, which becomes its reply. The caller holds the lock of its kind. */
static int keeper_exchange(struct report *report)
{
	struct report *place = keeper_place_of(report->event);
	SCOPED_LOCK(&keeper_replies.lock);
	int r;

	keeper_read_stale_locked();
	place->event = 0;
	r = keeper_send(report, NULL, 0);
	while (r == 0 && place->event == 0 && !keeper_replies.is_closed) {
		if (keeper_replies.is_read)
			pthread_cond_wait(&keeper_replies.changed, &keeper_replies.lock);
		else
			keeper_read_locked();
	}
	if (r == 0 && place->event == 0)
		r = -EIO;
	*report = *place;
	return r;
}

void keeper_unmount(void)
{
	struct report report = {.event = REPORT_UNMOUNT};
	SCOPED_LOCK(&keeper_unmount_lock);

	if (keeper_reports >= 0)
		(void)keeper_exchange(&report);
}

/* ---- begin and end ----------------------------------------------------------------- */

void keeper_report_ready(int listener)
{
	keeper_send(&(struct report){.event = REPORT_READY}, &listener, listener >= 0);
}

int keeper_await_predecessor(bool *ret_upgraded, uint64_t *ret_dev)
{
	struct report report;

	if (keeper_reports < 0)
		return 0;
	CRASH_POINT("takeover-checked");
	if (keeper_report(REPORT_CHECKED) < 0)
		return -ESRCH;
	if (!keeper_receive(&report) || report.event != REPORT_GO)
		return -ESRCH;
	*ret_upgraded = report.status == 1;
	*ret_dev = report.dev;
	return 0;
}

void keeper_report_ending(void)
{
	keeper_report(REPORT_ENDING);
}

void keeper_report_helper_lost(void)
{
	keeper_report(REPORT_HELPER_LOST);
}

void keeper_report_ended(int status)
{
	if (keeper_reports >= 0)
		(void)report_send(
			keeper_reports,
			&(struct report){.event = REPORT_ENDED, .status = status}, NULL,
			0);
}

int keeper_upgrade(void)
{
	struct report report = {.event = REPORT_UPGRADE};
	int r;

	if (keeper_reports < 0)
		return -EOPNOTSUPP;
	if (pthread_mutex_trylock(&keeper_upgrade_lock) != 0)
		return -EBUSY;
	r = keeper_exchange(&report);
	pthread_mutex_unlock(&keeper_upgrade_lock);
	if (r < 0)
		return r;
	return report.status < 0 ? report.status : -EIO;
}

void keeper_abandon_threads(void)
{
	keeper_report(REPORT_ABANDONED);
	/* The threads that stay share the descriptors; one of these may wait, too. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	_exit(EXIT_SUCCESS);
}
