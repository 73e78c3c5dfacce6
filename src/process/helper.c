/* SPDX-License-Identifier: MIT */
#include "process/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/helper.h"
#include "base/log.h"
#include "buffers/buffer.h"
#include "process/confine.h"
#include "process/filter.h"
#include "process/helper_serve.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "util.h"

/* The control socket is moved here, and everything from the next number on is closed. */
#define HELPER_CONTROL (STDERR_FILENO + 1)

/* The first process gets it when the service has ended. */
#define HELPER_END SIGUSR1

/* Processes at a time, should the service be taken over. */
#define HELPER_MOST (2 * HELPER_SOCKETS)

/* Of the first process, for its handler of SIGCHLD, which is blocked while they change.
 */
static struct {
	helper_busy *busy;
	pid_t servers[HELPER_SOCKETS]; /* the last one of each; 0: it has ended */
	unsigned n_running;
} helper_servers;

/* ---- the processes ----------------------------------------------------------------- */

/* In the child, which has no descriptor but @socket then. */
static _Noreturn void helper_become_server(int socket, helper_busy *busy)
{
	int r;

	if (dup2(socket, HELPER_CONTROL) < 0)
		_exit(EXIT_FAILURE);
	close_range(HELPER_CONTROL + 1, ~0U, 0);
	r = buffer_setup();
	if (r == 0)
		r = filter_helper_serve();
	_exit(r < 0 ? EXIT_FAILURE : helper_serve(HELPER_CONTROL, busy));
}

/* One that was killed has not said that it closes nothing any more. */
static void helper_forget(pid_t pid)
{
	for (size_t i = 0; i < HELPER_SOCKETS; i++)
		if (helper_servers.servers[i] == pid) {
			helper_servers.servers[i] = 0;
			atomic_store(&helper_servers.busy[i], 0);
		}
	helper_servers.n_running--;
}

static void helper_reap(int signal_number)
{
	int saved = errno;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		helper_forget(pid);
	errno = saved;
}

static int helper_watch_servers(helper_busy *busy)
{
	const struct sigaction action = {.sa_handler = helper_reap,
					 .sa_flags = SA_RESTART | SA_NOCLDSTOP};

	helper_servers.busy = busy;
	return sigaction(SIGCHLD, &action, NULL) < 0 ? -errno : 0;
}

/* Those that the service has no use for any more may still have something to close. */
static void helper_fork_server(int socket, uint32_t number)
{
	pid_t pid;

	if (helper_servers.n_running >= HELPER_MOST)
		return;
	pid = fork();
	if (pid == 0)
		helper_become_server(socket, helper_servers.busy + number);
	if (pid < 0)
		return;
	helper_servers.servers[number] = pid;
	helper_servers.n_running++;
}

static int helper_start_server(void)
{
	_cleanup_close_ int socket = -1;
	sigset_t ends, before;
	uint32_t number;
	int r = helper_receive(HELPER_CONTROL, &number, sizeof(number), &socket);

	if (r < 0)
		return r;
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, &before);
	/* If none is started, its other end is closed then, which the service notices. */
	if (socket >= 0 && number < HELPER_SOCKETS)
		helper_fork_server(socket, number);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}

/* ---- the end ----------------------------------------------------------------------- */

/* Its own group, which is all that the filter permits. */
static void helper_end_all(int signal_number)
{
	kill(0, SIGKILL);
}

/*
 * The end of its sockets is not enough: if the service is killed while a client blocks a
 * thread of it, that thread keeps them open. The signal comes with the end of the thread
 * that has started this process, the first one, which no client blocks.
 */
static int helper_end_with_service(void)
{
	const struct sigaction action = {.sa_handler = helper_end_all};

	if (sigaction(HELPER_END, &action, NULL) < 0 ||
	    prctl(PR_SET_PDEATHSIG, HELPER_END) < 0)
		return -errno;
	return 0;
}

/* ---- the first of them ------------------------------------------------------------- */

/* What it has open of the service's would stay open when that ends. */
static int helper_close_others(int control)
{
	if (dup2(control, HELPER_CONTROL) < 0 ||
	    fcntl(HELPER_CONTROL, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return close_range(HELPER_CONTROL + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* It has no terminal, nor the pipe that its starter reads. */
static int helper_detach(int null)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return 0;
}

static int helper_prepare(int control, helper_busy *busy)
{
	int null = ready_null();
	int r = null < 0 ? -errno : 0;

	prctl(PR_SET_NAME, "dmabuffs-helper");
	/* A group of their own. */
	if (r == 0 && setsid() < 0)
		r = -errno;
	if (r == 0)
		r = confine_helper();
	if (r == 0)
		r = privileges_keep(PRIVILEGES_HELPER);
	if (r == 0)
		r = helper_detach(null);
	if (r == 0)
		r = helper_close_others(control);
	if (r == 0)
		r = helper_watch_servers(busy);
	if (r == 0)
		r = helper_end_with_service();
	return r == 0 ? filter_helper_begin() : r;
}

static _Noreturn void helper_run(int control, helper_busy *busy)
{
	int32_t result = helper_prepare(control, busy);

	if (helper_send(result < 0 ? control : HELPER_CONTROL, &result, sizeof(result),
			-1) < 0 ||
	    result < 0)
		_exit(EXIT_FAILURE);
	while (helper_start_server() == 0)
		;
	helper_end_all(0);
	_exit(EXIT_SUCCESS);
}

/* ---- the service ------------------------------------------------------------------- */

static int helper_failed(int r)
{
	if (r < 0)
		log_error("cannot start the helper: %s", strerror(-r));
	return r;
}

/* Returns in the service alone. */
static int helper_fork(int ends[2], helper_busy *busy)
{
	pid_t pid = fork();

	if (pid == 0)
		helper_run(ends[1], busy);
	return pid < 0 ? -errno : 0;
}

int helper_start(struct helper_starting *ret_starting)
{
	helper_busy *busy =
		mmap(NULL, HELPER_SOCKETS * sizeof(*busy), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2] = {-1, -1}, r = 0;

	if (busy == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		r = -errno;
	if (r == 0)
		r = helper_fork(ends, busy);
	if (r == 0)
		*ret_starting = (struct helper_starting){TAKE_FD(ends[0]), busy};
	close_keep_errno(ends[0]);
	close_keep_errno(ends[1]);
	return helper_failed(r);
}

int helper_await(const struct helper_starting *starting, bool takes)
{
	int32_t result;
	int fd, r;

	r = helper_receive(starting->control, &result, sizeof(result), &fd);
	if (r == 0)
		r = result;
	if (r == 0)
		r = helper_use(starting->control, starting->busy, takes);
	return helper_failed(r);
}
