/* SPDX-License-Identifier: MIT */
#include "process/serving.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "broker/rights.h"
#include "process/privileges.h"
#include "util.h"

enum { SERVING_CANNOT_EXECUTE = 127 };

void serving_init(struct serving *serving)
{
	*serving = (struct serving){.pidfd = -1, .reports = -1, .life = -1};
}

void serving_finish(struct serving *serving)
{
	close_keep_errno(serving->pidfd);
	close_keep_errno(serving->reports);
	close_keep_errno(serving->life);
	serving_init(serving);
}

/* The holder's ends are the serving's members, the others @ret_ends's. */
static int serving_connect(struct serving *serving, struct held *ret_ends)
{
	int ends[2], life[2];

	held_init(ret_ends);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	serving->reports = ends[0];
	ret_ends->holder = ends[1];
	if (pipe2(life, O_CLOEXEC) < 0)
		return -errno;
	serving->life = life[0];
	ret_ends->life = life[1];
	return 0;
}

static int serving_fork_connected(struct serving *serving)
{
	serving->pid = fork();
	if (serving->pid < 0)
		return -errno;
	if (serving->pid == 0)
		return 1;
	/* Not reaped before this process asks for it. */
	serving->pidfd = (int)syscall(SYS_pidfd_open, serving->pid, 0);
	if (serving->pidfd >= 0)
		return 0;
	kill(serving->pid, SIGKILL);
	return -errno;
}

int serving_fork(struct serving *ret_serving, struct held *ret_ends)
{
	int r;

	serving_init(ret_serving);
	r = serving_connect(ret_serving, ret_ends);
	if (r == 0)
		r = serving_fork_connected(ret_serving);
	if (r != 1)
		held_close(ret_ends);
	if (r != 0)
		serving_finish(ret_serving);
	return r;
}

static _Noreturn void serving_execute(const struct serving_program *program,
				      const struct held *held)
{
	int exe = fcntl(program->exe, F_DUPFD_CLOEXEC, held_end(held));
	int r = exe < 0 ? -errno : held_pass(held);

	if (r == 0)
		r = privileges_hand_on();
	if (r == 0) {
		sigprocmask(SIG_SETMASK, program->mask, NULL);
		syscall(SYS_execveat, exe, "", program->argv, environ, AT_EMPTY_PATH);
		r = -errno;
	}
	log_error("cannot start a service: %s", strerror(-r));
	_exit(SERVING_CANNOT_EXECUTE);
}

int serving_start(struct serving *ret_serving, const struct serving_program *program,
		  const struct held *held)
{
	struct held passed, ends;
	int r = serving_fork(ret_serving, &ends);

	if (r == 0)
		serving_refuse_descriptors(ret_serving);
	if (r != 1)
		return r;
	passed = *held;
	passed.service = -1;
	passed.holder = ends.holder;
	passed.life = ends.life;
	serving_execute(program, &passed);
}

void serving_refuse_descriptors(const struct serving *serving)
{
	(void)rights_permit(serving->reports, false);
}

void serving_signal(const struct serving *serving, int signal_number)
{
	if (serving->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, serving->pidfd, signal_number, NULL,
			      0);
}

bool serving_is_gone(const struct serving *serving)
{
	return poll(&(struct pollfd){serving->pidfd, POLLIN, 0}, 1, 0) == 1;
}

bool serving_was_killed(const struct serving *serving)
{
	return serving->was_reaped && WIFSIGNALED(serving->wait_status) &&
	       WTERMSIG(serving->wait_status) == SIGKILL;
}
