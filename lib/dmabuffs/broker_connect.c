/* SPDX-License-Identifier: MIT */
/*
 * broker_connect.c - reach the socket in the root directory
 *
 * There is no connectat(2), and sun_path holds 108 bytes, less than a mount point may
 * have. A path through /proc/thread-self/fd reaches the socket from the open root
 * directory, even after the mount was moved. Without /proc a helper thread with a working
 * directory of its own connects.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <util.h>

#include "broker.h"

static int broker_connect_path(int fd, const struct sockaddr_un *address)
{
	uint64_t start = now_ms();
	int r;

	do {
		r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	} while (r < 0 && broker_may_wait_on(start));
	if (r == 0)
		return 0;
	/* EAGAIN: the timeout passed while the backlog of the service was full. */
	return errno == EAGAIN || errno == EINTR ? -ETIMEDOUT : -errno;
}

static int broker_connect_through_proc(int fd, int root_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* thread-self: a thread may have a descriptor table of its own. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/thread-self/fd/%d/" DMABUFFS_BROKER_NAME, root_fd);
	return broker_connect_path(fd, &address);
}

struct visit {
	int fd;
	int root_fd;
	int result;
};

static void *broker_connect_from_inside(void *data)
{
	static const struct sockaddr_un address = {AF_UNIX, DMABUFFS_BROKER_NAME};
	struct visit *visit = data;

	/* Unshare first: without it the whole process would change its directory. */
	if (unshare(CLONE_FS) < 0 || fchdir(visit->root_fd) < 0)
		visit->result = -errno;
	else
		visit->result = broker_connect_path(visit->fd, &address);
	return NULL;
}

static int broker_connect_without_proc(int fd, int root_fd)
{
	struct visit visit = {.fd = fd, .root_fd = root_fd};
	sigset_t all, before;
	pthread_t thread;
	int r;

	/* Signal handlers of the program must not run on this thread. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, broker_connect_from_inside, &visit);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r > 0)
		return -r;
	(void)pthread_join(thread, NULL);
	return visit.result;
}

static int broker_connect_set_timeouts(int fd)
{
	struct timeval limit = {.tv_sec = BROKER_TIMEOUT_S};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	return 0;
}

int broker_connect(int root_fd, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = broker_connect_set_timeouts(fd);
	if (r < 0)
		return r;
	r = broker_connect_through_proc(fd, root_fd);
	if (r == -ENOENT)
		r = broker_connect_without_proc(fd, root_fd);
	/* No listening broker: the service has exited. */
	if (r == -ENOENT || r == -ECONNREFUSED)
		r = -ENOTCONN;
	if (r < 0)
		return r;

	*ret_fd = TAKE_FD(fd);
	return 0;
}
