/* SPDX-License-Identifier: MIT */
/* test-held.c - the descriptors that a holder, or systemd, keeps for the next service */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "process/held.h"
#include "fixture.h"

#define FIRST 3

static void init(void)
{
	log_set_level(LOG_CRIT);
}

TestSuite(held, .init = init);

/* ---- names ------------------------------------------------------------------------- */

Test(held, names_say_which_is_which)
{
	struct held held;

	cr_assert(zero(int, held_parse("listener:bank-1:fuse:bank-0:ledger:life:holder",
				       7, &held)));
	cr_assert(eq(int, held.listener, FIRST));
	cr_assert(eq(int, held.state[2], FIRST + 1));
	cr_assert(eq(int, held.fuse, FIRST + 2));
	cr_assert(eq(int, held.state[1], FIRST + 3));
	cr_assert(eq(int, held.state[0], FIRST + 4));
	cr_assert(eq(uint, held.n_state, 3U));
	cr_assert(eq(int, held.life, FIRST + 5));
	cr_assert(eq(int, held.holder, FIRST + 6));
	cr_assert(held_is_complete(&held));
}

Test(held, none_is_passed)
{
	struct held held;

	cr_assert(zero(int, held_parse("", 0, &held)));
	cr_assert(eq(int, held.fuse, -1));
	cr_assert(not(held_is_complete(&held)));
}

static void expect_refusal(const char *names, unsigned n)
{
	struct held held;

	cr_assert(eq(int, held_parse(names, n, &held), -EBADFD), "%u of \"%s\"", n,
		  names);
}

Test(held, bad_names_are_refused)
{
	expect_refusal("fuse:other", 2);
	expect_refusal("fuse:Fuse", 2);
	expect_refusal("fuse:", 2);
	expect_refusal("", 1);
	expect_refusal("stored", 1);
	expect_refusal("fuse2", 1);
	expect_refusal("bank-", 1);
	expect_refusal("bank-x", 1);
	expect_refusal("bank--1", 1);
	expect_refusal("bank-64", 1);
	expect_refusal("bank-1x", 1);
	expect_refusal("bank-18446744073709551615", 1);
}

Test(held, one_name_twice_is_refused)
{
	expect_refusal("fuse:ledger:fuse", 3);
	expect_refusal("bank-1:bank-01", 2);
}

Test(held, other_numbers_than_names_are_refused)
{
	expect_refusal("fuse:ledger", 1);
	expect_refusal("fuse:ledger", 3);
	expect_refusal("fuse", 4000000000U);
}

/* ---- passed to a process ----------------------------------------------------------- */

/* With what is to be passed in the place of the descriptors of a mount. */
struct passing {
	const char *names;
	int fds[8];
	int n;
	const char *pid; /* NULL: of the process */
};

/* Returns the error, positive. */
static int take(void *data)
{
	const struct passing *passing = data;
	struct held held;
	char text[20];

	for (int i = 0; i < passing->n; i++)
		fcntl(passing->fds[i], F_DUPFD, 100);
	close_range(FIRST, 99, 0);
	for (int i = 0; i < passing->n; i++)
		dup2(100 + i, FIRST + i);
	close_range(FIRST + (unsigned)passing->n, ~0U, 0);
	snprintf(text, sizeof(text), "%d", passing->n);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", passing->pid ? passing->pid : text, 1);
	setenv("LISTEN_FDNAMES", passing->names, 1);
	return -held_take(-1, &held);
}

static int listening_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	/* The kernel chooses a name. */
	cr_assert(zero(
		int, bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family))));
	cr_assert(zero(int, listen(fd, 1)));
	return fd;
}

static void expect_taken(struct passing passing, int error)
{
	cr_assert(eq(int, run_in_child(take, &passing), error), "%s", passing.names);
}

/* A description of /dev/fuse that no mount has is all that a test without root gets. */
Test(held, of_no_mount)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int ledger = new_memfd(4096), listener = listening_socket();

	if (fuse < 0)
		cr_skip_test("/dev/fuse cannot be opened: %s", strerror(errno));
	expect_taken((struct passing){"fuse", {fuse}, 1}, ENOTCONN);
	expect_taken(
		(struct passing){"ledger:listener:fuse", {ledger, listener, fuse}, 3},
		ENOTCONN);
	expect_taken((struct passing){"ledger:listener", {ledger, listener}, 2},
		     ENOTCONN);
}

Test(held, of_other_kinds)
{
	int ledger = new_memfd(4096), listener = listening_socket();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2], named = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	cr_assert(zero(int, bind(named, (struct sockaddr *)&address,
				 sizeof(address.sun_family))));
	expect_taken((struct passing){"fuse", {ledger}, 1}, EBADFD);
	expect_taken((struct passing){"fuse", {open("/dev/null", O_RDWR)}, 1}, EBADFD);
	expect_taken((struct passing){"listener", {ledger}, 1}, EBADFD);
	expect_taken((struct passing){"holder", {listener}, 1}, EBADFD);
	expect_taken((struct passing){"holder", {named}, 1}, EBADFD);
	expect_taken((struct passing){"life", {listener}, 1}, EBADFD);
}

Test(held, not_open)
{
	expect_taken((struct passing){"ledger", {999}, 1}, EBADFD);
}

Test(held, passed_to_another_process)
{
	expect_taken((struct passing){"other", {0}, 1, .pid = "1"}, 0);
	expect_taken((struct passing){"other", {0}, 1, .pid = ""}, 0);
}
