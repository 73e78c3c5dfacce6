/* SPDX-License-Identifier: MIT */
/* ipc-rivals.c - ways to transfer descriptors between processes without a service */
#include "ipc-rivals.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "bench.h"
#include "client.h"

/* ---- a thread that sends descriptors ----------------------------------------------- */

/* The descriptor exists already; runtimes that export it only now take longer. */
static int answer(int connection)
{
	const char byte = 0;
	int fd;

	if (recv(connection, &fd, sizeof(fd), MSG_WAITALL) != sizeof(fd))
		return -ECONNRESET;
	return client_send_fd(connection, &byte, sizeof(byte), fd);
}

static void *answer_all(void *data)
{
	int listening = (int)(intptr_t)data;
	int connection;

	while ((connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		int r = answer(connection);

		close_keep_errno(connection);
		if (r < 0)
			(void)complain(r, "sending a requested descriptor");
	}
	(void)complain(-errno, "accept");
	return NULL;
}

/* Binds to an address that the kernel chooses. */
static int listen_anywhere(struct rival *rival, int *ret_socket)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_un any = {.sun_family = AF_UNIX};

	rival->address_bytes = sizeof(rival->address);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&rival->address, &rival->address_bytes) <
		    0 ||
	    listen(fd, SOMAXCONN) < 0)
		return complain(-errno, "creating the listening socket");
	*ret_socket = TAKE_FD(fd);
	return 0;
}

int rival_serve(struct rival *ret_rival)
{
	struct rival rival = {.pid = getpid()};
	pthread_t thread;
	int listening = -1, r;

	r = listen_anywhere(&rival, &listening);
	if (r < 0)
		return r;
	r = -pthread_create(&thread, NULL, answer_all, (void *)(intptr_t)listening);
	if (r < 0) {
		close_keep_errno(listening);
		return complain(r, "pthread_create");
	}
	(void)pthread_detach(thread);
	*ret_rival = rival;
	return 0;
}

/* ---- receiving descriptors --------------------------------------------------------- */

int rival_connect(const struct rival *rival, int theirs, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int received = -1, r;
	char byte;

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&rival->address, rival->address_bytes) <
		    0 ||
	    send(fd, &theirs, sizeof(theirs), MSG_NOSIGNAL) < 0)
		return -errno;
	r = client_receive_fd(fd, &byte, sizeof(byte), &received);
	if (r < 0)
		return r;
	if (received < 0)
		return -EPROTO;
	*ret_fd = received;
	return 0;
}

int rival_take(const struct rival *rival, int theirs, int *ret_fd)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, rival->pid, 0);
	int fd;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
