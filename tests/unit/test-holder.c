/* SPDX-License-Identifier: MIT */
/*
 * test-holder.c - a holder, and a service that does what it likes
 *
 * Both are processes of a test, which has the service's end of the socket.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../support/process.h"
#include "base/log.h"
#include "broker/rights.h"
#include "process/holder_private.h"
#include "process/report.h"
#include "clock.h"
#include "fixture.h"
#include "stuck-socket.h"

#define FLOOD 5000

static char mountpoint[] = "/nonexistent";
static struct options options = {.mountpoint = mountpoint, .foreground = true};
static struct holder holder;
static pid_t holder_pid, test_pid;
/* The service's end, and the next one's. */
static int reports, next_reports;
/* Of the pipe of the last one that was started. */
static int life_end;

static void init(void)
{
	unsetenv("NOTIFY_SOCKET");
	log_set_level(LOG_CRIT);
	test_pid = getpid();
	holder = (struct holder){.options = &options,
				 .ready_fd = -1,
				 .aborter = -1,
				 .exe = -1,
				 .exe_before = -1,
				 .next_exe = -1};
	held_init(&holder.held);
	serving_init(&holder.current);
	serving_init(&holder.next);
}

TestSuite(holder, .init = init, .timeout = 30);

static void end_with_test(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != test_pid)
		_exit(0);
}

static void wait_always(void *unused)
{
	end_with_test();
	for (;;)
		pause();
}

static void wait_without_signals(void *unused)
{
	signal(SIGTERM, SIG_IGN);
	wait_always(NULL);
}

static pid_t start(void (*run)(void *data), void *data)
{
	pid_t pid = fork();

	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		run(data);
		_exit(0);
	}
	return pid;
}

/* Returns its end of the socket. The other end of its pipe stays open here alone. */
static int start_service(struct serving *serving, void (*run)(void *data))
{
	const struct timeval bound = {.tv_sec = 10};
	int ends[2], life[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	serving->pid = start(run, NULL);
	cr_assert(zero(int, pipe(life)));
	serving->pidfd = (int)syscall(SYS_pidfd_open, serving->pid, 0);
	serving->reports = ends[0];
	serving->life = life[0];
	life_end = life[1];
	setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	return ends[1];
}

static void run_holder(void *unused)
{
	sigset_t set;

	end_with_test();
	close(life_end);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	holder.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	holder_run(&holder);
}

static void start_holder(void)
{
	holder_pid = start(run_holder, NULL);
}

static void send_event(int socket, enum report_event event)
{
	cr_assert(zero(int,
		       report_send(socket, &(struct report){.event = event}, NULL, 0)));
}

static struct report receive_reply(void)
{
	struct report report;

	cr_assert(eq(long, recv(reports, &report, sizeof(report), 0),
		     (long)sizeof(report)));
	return report;
}

/* What was sent before has been handled then. */
static void synchronize(void)
{
	send_event(reports, REPORT_UNMOUNT);
	cr_assert(eq(u32, receive_reply().event, (uint32_t)REPORT_UNMOUNT));
}

static int signal_of_end(pid_t pid)
{
	int status;

	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- what a service sends ---------------------------------------------------------- */

Test(holder, a_flood_of_requests_does_not_stop_it)
{
	reports = start_service(&holder.current, wait_always);
	start_holder();
	for (int i = 0; i < FLOOD; i++)
		send_event(reports, REPORT_UNMOUNT);
	kill(holder_pid, SIGTERM);
	cr_assert(eq(int, signal_of_end(holder.current.pid), SIGTERM));
}

Test(holder, a_death_is_seen_though_another_process_has_the_descriptors)
{
	reports = start_service(&holder.current, wait_always);
	start_holder();
	synchronize();
	kill(holder.current.pid, SIGKILL);
	cr_assert(zero(int, signal_of_end(holder_pid)));
}

/* Where that is possible, its last close is that of the message. */
static void send_stuck_socket(int socket)
{
	const struct report report = {.event = REPORT_ENDING};
	int peer, fd = stuck_socket(&peer);

	if (report_send(socket, &report, &fd, 1) < 0)
		close(peer);
	close(fd);
}

/* By the close of what it is sent. */
Test(holder, a_service_that_serves_cannot_block_it)
{
	int probe[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, probe)));
	if (!rights_permit(probe[0], false))
		cr_skip_test("this kernel cannot refuse descriptors");
	reports = start_service(&holder.current, wait_always);
	start_holder();
	send_event(reports, REPORT_READY);
	synchronize();
	send_stuck_socket(reports);
	synchronize();
}

