/* SPDX-License-Identifier: MIT */
/* test-fdstore.c - what systemd is asked to keep */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../support/fd-message.h"
#include "base/log.h"
#include "process/fdstore.h"
#include "fixture.h"

static int systemd; /* the socket of an imitated one */
static struct held held;

static void init(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path, sizeof(address.sun_path),
			      "@dmabuffs-test-%d", getpid());

	log_set_level(LOG_CRIT);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	address.sun_path[0] = '\0';
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert(zero(int, bind(systemd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					     (size_t)length))));
	held_init(&held);
	held.fuse = new_memfd(1);
	held.listener = new_memfd(1);
	held.state[0] = new_memfd(1);
	held.state[1] = new_memfd(1);
	held.n_state = 2;
}

TestSuite(fdstore, .init = init);

static bool is_same_file(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino;
}

static void expect_stored(const char *name, int fd)
{
	char text[100] = "", expected[100];
	int received = -1;
	size_t n;

	snprintf(expected, sizeof(expected), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s\n", name);
	cr_assert(gt(int, receive_fds(systemd, text, sizeof(text) - 1, &received, 1, &n),
		     0));
	cr_assert(eq(str, text, expected));
	cr_assert(eq(sz, n, 1U));
	cr_assert(is_same_file(received, fd), "%s", name);
	close(received);
}

static void expect_message(const char *expected)
{
	char text[100] = "";

	cr_assert(gt(long, recv(systemd, text, sizeof(text) - 1, MSG_DONTWAIT), 0));
	cr_assert(eq(str, text, (char *)expected));
}

static void expect_silence(void)
{
	char byte;

	cr_assert(eq(long, recv(systemd, &byte, 1, MSG_DONTWAIT), -1));
}

/* Those before the FUSE device are of no use alone, and are recognised by that. */
Test(fdstore, the_device_is_the_last)
{
	cr_assert(zero(int, fdstore_put(&held)));
	expect_stored("ledger", held.state[0]);
	expect_stored("bank-0", held.state[1]);
	expect_stored("listener", held.listener);
	expect_stored("fuse", held.fuse);
	expect_silence();
}

/* The one before would be killed in its place. */
Test(fdstore, a_service_takes_the_place_of_the_one_before)
{
	held.service = new_memfd(1);
	cr_assert(zero(int, fdstore_put_service(&held)));
	expect_message("FDSTOREREMOVE=1\nFDNAME=service\n");
	expect_stored("service", held.service);
	expect_silence();
}

Test(fdstore, all_of_them_are_dropped)
{
	fdstore_drop(&held);
	expect_message("FDSTOREREMOVE=1\nFDNAME=ledger\n");
	expect_message("FDSTOREREMOVE=1\nFDNAME=bank-0\n");
	expect_message("FDSTOREREMOVE=1\nFDNAME=listener\n");
	expect_message("FDSTOREREMOVE=1\nFDNAME=fuse\n");
	expect_silence();
}

Test(fdstore, a_systemd_that_is_not_there_is_an_error)
{
	close(systemd);
	cr_assert(eq(int, fdstore_put(&held), -ECONNREFUSED));
	fdstore_drop(&held);
}

/* A warning, because a stored device alone would be of no use. */
Test(fdstore, too_little_room_is_not_an_error)
{
	setenv("FDSTORE", "3", 1);
	cr_assert(zero(int, fdstore_put(&held)));
}
