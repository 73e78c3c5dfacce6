/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stuck-socket.h"

static int listen_on(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (listener < 0 || bind(listener, (struct sockaddr *)address, length) < 0 ||
	    listen(listener, 1) < 0)
		cr_skip_test("no loopback device");
	cr_assert(zero(int, getsockname(listener, (struct sockaddr *)address, &length)));
	return listener;
}

static void fill(int fd)
{
	static const char bytes[65536];

	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

int stuck_socket(int *ret_peer)
{
	const struct linger linger = {1, STUCK_SECONDS};
	struct sockaddr_in address;
	int listener = listen_on(&address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		cr_skip_test("no loopback device");
	*ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	cr_assert(ge(int, *ret_peer, 0));
	cr_assert(zero(int,
		       setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger))));
	fill(fd);
	return fd;
}
