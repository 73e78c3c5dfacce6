/* SPDX-License-Identifier: MIT */
#include "process/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/life.h"
#include "process/lifetime.h"
#include "process/mountpoint.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "clock.h"
#include "locked.h"
#include "util.h"

/* How long a service that has died may take to end. */
#define DEATH_MS 5000

enum keeper_event {
	KEEPER_MOUNTED, /* with a descriptor of aborter_open() */
	KEEPER_READY,
	KEEPER_ENDING,
	KEEPER_ABANDONED,
	KEEPER_UNMOUNT, /* with the FUSE device; the keeper replies to this one alone */
};

/* A message from the service to its keeper. */
struct keeper_report {
	uint64_t dev; /* of the mount; KEEPER_UNMOUNT */
	uint32_t event;
	uint32_t reserved;
};

union keeper_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* In the service: to its keeper; -1: it has none. */
static int keeper_reports = -1;
/* In the service: closed when it dies, and never written to. */
static int keeper_life = -1;
/* In the service, until it shows life: of its mount. */
static int keeper_aborter = -1;
/* In the service: held from a KEEPER_UNMOUNT to its reply. */
static pthread_mutex_t keeper_unmount_lock = PTHREAD_MUTEX_INITIALIZER;

/* What the keeper works with. */
struct keeper {
	const struct options *options;
	pid_t service;
	int ready_fd, signals, reports, life;
	int aborter; /* -1: none */
};

/* ---- the keeper -------------------------------------------------------------------- */

static void keeper_block_signals(sigset_t *ret_before, sigset_t *ret_blocked)
{
	lifetime_ending_signals(ret_blocked);
	sigaddset(ret_blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, ret_blocked, ret_before);
}

/* The starter shall see the same signal; the service has dumped the core already. */
static _Noreturn void keeper_end_by(int signal_number)
{
	const struct rlimit none = {0, 0};
	sigset_t set;

	log_error("the service was ended by signal %d", signal_number);
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Not reached but by the first process of a PID namespace. */
	_exit(EXIT_FAILURE);
}

