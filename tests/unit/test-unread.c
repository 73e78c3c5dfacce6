/* SPDX-License-Identifier: MIT */
/* test-unread.c - which messages are left in a socket that is to be closed */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker-client.h"
#include "broker/unread.h"
#include "fixture.h"

static int client, service;

static void init(void)
{
	int fds[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)));
	client = fds[0];
	service = fds[1];
}

static void finish(void)
{
	close(client);
	close(service);
}

TestSuite(unread, .init = init, .fini = finish);

static void send_bytes(const char *bytes)
{
	cr_assert(zero(int, client_send(client, bytes, strlen(bytes), -1, 0)));
}

static void send_fd(const char *bytes)
{
	cr_assert(zero(int, client_send(client, bytes, strlen(bytes), client, 1)));
}

static ssize_t size_of_first(void)
{
	char bytes[100];

	return recv(service, bytes, sizeof(bytes), MSG_DONTWAIT);
}

Test(unread, nothing)
{
	cr_assert(unread_drop_plain(service));
}

Test(unread, the_end)
{
	close(client);
	cr_assert(unread_drop_plain(service));
	client = -1;
}

Test(unread, plain_messages_are_dropped)
{
	send_bytes("one");
	send_bytes("");
	send_bytes("");
	send_bytes("four");
	cr_assert(unread_drop_plain(service));
	cr_assert(zero(i64, size_of_first()));
}

Test(unread, nothing_can_be_sent_afterwards)
{
	cr_assert(unread_drop_plain(service));
	cr_assert(eq(int, client_send(client, "", 0, client, 1), -EPIPE));
	cr_assert(unread_drop_plain(service));
}

Test(unread, descriptors_stay)
{
	send_fd("one");
	cr_assert(not(unread_drop_plain(service)));
	cr_assert(eq(i64, size_of_first(), 3));
	cr_assert(unread_drop_plain(service));
}

Test(unread, descriptors_of_an_empty_message_stay)
{
	send_fd("");
	cr_assert(not(unread_drop_plain(service)));
	cr_assert(zero(i64, size_of_first()));
	cr_assert(unread_drop_plain(service));
}

Test(unread, descriptors_behind_plain_messages_stay)
{
	send_bytes("one");
	send_bytes("");
	send_fd("third");
	cr_assert(not(unread_drop_plain(service)));
	cr_assert(eq(i64, size_of_first(), 5));
}

/* The peer that closes a socket with a reply in it resets the connection. */
Test(unread, a_reset_hides_no_message)
{
	send_bytes("one");
	send_fd("two");
	cr_assert(eq(i64, send(service, "reply", 5, 0), 5));
	close(client);
	cr_assert(not(unread_drop_plain(service)));
	cr_assert(eq(i64, size_of_first(), 3));
	cr_assert(unread_drop_plain(service));
	client = -1;
}

Test(unread, a_reset_without_messages)
{
	cr_assert(eq(i64, send(service, "reply", 5, 0), 5));
	close(client);
	cr_assert(unread_drop_plain(service));
	client = -1;
}
