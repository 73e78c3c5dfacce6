/* SPDX-License-Identifier: MIT */
#include "process/keeper.h"

#include <errno.h>
#include <pthread.h>
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
/* Held from a REPORT_UNMOUNT to its reply. */
static pthread_mutex_t keeper_unmount_lock = PTHREAD_MUTEX_INITIALIZER;

void keeper_attach(struct held *held, bool mount_outlives_holder)
{
	keeper_mount_outlives = mount_outlives_holder;
	keeper_reports = TAKE_FD(held->holder);
	keeper_life = TAKE_FD(held->life);
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

void keeper_unmount(uint64_t dev, int connection)
{
	struct report report = {.dev = dev, .event = REPORT_UNMOUNT};
	SCOPED_LOCK(&keeper_unmount_lock);

	if (keeper_reports < 0 || keeper_send(&report, &connection, 1) < 0)
		return;
	/* A holder that continues for a killed one can have sent something else. */
	while (keeper_receive(&report) && report.event != REPORT_UNMOUNT)
		;
}

/* ---- begin and end ----------------------------------------------------------------- */

void keeper_report_ready(int listener)
{
	keeper_send(&(struct report){.event = REPORT_READY}, &listener, 1);
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

void keeper_report_ended(int status)
{
	if (keeper_reports >= 0)
		(void)report_send(
			keeper_reports,
			&(struct report){.event = REPORT_ENDED, .status = status}, NULL,
			0);
}

int keeper_ask_upgrade(int pipe)
{
	if (keeper_reports < 0)
		return -EOPNOTSUPP;
	return keeper_send(&(struct report){.event = REPORT_UPGRADE}, &pipe, 1);
}

void keeper_abandon_threads(void)
{
	keeper_report(REPORT_ABANDONED);
	/* The threads that stay share the descriptors; one of these may wait, too. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	_exit(EXIT_SUCCESS);
}