static void keeper_check_child(const struct keeper *keeper)
{
	int status;
	pid_t pid = waitpid(keeper->service, &status, WNOHANG);

	/* Its status is lost. */
	if (pid < 0 && errno == ECHILD)
		_exit(EXIT_FAILURE);
	if (pid != keeper->service)
		return;
	if (WIFSIGNALED(status))
		keeper_end_by(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

static void keeper_take_signal(const struct keeper *keeper)
{
	struct signalfd_siginfo info;

	if (read(keeper->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		keeper_check_child(keeper);
	else
		kill(keeper->service, (int)info.ssi_signo);
}

/* One report and its descriptor, or -1; false: the service has closed its end. */
static bool keeper_receive(int reports, struct keeper_report *ret_report, int *ret_fd)
{
	union keeper_control control;
	struct iovec iov = {ret_report, sizeof(*ret_report)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(reports, &message, MSG_CMSG_CLOEXEC) != sizeof(*ret_report))
		return false;
	*ret_fd = -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*ret_fd));
	return true;
}

static void keeper_take_ready(struct keeper *keeper)
{
	if (!keeper->options->foreground)
		ready_detach(ready_null());
	ready_report(keeper->ready_fd);
	keeper->ready_fd = -1;
}

static void keeper_take_report(struct keeper *keeper)
{
	struct keeper_report report;
	_cleanup_close_ int fd = -1;

	if (!keeper_receive(keeper->reports, &report, &fd)) {
		/* The service is ending; its status follows. */
		keeper->reports = -1;
	} else if (report.event == KEEPER_MOUNTED) {
		/* A second one is not from the start, but from code that took it over. */
		if (keeper->aborter < 0)
			keeper->aborter = TAKE_FD(fd);
	} else if (report.event == KEEPER_ABANDONED) {
		/* Its threads may keep the connection of a mount that was moved. */
		if (keeper->aborter >= 0)
			aborter_use(keeper->aborter);
		_exit(EXIT_SUCCESS);
	} else if (report.event == KEEPER_ENDING) {
		ready_extend_end();
	} else if (report.event == KEEPER_UNMOUNT) {
		privileges_search(true);
		mountpoint_unmount(keeper->options->mountpoint, report.dev, fd);
		privileges_search(false);
		send(keeper->reports, &report, sizeof(report), MSG_NOSIGNAL);
	} else {
		keeper_take_ready(keeper);
	}
}

/* The service has died: its status follows, unless a client blocks a thread of it. */
static _Noreturn void keeper_end(const struct keeper *keeper)
{
	const uint64_t end = now_ms() + DEATH_MS;
	uint64_t now;

	if (keeper->aborter >= 0)
		aborter_use(keeper->aborter);
	for (now = now_ms(); now < end; now = now_ms()) {
		struct pollfd fd = {keeper->signals, POLLIN, 0};

		if (poll(&fd, 1, (int)(end - now)) > 0)
			keeper_take_signal(keeper);
	}
	log_error("the service has died, and a client blocks a thread of it");
	_exit(EXIT_FAILURE);
}

static _Noreturn void keeper_run(struct keeper *keeper)
{
	/* The readers of readiness and of the log may end before the service. */
	signal(SIGPIPE, SIG_IGN);
	if (privileges_drop_for_keeper() < 0) {
		log_error("cannot watch the service: %m");
		kill(keeper->service, SIGKILL);
		_exit(EXIT_FAILURE);
	}
	for (;;) {
		struct pollfd fds[] = {{keeper->signals, POLLIN, 0},
				       {keeper->reports, POLLIN, 0},
				       {keeper->life, POLLIN, 0}};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			keeper_take_report(keeper);
		else if (fds[2].revents)
			keeper_end(keeper);
		if (fds[0].revents)
			keeper_take_signal(keeper);
	}
}

/* ---- the service ------------------------------------------------------------------- */

static int keeper_become_service(pid_t keeper, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* It may have ended before. */
	return getppid() == keeper ? 0 : -ESRCH;
}

int keeper_fork(const struct options *options, int ready_fd)
{
	struct keeper keeper = {.options = options, .ready_fd = ready_fd, .aborter = -1};
	pid_t self = getpid();
	sigset_t before, blocked;
	int ends[2], life[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
	    pipe2(life, O_CLOEXEC) < 0)
		return -errno;
	/* If it is ignored, which execve(2) keeps, the kernel reports no end of a child.
	 */
	signal(SIGCHLD, SIG_DFL);
	keeper_block_signals(&before, &blocked);
	/* Not in the keeper: its failure would leave what the service has mounted. */
	keeper.signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	if (keeper.signals < 0)
		return -errno;
	keeper.service = fork();
	if (keeper.service < 0)
		return -errno;
	if (keeper.service > 0) {
		close(ends[1]);
		close(life[1]);
		keeper.reports = ends[0];
		keeper.life = life[0];
		keeper_run(&keeper);
	}
	close(ends[0]);
	close(life[0]);
	close(keeper.signals);
	if (ready_fd >= 0)
		close(ready_fd);
	keeper_reports = ends[1];
	keeper_life = life[1];
	return keeper_become_service(self, &before);
}

/* With a descriptor, unless it is -1. */
static int keeper_send(struct keeper_report report, int fd)
{
	union keeper_control control = {.header = {.cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {&report, sizeof(report)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (keeper_reports < 0)
		return 0;
	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(keeper_reports, &message, MSG_NOSIGNAL) < 0) {
		log_warning("cannot report to the keeper: %m");
		return -errno;
	}
	return 0;
}

static void keeper_report(enum keeper_event event)
{
	keeper_send((struct keeper_report){.event = event}, -1);
}

void keeper_report_mounted(uint64_t dev)
{
	int aborter = aborter_open(dev);

	keeper_aborter = MAX(aborter, -1);
	if (aborter >= 0)
		keeper_send((struct keeper_report){.event = KEEPER_MOUNTED}, aborter);
	else
		log_info("cannot end the connection of a killed service: %s",
			 strerror(-aborter));
}

int keeper_show_life(void)
{
	const struct life_fds fds = {keeper_life, keeper_reports, keeper_aborter};
	int r = life_show(&fds);

	keeper_aborter = -1;
	/* Without an aborter SIGKILL is as good. */
	if (r == 0 && fds.aborter >= 0 && prctl(PR_SET_PDEATHSIG, 0) < 0)
		r = -errno;
	return r;
}

void keeper_unmount(uint64_t dev, int connection)
{
	struct keeper_report report = {.dev = dev, .event = KEEPER_UNMOUNT};
	ssize_t n;
	SCOPED_LOCK(&keeper_unmount_lock);

	if (keeper_send(report, connection) < 0)
		return;
	do
		n = recv(keeper_reports, &report, sizeof(report), 0);
	while (n < 0 && errno == EINTR);
}

void keeper_report_ready(void)
{
	keeper_report(KEEPER_READY);
}

void keeper_report_ending(void)
{
	keeper_report(KEEPER_ENDING);
}

void keeper_abandon_threads(void)
{
	keeper_report(KEEPER_ABANDONED);
	/* The threads that stay share the descriptors; one of these may wait, too. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	_exit(EXIT_SUCCESS);
}
