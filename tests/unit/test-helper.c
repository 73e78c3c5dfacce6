/* SPDX-License-Identifier: MIT */
/* test-helper.c - requests to the helper, whose part the test takes */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/helper.h"
#include "clock.h"
#include "fd_identity.h"
#include "util.h"
#include "../support/process.h"

#define FIRST      HELPER_PLAIN_SOCKETS /* of those that close something */
#define KEPT       2                    /* of these, without a burst */
#define PER_PERSON 32

static int control;                 /* the helper's end */
static int sockets[HELPER_SOCKETS]; /* the helper's ends; 0: none */
static helper_busy busy[HELPER_SOCKETS];

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 1;
}

/* Returns the number of the socket. */
static int accept_socket(void)
{
	uint32_t number;
	int fd;

	cr_assert(is_readable(control));
	cr_assert(zero(int, helper_receive(control, &number, sizeof(number), &fd)));
	cr_assert(lt(u32, number, HELPER_SOCKETS));
	cr_assert(ge(int, fd, 0));
	sockets[number] = fd;
	return (int)number;
}

static void set_up(void)
{
	int ends[2];

	cr_assert(not(helper_is_used()));
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends)));
	control = ends[1];
	cr_assert(zero(int, helper_use(ends[0], busy, true)));
	cr_assert(helper_is_used());
	cr_assert(zero(int, accept_socket()));
	for (int i = 0; i < KEPT; i++)
		cr_assert(eq(int, accept_socket(), FIRST + i));
	cr_assert(not(is_readable(control)));
}

TestSuite(helper, .init = set_up);

static struct helper_request take_of(int fd)
{
	return (struct helper_request){.op = HELPER_TAKE, .tid = 1, .fd = fd};
}

static int reply(int number, int result, int fd)
{
	struct helper_request request;
	struct helper_reply message = {.size = sizeof(message), .result = result};
	int received;

	cr_assert(zero(int, helper_receive(sockets[number], &request, sizeof(request),
					   &received)));
	cr_assert(eq(u32, request.size, sizeof(request)));
	cr_assert(zero(int, helper_send(sockets[number], &message, sizeof(message), fd)));
	return received;
}

static void expect_same_file(int a, int b)
{
	uint64_t dev[2], ino[2];

	cr_assert(zero(int, fd_identity(a, &dev[0], &ino[0])));
	cr_assert(zero(int, fd_identity(b, &dev[1], &ino[1])));
	cr_assert(eq(u64, ino[0], ino[1]));
}

Test(helper, passes_descriptors_both_ways)
{
	int memfd = memfd_create("test", MFD_CLOEXEC), sent, got = -1;
	struct helper_reply message;
	int call = helper_begin(take_of(7), memfd, 1000);

	cr_assert(eq(int, call, FIRST));
	sent = reply(call, 3, memfd);
	expect_same_file(sent, memfd);
	cr_assert(eq(int, helper_end(call, &message, &got), 3));
	expect_same_file(got, memfd);
	cr_assert(ne(int, got, memfd));
}

Test(helper, result_and_no_descriptor)
{
	struct helper_reply message;
	int call = helper_begin(take_of(7), -1, 1000), got = 5;

	cr_assert(eq(int, reply(call, -EBADFD, -1), -1));
	cr_assert(eq(int, helper_end(call, &message, &got), -EBADFD));
	cr_assert(eq(int, got, 5), "changed on failure");
	cr_assert(eq(int, helper_end(-EBUSY, &message, &got), -EBUSY));
}

/* It still closes what it took. */
Test(helper, busy_socket_is_not_used)
{
	struct helper_reply message;
	int call = helper_begin(take_of(7), -1, 1000);

	reply(call, 0, -1);
	cr_assert(zero(int, helper_end(call, &message, NULL)));
	cr_assert(eq(u32, busy[call], 1));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST + 1));
	busy[call] = 0;
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST));
}

Test(helper, one_person_is_bounded)
{
	struct helper_reply message;

	for (int i = 0; i < PER_PERSON; i++) {
		int call = helper_begin(take_of(7), -1, 1000);

		cr_assert(eq(int, call, FIRST + i));
		if (i >= KEPT)
			cr_assert(eq(int, accept_socket(), call));
		reply(call, 0, -1);
		cr_assert(zero(int, helper_end(call, &message, NULL)));
	}
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), -EBUSY));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1001), FIRST + PER_PERSON));
	cr_assert(eq(int, helper_begin(take_of(7), -1, HELPER_NOBODY),
		     FIRST + PER_PERSON + 1));
	busy[FIRST + 3] = 0;
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST + 3));
}

