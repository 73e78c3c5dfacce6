/* SPDX-License-Identifier: MIT */
#include "process/helper.h"

#include <errno.h>
#include <fcntl.h>
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

/* Processes at a time, should the service be taken over. */
#define HELPER_MOST (2 * HELPER_SOCKETS)

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

/* Those that the service has no use for any more may still have something to close. */
static bool helper_may_start(unsigned *n_running)
{
	while (*n_running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
		--*n_running;
	return *n_running < HELPER_MOST;
}

static int helper_start_server(helper_busy *busy)
{
	static unsigned n_running;
	_cleanup_close_ int socket = -1;
	uint32_t number;
	pid_t pid;
	int r = helper_receive(HELPER_CONTROL, &number, sizeof(number), &socket);

	if (r < 0)
		return r;
	/* Its other end is closed then, which the service notices. */
	if (socket < 0 || number >= HELPER_SOCKETS || !helper_may_start(&n_running))
		return 0;
	pid = fork();
	if (pid == 0)
		helper_become_server(socket, busy + number);
	n_running += pid > 0;
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

static int helper_prepare(int control)
{
	int null = ready_null();
	int r = null < 0 ? -errno : 0;

	prctl(PR_SET_NAME, "dmabuffs-helper");
	if (r == 0)
		r = confine_helper();
	if (r == 0)
		r = privileges_keep(PRIVILEGES_HELPER);
	if (r == 0)
		r = helper_detach(null);
	if (r == 0)
		r = helper_close_others(control);
	return r == 0 ? filter_helper_begin() : r;
}

static _Noreturn void helper_run(int control, helper_busy *busy)
{
	int32_t result = helper_prepare(control);

	if (helper_send(result < 0 ? control : HELPER_CONTROL, &result, sizeof(result),
			-1) < 0 ||
	    result < 0)
		_exit(EXIT_FAILURE);
	while (helper_start_server(busy) == 0)
		;
	_exit(EXIT_SUCCESS);
}

/* ---- the service ------------------------------------------------------------------- */

static int helper_wait(int control)
{
	int32_t result;
	int fd, r = helper_receive(control, &result, sizeof(result), &fd);

	return r < 0 ? r : result;
}

static int helper_fork(int ends[2], helper_busy *busy, bool takes)
{
	pid_t pid = fork();
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		helper_run(ends[1], busy);
	close(TAKE_FD(ends[1]));
	r = helper_wait(ends[0]);
	return r == 0 ? helper_use(TAKE_FD(ends[0]), busy, takes) : r;
}

int helper_start(bool takes)
{
	helper_busy *busy =
		mmap(NULL, HELPER_SOCKETS * sizeof(*busy), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2] = {-1, -1}, r = 0;

	if (busy == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		r = -errno;
	if (r == 0)
		r = helper_fork(ends, busy, takes);
	close_keep_errno(ends[0]);
	close_keep_errno(ends[1]);
	if (r < 0)
		log_error("cannot start the helper: %s", strerror(-r));
	return r;
}
