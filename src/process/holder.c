/* SPDX-License-Identifier: MIT */
#include "process/holder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/fdstore.h"
#include "process/holder_private.h"
#include "process/mountpoint.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "process/report.h"
#include "clock.h"
#include "crash_point.h"
#include "util.h"

/* How long a service that has died may take to end. */
#define HOLDER_DEATH_MS 5000

/* How long the end of a service may take altogether. */
#define HOLDER_ENDING_MS (15 * 60 * 1000)

/* More than its socket has room for. */
#define HOLDER_LAST_REPORTS 1024

/* ---- the end ----------------------------------------------------------------------- */

/* The mount has ended, and with it what is kept for another holder. */
static void holder_finish(struct holder *holder)
{
	holder_end_spare(holder);
	if (holder->options->fdstore)
		fdstore_drop(&holder->held);
}

_Noreturn void holder_exit(struct holder *holder, int status)
{
	holder_finish(holder);
	if (holder->options->fdstore && holder->has_served && status == EXIT_FAILURE)
		status = HOLDER_LOST_MOUNT;
	_exit(status);
}

/* The starter sees the same signal; the service has dumped the core already. */
static _Noreturn void holder_end_by(struct holder *holder, int signal_number)
{
	const struct rlimit none = {0, 0};
	sigset_t set;

	log_error("the service was ended by signal %d", signal_number);
	holder_finish(holder);
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Not reached but by the first process of a PID namespace. */
	_exit(EXIT_FAILURE);
}

/* Of a service that was killed: it is not replaced where the holder was asked to end. */
static int holder_status(const struct holder *holder)
{
	return holder->is_ending && holder->has_served ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Once its end can be known. */
static void holder_end_as_service(struct holder *holder)
{
	const struct serving *service = &holder->current;

	if (serving_was_killed(service) && holder_status(holder) == EXIT_SUCCESS)
		holder_exit(holder, EXIT_SUCCESS);
	if (service->was_reaped && WIFSIGNALED(service->wait_status))
		holder_end_by(holder, WTERMSIG(service->wait_status));
	if (service->was_reaped)
		holder_exit(holder, WEXITSTATUS(service->wait_status));
	/* A child of a former holder has no wait status here, only its report. */
	if (serving_is_gone(service) && service->has_ended)
		holder_exit(holder, service->status);
}

void holder_unmount(const struct holder *holder)
{
	if (holder->held.fuse < 0)
		return;
	privileges_search(true);
	mountpoint_unmount(holder->options->mountpoint, holder->dev, holder->held.fuse);
	privileges_search(false);
}

_Noreturn void holder_end(struct holder *holder)
{
	const uint64_t end = now_ms() + HOLDER_DEATH_MS;
	uint64_t now;

	if (holder->current.has_ended) {
		/* Code that took it over can have said so, and go on. */
		serving_signal(&holder->current, SIGKILL);
		/* Its request to unmount may have been lost with a killed holder. */
		holder_unmount(holder);
	}
	if (holder->aborter >= 0)
		aborter_use(holder->aborter);
	for (now = now_ms(); now < end; now = now_ms()) {
		struct pollfd fds[] = {{holder->signals, POLLIN, 0},
				       {holder->current.pidfd, POLLIN, 0}};

		if (poll(fds, ARRAY_SIZE(fds), (int)(end - now)) < 0)
			continue;
		holder_take_signals(holder);
		holder_end_as_service(holder);
		/* It has ended, and a former holder was its parent. */
		if (fds[1].revents && waitpid(holder->current.pid, NULL, WNOHANG) < 0)
			holder_exit(holder, holder_status(holder));
	}
	log_error("the service has died, and a client blocks a thread of it");
	/* Not before: it may have dumped its core. */
	serving_signal(&holder->current, SIGKILL);
	holder_exit(holder, EXIT_FAILURE);
}

/* ---- signals ----------------------------------------------------------------------- */

static void holder_note_end(struct serving *serving, pid_t pid, int status)
{
	if (serving->pid != pid)
		return;
	serving->was_reaped = true;
	serving->wait_status = status;
}

/* Services that were killed before are among them. */
static void holder_reap(struct holder *holder)
{
	bool lost_spare = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		holder_note_end(&holder->current, pid, status);
		holder_note_end(&holder->next, pid, status);
		lost_spare |= pid == holder->spare;
	}
	if (!lost_spare)
		return;
	holder->spare = 0;
	holder_make_spare(holder);
}