Test(helper, burst_leaves_nothing)
{
	struct helper_reply message;
	int calls[KEPT + 2];
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = helper_begin(take_of(7), -1, 1000);
	for (int i = FIRST + KEPT; i < FIRST + KEPT + 2; i++)
		cr_assert(eq(int, accept_socket(), i));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		reply(calls[i], 0, -1);
		busy[calls[i]] = 0;
		cr_assert(zero(int, helper_end(calls[i], &message, NULL)));
	}
	for (int i = FIRST + KEPT; i < FIRST + KEPT + 2; i++)
		cr_assert(zero(int, recv(sockets[i], &byte, 1, 0)), "not closed");
	cr_assert(not(is_readable(sockets[FIRST])));
	cr_assert(not(is_readable(sockets[FIRST + 1])));
}

/* A process that is killed is replaced. */
Test(helper, ended_process_is_replaced)
{
	struct helper_reply message;
	int call = helper_begin(take_of(7), -1, 1000);

	close(sockets[call]);
	cr_assert(eq(int, helper_end(call, &message, NULL), -EREMOTE));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST + 1));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), call));
	cr_assert(eq(int, accept_socket(), call));
}

Test(helper, all_of_it_has_ended)
{
	struct helper_reply message;

	close(control);
	close(sockets[0]);
	for (int i = 0; i < KEPT; i++)
		close(sockets[FIRST + i]);
	cr_assert(eq(int, helper_ask(HELPER_IDS, 1, &message), -EREMOTE));
	cr_assert(eq(int, helper_call(take_of(7), -1, 1000, &message, NULL), -EREMOTE));
}

/* A request of one step is made again, of another process. */
Test(helper, request_is_made_again)
{
	struct helper_reply message = {.size = sizeof(message), .result = 4}, got;

	close(sockets[FIRST]);
	cr_assert(zero(int,
		       helper_send(sockets[FIRST + 1], &message, sizeof(message), -1)));
	cr_assert(eq(int, helper_call(take_of(7), -1, 1000, &got, NULL), 4));
	cr_assert(is_readable(sockets[FIRST + 1]));
}

Test(helper, request_is_begun_again)
{
	close(sockets[FIRST]);
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST + 1));
	cr_assert(is_readable(sockets[FIRST + 1]));
}

/* What can wait for a client has no socket that anything else needs. */
Test(helper, slow_requests_have_their_own)
{
	struct helper_request freeze = {.op = HELPER_FREEZE};
	int call = helper_begin(freeze, STDIN_FILENO, HELPER_NOBODY);

	cr_assert(eq(int, call, FIRST + HELPER_QUICK_SOCKETS));
	cr_assert(eq(int, accept_socket(), call));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST));
}

/* It decides how long they take, too, not only what they leave. */
Test(helper, slow_requests_of_one_person_are_bounded)
{
	struct helper_request freeze = {.op = HELPER_FREEZE};
	int first = FIRST + HELPER_QUICK_SOCKETS;

	for (int i = 0; i < PER_PERSON; i++) {
		cr_assert(eq(int, helper_begin(freeze, STDIN_FILENO, 1000), first + i));
		accept_socket();
	}
	cr_assert(eq(int, helper_begin(freeze, STDIN_FILENO, 1000), -EBUSY));
	cr_assert(eq(int, helper_begin(freeze, STDIN_FILENO, 1001), first + PER_PERSON));
}

/* Nor have those that leave nothing to close. */
Test(helper, plain_requests_have_their_own)
{
	struct helper_request ids = {.op = HELPER_IDS, .tid = 1};

	cr_assert(zero(int, helper_begin(ids, -1, HELPER_NOBODY)));
	cr_assert(eq(int, helper_begin(take_of(7), -1, 1000), FIRST));
}

/* Later persons find room, however many came before. */
Test(helper, many_persons)
{
	struct helper_reply message;
	int call, n = 0;

	for (uid_t person = 1000; person < 1000 + HELPER_QUICK_SOCKETS / 4; person++)
		for (int i = 0; i < PER_PERSON; i++) {
			call = helper_begin(take_of(7), -1, person);
			if (call == -EBUSY)
				break;
			if (++n > KEPT)
				accept_socket();
			reply(call, 0, -1);
			cr_assert(zero(int, helper_end(call, &message, NULL)));
		}
	cr_assert(lt(int, n, HELPER_QUICK_SOCKETS));
	cr_assert(ge(int, helper_begin(take_of(7), -1, 1), 0));
}

/* ---- where there are few descriptors ----------------------------------------------- */