/* Nothing of it goes on without a holder. */
Test(holder, a_service_that_says_that_it_ends_is_killed)
{
	reports = start_service(&holder.current, wait_always);
	start_holder();
	send_event(reports, REPORT_ABANDONED);
	cr_assert(zero(int, signal_of_end(holder_pid)));
	cr_assert(eq(int, signal_of_end(holder.current.pid), SIGKILL));
}

static void close_pipe_of_service(bool says_its_end)
{
	reports = start_service(&holder.current, wait_always);
	start_holder();
	if (says_its_end)
		send_event(reports, REPORT_ENDED);
	close(life_end);
	(void)signal_of_end(holder_pid);
	cr_assert(eq(int, signal_of_end(holder.current.pid), SIGKILL));
}

Test(holder, a_service_that_ends_and_closes_its_pipe_is_killed)
{
	close_pipe_of_service(true);
}

Test(holder, a_service_that_closes_its_pipe_is_killed)
{
	close_pipe_of_service(false);
}

static bool has_spare(void *unused)
{
	return process_spare(holder_pid) > 0;
}

Test(holder, a_service_is_ready_once)
{
	pid_t spare, later;

	holder.exe = open("/bin/true", O_PATH | O_CLOEXEC);
	holder.has_served = holder.has_reported = true;
	reports = start_service(&holder.current, wait_always);
	start_holder();
	send_event(reports, REPORT_READY);
	cr_assert(wait_until(has_spare, NULL));
	synchronize();
	spare = process_spare(holder_pid);
	send_event(reports, REPORT_READY);
	synchronize();
	later = process_spare(holder_pid);
	/* It ends its spare, which would go on otherwise. */
	kill(holder_pid, SIGTERM);
	(void)signal_of_end(holder_pid);
	cr_assert(eq(int, later, spare));
}

static void limit_descriptors(rlim_t n)
{
	const struct rlimit limit = {n, 64};

	cr_assert(zero(int, prlimit(holder_pid, RLIMIT_NOFILE, &limit, NULL)));
}

/* Without one the next kill of the holder ends the mount. */
Test(holder, a_spare_is_made_once_there_is_room)
{
	holder.exe = open("/bin/true", O_PATH | O_CLOEXEC);
	holder.has_served = holder.has_reported = true;
	reports = start_service(&holder.current, wait_always);
	start_holder();
	synchronize();
	limit_descriptors(5);
	send_event(reports, REPORT_READY);
	synchronize();
	cr_assert(eq(int, process_spare(holder_pid), -1));
	limit_descriptors(64);
	cr_assert(wait_until(has_spare, NULL));
	/* It ends its spare, which would go on otherwise. */
	kill(holder_pid, SIGTERM);
	(void)signal_of_end(holder_pid);
}

/* ---- the end ----------------------------------------------------------------------- */

/* A pipe, for it is looked at whether that hangs up. */
static void hold_mount(void)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	holder.held.fuse = ends[0];
	holder.has_served = holder.has_reported = true;
}

Test(holder, one_that_is_asked_to_end_ends_well_though_its_service_is_killed)
{
	int status;

	hold_mount();
	reports = start_service(&holder.current, wait_without_signals);
	start_holder();
	synchronize();
	kill(holder_pid, SIGTERM);
	synchronize();
	kill(holder.current.pid, SIGKILL);
	cr_assert(eq(int, waitpid(holder_pid, &status, 0), holder_pid));
	cr_assert(zero(int, status));
}