void holder_take_signals(struct holder *holder)
{
	struct signalfd_siginfo info;

	while (read(holder->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		holder->is_ending = true;
		/* It would not get the signal that ends its predecessor. */
		holder_drop_next(holder, -ESHUTDOWN);
		serving_signal(&holder->current, (int)info.ssi_signo);
	}
	holder_reap(holder);
}

/* ---- reports ----------------------------------------------------------------------- */

/* A second one is not from the start, but from code that took the service over. */
static void holder_take_mounted(struct holder *holder, const struct report *report,
				int *fds, unsigned n)
{
	struct held *held = &holder->held;

	if (held->fuse >= 0 || n < 2 || n > 1 + STATE_FDS_MAX)
		return;
	holder->dev = report->dev;
	held->fuse = TAKE_FD(fds[0]);
	held->n_state = n - 1;
	for (unsigned i = 0; i + 1 < n; i++)
		held->state[i] = TAKE_FD(fds[i + 1]);
}

/* The next holder ends it: a service that is stopped outlives this one. */
void holder_store_service(struct holder *holder)
{
	if (!holder->options->fdstore)
		return;
	close_keep_errno(holder->held.service);
	holder->held.service = fcntl(holder->current.pidfd, F_DUPFD_CLOEXEC, 0);
	if (holder->has_served && holder->held.service >= 0)
		(void)fdstore_put_service(&holder->held);
}

/* The first service of the mount serves: now there can be others. */
static void holder_keep(struct holder *holder, int *fds, unsigned n)
{
	if (n == 1)
		holder->held.listener = TAKE_FD(fds[0]);
	holder_store_service(holder);
	holder->has_served = holder->exe >= 0 && held_is_complete(&holder->held);
	if (holder->has_served && holder->options->fdstore)
		fdstore_put(&holder->held);
}

static void holder_take_ready(struct holder *holder, int *fds, unsigned n)
{
	if (holder->current.is_ready)
		return;
	holder->current.is_ready = true;
	holder->current.ready_ms = now_ms();
	holder->failures = 0;
	close_keep_errno(TAKE_FD(holder->exe_before));
	if (holder->has_reported) {
		CRASH_POINT("holder-serves");
		return holder_make_spare(holder);
	}
	holder->has_reported = true;
	if (!holder->has_served)
		holder_keep(holder, fds, n);
	serving_refuse_descriptors(&holder->current);
	if (!holder->options->foreground)
		ready_detach(ready_null());
	ready_report(holder->ready_fd);
	holder->ready_fd = -1;
	holder_make_spare(holder);
}

/* systemd waits for a service as long as it makes progress, within a bound. */
static void holder_take_ending(struct holder *holder)
{
	uint64_t now = now_ms();

	if (holder->ending_until == 0)
		holder->ending_until = now + HOLDER_ENDING_MS;
	if (now < holder->ending_until)
		ready_extend_end();
}

static _Noreturn void holder_take_abandoned(struct holder *holder)
{
	serving_signal(&holder->current, SIGKILL);
	/* Its threads may keep the connection of a mount that was moved. */
	if (holder->aborter >= 0)
		aborter_use(holder->aborter);
	holder_exit(holder, EXIT_SUCCESS);
}

static void holder_take_unmount(const struct holder *holder)
{
	holder_unmount(holder);
	(void)report_post(holder->current.reports,
			  &(struct report){.event = REPORT_UNMOUNT});
}

/* The same as any death of a service, once it is seen. */
static void holder_take_helper_lost(const struct holder *holder)
{
	if (holder->has_served && holder->exe >= 0 && !holder->is_ending)
		serving_signal(&holder->current, SIGKILL);
}

static void holder_take(struct holder *holder, const struct report *report, int *fds,
			unsigned n)
{
	switch (report->event) {
	case REPORT_MOUNTED:
		return holder_take_mounted(holder, report, fds, n);
	case REPORT_ABORTER:
		if (holder->aborter < 0 && n == 1)
			holder->aborter = TAKE_FD(fds[0]);
		return;
	case REPORT_READY:
		return holder_take_ready(holder, fds, n);
	case REPORT_ENDING:
		return holder_take_ending(holder);
	case REPORT_ABANDONED:
		holder_take_abandoned(holder);
	case REPORT_ENDED:
		/* Else it is a successor that could not take over. */
		holder->current.has_ended = report->status >= 0;
		holder->current.status = report->status;
		return;
	case REPORT_UNMOUNT:
		return holder_take_unmount(holder);
	case REPORT_UPGRADE:
		return holder_upgrade(holder);
	case REPORT_HELPER_LOST:
		return holder_take_helper_lost(holder);
	default:
		return;
	}
}

/* Descriptors come from the first service alone, before it serves. */
static unsigned holder_n_expected(const struct holder *holder)
{
	return holder->has_reported || holder->has_served ? 0 : REPORT_FDS_MAX;
}

static void holder_take_report(struct holder *holder)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	/* Removed when there is a spare that knows it, or the spare would wait for it. */
	if (holder->has_reported && report_peek(holder->current.reports) == REPORT_READY)
		holder_take_ready(holder, NULL, 0);
	if (report_receive(holder->current.reports, holder_n_expected(holder), &report,
			   fds, &n)) {
		holder_take(holder, &report, fds, n);
	} else {
		/* The service is ending. */
		close(holder->current.reports);
		holder->current.reports = -1;
	}
	for (unsigned i = 0; i < n; i++)
		close_keep_errno(fds[i]);
}

