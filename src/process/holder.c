/* SPDX-License-Identifier: MIT */
#include "process/holder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/holder_private.h"
#include "process/keeper.h"
#include "process/mountpoint.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "process/report.h"
#include "clock.h"
#include "util.h"

/* How long a service that has died may take to end. */
#define HOLDER_DEATH_MS 5000

/* ---- the end ----------------------------------------------------------------------- */

_Noreturn void holder_exit(struct holder *holder, int status)
{
	holder_end_spare(holder);
	_exit(status);
}

/* The starter shall see the same signal; the service has dumped the core already. */
static _Noreturn void holder_end_by(struct holder *holder, int signal_number)
{
	const struct rlimit none = {0, 0};
	sigset_t set;

	log_error("the service was ended by signal %d", signal_number);
	holder_end_spare(holder);
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Not reached but by the first process of a PID namespace. */
	_exit(EXIT_FAILURE);
}

/* Once its end can be known. */
static void holder_end_as_service(struct holder *holder)
{
	const struct serving *service = &holder->current;

	if (service->was_reaped && WIFSIGNALED(service->wait_status))
		holder_end_by(holder, WTERMSIG(service->wait_status));
	if (service->was_reaped)
		holder_exit(holder, WEXITSTATUS(service->wait_status));
	/* Of another holder's child only the report tells. */
	if (serving_is_gone(service) && service->has_ended)
		holder_exit(holder, service->status);
}

_Noreturn void holder_end(struct holder *holder)
{
	const uint64_t end = now_ms() + HOLDER_DEATH_MS;
	uint64_t now;

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
			holder_exit(holder, EXIT_FAILURE);
	}
	log_error("the service has died, and a client blocks a thread of it");
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

static void holder_take_ready(struct holder *holder, int *fds, unsigned n)
{
	holder->current.is_ready = true;
	holder->failures = 0;
	close_keep_errno(TAKE_FD(holder->exe_before));
	if (holder->has_served)
		return;
	if (n == 1)
		holder->held.listener = TAKE_FD(fds[0]);
	if (!holder->options->foreground)
		ready_detach(ready_null());
	ready_report(holder->ready_fd);
	holder->ready_fd = -1;
	holder->has_served = holder->exe >= 0 && held_is_complete(&holder->held);
	holder_make_spare(holder);
}

static _Noreturn void holder_take_abandoned(struct holder *holder)
{
	/* Its threads may keep the connection of a mount that was moved. */
	if (holder->aborter >= 0)
		aborter_use(holder->aborter);
	holder_exit(holder, EXIT_SUCCESS);
}

static void holder_unmount(struct holder *holder, const struct report *report, int fd)
{
	mountpoint_unmount(holder->options->mountpoint, report->dev, fd);
	report_send(holder->current.reports, report, NULL, 0);
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
		return ready_extend_end();
	case REPORT_ABANDONED:
		holder_take_abandoned(holder);
	case REPORT_ENDED:
		/* Else it is a successor that could not take over. */
		holder->current.has_ended = report->status >= 0;
		holder->current.status = report->status;
		return;
	case REPORT_UNMOUNT:
		return holder_unmount(holder, report, n == 1 ? fds[0] : -1);
	case REPORT_UPGRADE:
		if (n == 1)
			holder_upgrade(holder, TAKE_FD(fds[0]));
		return;
	default:
		return;
	}
}

static void holder_take_report(struct holder *holder)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	if (report_receive(holder->current.reports, &report, fds, &n)) {
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

static void holder_take_death(struct holder *holder)
{
	if (!holder->has_served || holder->current.has_ended)
		holder_end(holder);
	holder_succeed(holder);
}

static int holder_timeout(const struct holder *holder)
{
	uint64_t now = now_ms();

	if (!holder->next.pid)
		return -1;
	return now < holder->next_until ? (int)(holder->next_until - now) : 0;
}

static void holder_turn(struct holder *holder)
{
	struct pollfd fds[] = {{holder->signals, POLLIN, 0},
			       {holder->current.reports, POLLIN, 0},
			       {holder->current.life, POLLIN, 0},
			       {holder->next.reports, POLLIN, 0}};
	int n = poll(fds, ARRAY_SIZE(fds), holder_timeout(holder));

	if (n < 0)
		return;
	if (fds[1].revents)
		holder_take_report(holder);
	else if (fds[2].revents)
		holder_take_death(holder);
	else if (fds[3].revents)
		holder_take_next(holder);
	else if (holder->next.pid && holder_timeout(holder) == 0)
		holder_drop_next(holder, -ETIMEDOUT);
	if (fds[0].revents)
		holder_take_signals(holder);
	/* Its life is shown by its last descriptor, which it can close by itself. */
	if (holder->current.was_reaped && holder->current.reports < 0)
		holder_take_death(holder);
}

static _Noreturn void holder_run(struct holder *holder)
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
	for (;;)
		holder_turn(holder);
}

/* ---- the start --------------------------------------------------------------------- */

static void holder_block_signals(sigset_t *ret_before, sigset_t *ret_blocked)
{
	sigemptyset(ret_blocked);
	sigaddset(ret_blocked, SIGTERM);
	sigaddset(ret_blocked, SIGINT);
	sigaddset(ret_blocked, SIGHUP);
	sigaddset(ret_blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, ret_blocked, ret_before);
}

/* A successor starts with these blocked, as a service has them. */
static void holder_mask(const sigset_t *before, sigset_t *ret_mask)
{
	*ret_mask = *before;
	sigaddset(ret_mask, SIGTERM);
	sigaddset(ret_mask, SIGINT);
	sigaddset(ret_mask, SIGHUP);
}

/* The file itself is executed again, whatever is installed by then. */
static void holder_find_program(struct holder *holder)
{
	ssize_t n;

	holder->exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	n = readlink("/proc/self/exe", holder->path, sizeof(holder->path) - 1);
	if (holder->exe < 0 || n < 0)
		log_warning("a killed service will have no successor: %m");
	holder->path[MAX(n, 0)] = '\0';
}

static int holder_become_service(struct holder *holder, pid_t parent,
				 const sigset_t *before, struct held *ends)
{
	close_keep_errno(holder->exe);
	close_keep_errno(holder->ready_fd);
	keeper_attach(ends);
	sigprocmask(SIG_SETMASK, before, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* It may have ended before. */
	return getppid() == parent ? 0 : -ESRCH;
}

int holder_fork(const struct options *options, char **argv, int ready_fd)
{
	static struct holder holder;
	pid_t self = getpid();
	sigset_t before, blocked;
	struct held ends;
	int r;

	holder = (struct holder){.options = options,
				 .argv = argv,
				 .ready_fd = ready_fd,
				 .aborter = -1,
				 .exe = -1,
				 .exe_before = -1,
				 .next_exe = -1,
				 .asker = -1};
	held_init(&holder.held);
	serving_init(&holder.next);
	if (options->supervisor)
		holder_find_program(&holder);
	/* If it is ignored, which execve(2) keeps, the kernel reports no end of a child.
	 */
	signal(SIGCHLD, SIG_DFL);
	holder_block_signals(&before, &blocked);
	holder_mask(&before, &holder.mask);
	r = serving_fork(&holder.current, &ends);
	if (r == 1)
		return holder_become_service(&holder, self, &before, &ends);
	if (r < 0)
		return r;
	holder.signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	holder_run(&holder);
}