/* What is closed for it takes long. Returns the socket's number, or -errno. */
static int leave_busy(uid_t person)
{
	struct helper_reply message;
	int call = helper_begin(take_of(7), -1, person);

	if (call < 0)
		return call;
	if (is_readable(control))
		accept_socket();
	reply(call, 0, -1);
	cr_assert(zero(int, helper_end(call, &message, NULL)));
	return call;
}

Test(helper, sockets_are_bounded)
{
	unsigned all = helper_bound(100), n = 0;

	cr_assert(le(uint, all, 100u));
	cr_assert(ge(uint, all, 90u));
	for (uid_t person = 1000; person < 1100; person++)
		n += leave_busy(person) >= 0;
	cr_assert(ge(uint, n, 40u));
	cr_assert(lt(uint, n, all / 2), "the share of the others");
	cr_assert(eq(int, leave_busy(1), -EBUSY));
	busy[FIRST] = 0;
	cr_assert(eq(int, leave_busy(1), FIRST));
}

/* However few there are, one person does not get all. */
Test(helper, the_least_number_of_sockets)
{
	int n = 0;

	cr_assert(eq(uint, helper_bound(0), HELPER_LEAST_SOCKETS));
	while (leave_busy(1000) >= 0)
		n++;
	cr_assert(lt(int, n, HELPER_LEAST_OF_KIND));
	cr_assert(ge(int, leave_busy(1001), 0));
}

Test(helper, no_more_sockets_than_ever)
{
	cr_assert(eq(uint, helper_bound(UINT64_MAX), HELPER_SOCKETS));
	cr_assert(eq(uint, helper_bound(100), helper_bound(100)));
	cr_assert(eq(uint, helper_bound(UINT64_MAX), HELPER_SOCKETS));
}

static void *end_call(void *call)
{
	struct helper_reply message;

	reply(*(int *)call, 0, -1);
	busy[*(int *)call] = 0;
	cr_assert(zero(int, helper_end(*(int *)call, &message, NULL)));
	return NULL;
}

/* As many threads ask at a time as there are workers. */
Test(helper, a_request_waits_for_others, .timeout = 60)
{
	int calls[HELPER_LEAST_OF_KIND], got;
	pthread_t thread;
	uint64_t start;

	helper_bound(0);
	for (int i = 0; i < HELPER_LEAST_OF_KIND; i++) {
		calls[i] = helper_begin(take_of(7), -1, HELPER_NOBODY);
		cr_assert(ge(int, calls[i], 0));
		if (is_readable(control))
			accept_socket();
	}
	start = now_ms();
	cr_assert(eq(int, helper_begin(take_of(7), -1, HELPER_NOBODY), -EBUSY));
	cr_assert(ge(u64, now_ms() - start, 100));
	cr_assert(zero(int, pthread_create(&thread, NULL, end_call, &calls[2])));
	do
		got = helper_begin(take_of(7), -1, HELPER_NOBODY);
	while (got == -EBUSY);
	cr_assert(eq(int, got, calls[2]));
	pthread_join(thread, NULL);
}

static const struct helper_request ids_of = {.op = HELPER_IDS};
static _Atomic pid_t waiter;

static void *begin_one(void *ret_call)
{
	waiter = gettid();
	*(int *)ret_call = helper_begin(ids_of, -1, HELPER_NOBODY);
	return NULL;
}

static void wait_for_waiter(void)
{
	unsigned long arguments[4];

	while (waiter == 0 || process_call(getpid(), waiter, arguments) != SYS_futex)
		sched_yield();
}

/* Who has just ended a request would else be the first to begin the next one. */
Test(helper, who_waits_comes_before_those_that_come_later, .timeout = 60)
{
	int calls[HELPER_LEAST_OF_KIND], waiting = -1;
	pthread_t thread;

	helper_bound(0);
	for (int i = 0; i < HELPER_LEAST_OF_KIND; i++) {
		calls[i] = helper_begin(ids_of, -1, HELPER_NOBODY);
		cr_assert(eq(int, calls[i], i));
		if (is_readable(control))
			accept_socket();
	}
	cr_assert(zero(int, pthread_create(&thread, NULL, begin_one, &waiting)));
	wait_for_waiter();
	end_call(&calls[0]);
	end_call(&calls[1]);
	cr_assert(eq(int, helper_begin(ids_of, -1, HELPER_NOBODY), 1));
	pthread_join(thread, NULL);
	cr_assert(zero(int, waiting));
}

Test(helper, messages_of_another_size)
{
	struct helper_reply message;
	int call = helper_begin(take_of(7), -1, 1000);

	cr_assert(eq(int, (int)send(sockets[call], "short", 5, 0), 5));
	cr_assert(eq(int, helper_end(call, &message, NULL), -EREMOTE));
}