/* ---- the start --------------------------------------------------------------------- */

static void hold_memfds(struct held *held)
{
	held_init(held);
	held->fuse = new_memfd(1);
	held->listener = new_memfd(1);
	held->n_state = 3;
	for (unsigned i = 0; i < held->n_state; i++)
		held->state[i] = new_memfd(1);
}

static int status_of_program(const char *path)
{
	char *argv[] = {(char *)"program", NULL};
	sigset_t mask;
	struct serving_program program = {open(path, O_PATH | O_CLOEXEC), argv, &mask};
	struct serving serving;
	struct held held;
	int status;

	sigemptyset(&mask);
	hold_memfds(&held);
	cr_assert(zero(int, serving_start(&serving, &program, &held)));
	cr_assert(eq(int, waitpid(serving.pid, &status, 0), serving.pid));
	return status;
}

Test(holder, a_service_is_started_with_few_descriptors)
{
	const struct rlimit few = {64, 64};

	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &few)));
	cr_assert(zero(int, status_of_program("/bin/true")));
}

Test(holder, those_that_fail_are_delayed)
{
	cr_assert(zero(u64, holder_delay(0, 0)));
	cr_assert(eq(u64, holder_delay(1, 0), 10U));
	cr_assert(eq(u64, holder_delay(4, 0), 80U));
	cr_assert(eq(u64, holder_delay(8, 0), 1000U));
	cr_assert(eq(u64, holder_delay(UINT_MAX, 0), 1000U));
}

/* What is short for a while is waited for longer. */
Test(holder, shortages_are_waited_for)
{
	static const int passing[] = {-ENOMEM, -EAGAIN, -ENFILE};

	cr_assert(eq(uint, holder_tries(0), 10U));
	cr_assert(eq(uint, holder_tries(-EPROTO), 10U));
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		cr_assert(eq(uint, holder_tries(passing[i]), 60U));
}

/* A crash loop of services that come to serve. */
Test(holder, those_that_die_soon_are_delayed)
{
	cr_assert(zero(u64, holder_delay(0, 20)));
	cr_assert(eq(u64, holder_delay(0, 21), 10U));
	cr_assert(eq(u64, holder_delay(0, 26), 200U));
	cr_assert(eq(u64, holder_delay(0, UINT_MAX), 200U));
	cr_assert(eq(u64, holder_delay(8, UINT_MAX), 1000U));
}

/* ---- upgrades ---------------------------------------------------------------------- */

static void expect_refused(int error)
{
	struct report refused = receive_reply();

	cr_assert(eq(u32, refused.event, (uint32_t)REPORT_UPGRADE));
	cr_assert(eq(int, refused.status, error));
}

Test(holder, without_a_program_an_upgrade_is_refused)
{
	reports = start_service(&holder.current, wait_always);
	start_holder();
	send_event(reports, REPORT_UPGRADE);
	expect_refused(-EOPNOTSUPP);
}

/* The next one would not get the signal. */
Test(holder, a_signal_to_end_ends_an_upgrade)
{
	holder.next_until = now_ms() + WAIT_MS;
	reports = start_service(&holder.current, wait_without_signals);
	next_reports = start_service(&holder.next, wait_always);
	start_holder();
	synchronize();
	kill(holder_pid, SIGTERM);
	expect_refused(-ESHUTDOWN);
	cr_assert(eq(int, signal_of_end(holder.next.pid), SIGKILL));
	send_event(reports, REPORT_UPGRADE);
	expect_refused(-ESHUTDOWN);
	cr_assert(zero(int, kill(holder.current.pid, 0)));
	cr_assert(zero(int, waitpid(holder.current.pid, NULL, WNOHANG)));
}