/* ---- the loop ---------------------------------------------------------------------- */

/* poll(2) now: what was true before may have been handled. */
static bool holder_sees(int fd)
{
	return fd >= 0 && poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 1;
}

/* It has the pipe and the socket, and could give them away; it ends without them, too. */
static bool holder_sees_death(const struct holder *holder)
{
	const struct serving *current = &holder->current;

	return current->was_reaped || holder_sees(current->life) ||
	       holder_sees(current->pidfd);
}

/* What it sent before; another process can have the socket, and send more. */
static void holder_take_last_reports(struct holder *holder)
{
	for (unsigned i = 0; i < HOLDER_LAST_REPORTS; i++) {
		if (!holder_sees(holder->current.reports))
			break;
		holder_take_report(holder);
	}
}

static void holder_take_death(struct holder *holder)
{
	holder_take_last_reports(holder);
	if (!holder->has_served || holder->current.has_ended)
		holder_end(holder);
	holder_succeed(holder);
}

/* A successor was let go, and has not reported that it serves. */
static bool holder_awaits_service(const struct holder *holder)
{
	return holder->serves_until && !holder->current.is_ready;
}

/* The kill is seen as any death of a service is, and the next one is started. */
static void holder_watch_start(struct holder *holder)
{
	if (!holder_awaits_service(holder) || now_ms() < holder->serves_until)
		return;
	/* The holder may have been the one that was late. */
	holder_take_last_reports(holder);
	if (holder->current.is_ready)
		return;
	log_error("the service takes too long to take over: it is ended");
	holder->serves_until = 0;
	serving_signal(&holder->current, SIGKILL);
}

static bool holder_is_late(const struct holder *holder)
{
	return holder->next.pid && now_ms() >= holder->next_until;
}

static int holder_timeout(const struct holder *holder)
{
	uint64_t now = now_ms(), until = UINT64_MAX;

	if (holder->next.pid)
		until = holder->next_until;
	if (holder_awaits_service(holder))
		until = MIN(until, holder->serves_until);
	if (holder->spare_due != 0)
		until = MIN(until, holder->spare_due);
	if (until == UINT64_MAX)
		return -1;
	return now < until ? (int)(until - now) : 0;
}

static void holder_watch_next(struct holder *holder)
{
	if (!holder->next.pid)
		return;
	if (holder_sees(holder->next.reports))
		holder_take_next(holder);
	else if (holder_is_late(holder))
		holder_drop_next(holder, -ETIMEDOUT);
}

/* None of them can keep it from the others. */
static void holder_turn(struct holder *holder)
{
	struct pollfd fds[] = {{holder->signals, POLLIN, 0},
			       {holder->current.reports, POLLIN, 0},
			       {holder->current.life, POLLIN, 0},
			       {holder->current.pidfd, POLLIN, 0},
			       {holder->next.reports, POLLIN, 0}};

	if (poll(fds, ARRAY_SIZE(fds), holder_timeout(holder)) < 0)
		return;
	holder_take_signals(holder);
	if (holder_sees(holder->current.reports))
		holder_take_report(holder);
	if (holder_sees_death(holder))
		holder_take_death(holder);
	holder_watch_start(holder);
	holder_watch_next(holder);
	holder_watch_spare(holder);
}

_Noreturn void holder_run(struct holder *holder)
{
	int r;

	/* The readers of readiness and of the log may end before the service. */
	signal(SIGPIPE, SIG_IGN);
	r = holder->exe < 0 ? privileges_drop_for_keeper() : privileges_drop_for_holder();
	if (holder->signals < 0 || r < 0) {
		log_error("cannot watch the service: %s",
			  strerror(holder->signals < 0 ? errno : -r));
		serving_signal(&holder->current, SIGKILL);
		_exit(EXIT_FAILURE);
	}
	if (!holder->current.pid)
		holder_succeed(holder);
	for (;;)
		holder_turn(holder);
}
