/* SPDX-License-Identifier: MIT */
/* child.c - child processes of other users and in other namespaces */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../support/fd-message.h"
#include "child.h"
#include "harness.h"
#include "namespaces.h"

static void become(const struct identity *who)
{
	/*
	 * setgroups(2) may be denied in a nested user namespace, which then has no groups
	 * to drop.
	 */
	if (who->n_groups || getgroups(0, NULL) > 0)
		ASSERT_OK(SYS(setgroups(who->n_groups, who->groups)));
	ASSERT_OK(SYS(setresgid(who->gid, who->gid, who->gid)));
	ASSERT_OK(SYS(setresuid(who->uid, who->uid, who->uid)));
	/* As after a login's execve(2): the process owns its own /proc files. */
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void child_start(struct child *child, const struct identity *who,
		 void (*fn)(int peer, void *data), void *data)
{
	int ends[2];

	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)));
	child->pid = fork();
	ASSERT(child->pid >= 0);
	if (child->pid == 0) {
		close(ends[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (who) {
			become(who);
			namespaces_enter(who);
		}
		fn(ends[1], data);
		_exit(0);
	}
	close(ends[1]);
	child->peer = ends[0];
}

static int reap(struct child *child, int ms)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(child->pid, 0)));
	int status;

	if (!wait_ready(pidfd, POLLIN, ms))
		test_fail(__FILE__, __LINE__, "a child process does not exit");
	close(pidfd);
	ASSERT_EQ(waitpid(child->pid, &status, 0), child->pid);
	close(child->peer);
	return status;
}

void child_wait_ms(struct child *child, int ms)
{
	int status = reap(child, ms);

	if (WIFSIGNALED(status))
		test_fail(__FILE__, __LINE__, "a child process died: SIG%s",
			  sigabbrev_np(WTERMSIG(status)));
	ASSERT_EQ(WEXITSTATUS(status), 0);
}

void child_wait(struct child *child)
{
	child_wait_ms(child, WAIT_MS);
}

void child_kill(struct child *child, int signal)
{
	ASSERT_OK(SYS(kill(child->pid, signal)));
	reap(child, WAIT_MS);
}

struct call {
	int (*fn)(void *data);
	void *data;
};

static void answer_call(int peer, void *data)
{
	struct call *call = data;
	int result = call->fn(call->data);

	peer_put(peer, &result, sizeof(result));
}

int child_call(const struct identity *who, int (*fn)(void *data), void *data)
{
	struct call call = {.fn = fn, .data = data};
	struct child child;
	int result;

	child_start(&child, who, answer_call, &call);
	peer_get(child.peer, &result, sizeof(result));
	child_wait(&child);
	return result;
}

void peer_put(int peer, const void *data, size_t size)
{
	ASSERT_EQ(send(peer, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

void peer_get(int peer, void *data, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size) {
		if (!wait_ready(peer, POLLIN, WAIT_MS))
			test_fail(__FILE__, __LINE__,
				  "no message from the other process");
		n = recv(peer, (char *)data + used, size - used, 0);
		if (n <= 0)
			test_fail(__FILE__, __LINE__, "the other process has exited");
		used += (size_t)n;
	}
}

void peer_signal(int peer)
{
	peer_put(peer, "", 1);
}

void peer_wait(int peer)
{
	char byte;

	peer_get(peer, &byte, 1);
}

void peer_put_fd(int peer, int fd)
{
	ASSERT_OK(send_fd(peer, fd));
}

int peer_get_fd(int peer)
{
	ASSERT(wait_ready(peer, POLLIN, WAIT_MS));
	return ASSERT_OK(receive_fd(peer));
}
