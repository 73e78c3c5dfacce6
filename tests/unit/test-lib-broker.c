/* SPDX-License-Identifier: MIT */
/* test-lib-broker.c - the client side of the broker, against a misbehaving broker */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include <clock.h>

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "broker.h"
#include "fake-broker.h"

#define THREADS   8
#define ROUNDS    200
#define UNTOUCHED (-77)

static struct fake_broker broker;
static struct dmabuffs_broker_reply next;
static size_t next_bytes;
static unsigned int next_fds;

static void finish(void)
{
	fake_broker_stop(&broker);
}

static ino_t inode(int fd)
{
	struct stat status;

	cr_assert(zero(int, fstat(fd, &status)));
	return status.st_ino;
}

static int exchange(int memfd)
{
	int fd = UNTOUCHED;
	int r = dmabuffs_exchange(&broker.instance, memfd, &fd);

	if (r < 0) {
		cr_assert(eq(int, fd, UNTOUCHED));
		return r;
	}
	cr_assert(eq(u64, inode(fd), inode(memfd)), "got the reply to another request");
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	close(fd);
	return 0;
}

static int exchange_new(void)
{
	int memfd = new_memfd(0);
	int r = exchange(memfd);

	close(memfd);
	return r;
}

static bool hang_up(int connection, unsigned int number, int fd)
{
	return false;
}

/* Bounded, so that a client that waits too long fails the test. */
static bool say_nothing(int connection, unsigned int number, int fd)
{
	struct pollfd hang_up = {.fd = connection};

	(void)poll(&hang_up, 1, 4 * BROKER_TIMEOUT_S * 1000);
	return false;
}

/* Sends one reply, then closes the connection, as for an idle one. */
static bool answer_once(int connection, unsigned int number, int fd)
{
	fake_answer_echo(connection, number, fd);
	return false;
}

static bool answer_next(int connection, unsigned int number, int fd)
{
	char bytes[sizeof(next) * 2] = {0};

	memcpy(bytes, &next, sizeof(next));
	fake_send(connection, bytes, next_bytes, fd, next_fds);
	return true;
}

Test(broker, keeps_its_connection, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	for (int i = 0; i < 5; i++)
		cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 1));
}

Test(broker, reaches_a_deep_mount, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, true);
	cr_assert(zero(int, exchange_new()));
}

/* ---- descriptors only from admitted connections ------------------------------------ */

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

static int permit_rights(int socket, int permitted)
{
	return setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &permitted,
			  sizeof(permitted));
}

static void start_without_rights(fake_answer answer)
{
	fake_broker_start(&broker, answer, false);
	if (permit_rights(broker.listener, 0) < 0) {
		fake_broker_stop(&broker);
		cr_skip_test("before Linux 6.16");
	}
}

static bool answer_ready(int connection, int error)
{
	const struct dmabuffs_broker_reply reply = {.size = sizeof(reply),
						    .error = error};

	fake_send(connection, &reply, sizeof(reply), -1, 0);
	return error == 0;
}

static bool admit_when_asked(int connection, unsigned int number, int fd)
{
	if (fd >= 0)
		return fake_answer_echo(connection, number, fd);
	permit_rights(connection, 1);
	return answer_ready(connection, 0);
}

Test(broker, asks_until_descriptors_are_taken)
{
	start_without_rights(admit_when_asked);
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.requests, 2));
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.requests, 3), "asked again on the same connection");
	cr_assert(eq(u32, broker.connections, 1));
	finish();
}

static bool refuse_first(int connection, unsigned int number, int fd)
{
	return number == 1 ? answer_ready(connection, -EUSERS)
			   : admit_when_asked(connection, number, fd);
}

Test(broker, asks_again_if_it_was_refused)
{
	start_without_rights(refuse_first);
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 2));
	finish();
}

static bool close_first(int connection, unsigned int number, int fd)
{
	if (number > 1)
		return admit_when_asked(connection, number, fd);
	permit_rights(connection, 1);
	answer_ready(connection, 0);
	return false;
}

/* A broker that makes room closes one that has asked, before the request arrives. */
Test(broker, asks_again_if_it_was_closed_meanwhile)
{
	start_without_rights(close_first);
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 2));
	finish();
}

static bool never_admit(int connection, unsigned int number, int fd)
{
	return answer_ready(connection, 0);
}

Test(broker, does_not_ask_without_end)
{
	start_without_rights(never_admit);
	cr_assert(eq(int, exchange_new(), -EPERM));
	cr_assert(eq(u32, broker.requests, 1));
	finish();
}

/* ---- replies ----------------------------------------------------------------------- */

Test(broker, passes_a_refusal_on_and_keeps_the_connection, .fini = finish)
{
	fake_broker_start(&broker, answer_next, false);
	next = (struct dmabuffs_broker_reply){.size = sizeof(next), .error = -ESTALE};
	next_bytes = sizeof(next);
	cr_assert(eq(int, exchange_new(), -ESTALE));
	cr_assert(eq(int, exchange_new(), -ESTALE));
	cr_assert(eq(u32, broker.connections, 1));
}

#define RIGHT sizeof(struct dmabuffs_broker_reply)

struct breach {
	const char *what;
	size_t bytes;
	unsigned int fds;
	uint32_t size;
	int32_t error;
	uint32_t kind;
	uint32_t access;
};

static const struct breach breaches[] = {
	{"short", RIGHT - 1, 1, RIGHT, 0, 1, O_RDWR},
	{"one byte", 1, 1, RIGHT, 0, 1, O_RDWR},
	{"long", RIGHT + 1, 1, RIGHT, 0, 1, O_RDWR},
	{"twice as long", RIGHT * 2, 1, RIGHT, 0, 1, O_RDWR},
	{"size field", RIGHT, 1, RIGHT + 8, 0, 1, O_RDWR},
	{"no descriptor", RIGHT, 0, RIGHT, 0, 1, O_RDWR},
	{"two descriptors", RIGHT, 2, RIGHT, 0, 1, O_RDWR},
	{"253 descriptors", RIGHT, 253, RIGHT, 0, 1, O_RDWR},
	{"kind 0", RIGHT, 1, RIGHT, 0, 0, O_RDWR},
	{"kind of an ASID", RIGHT, 1, RIGHT, 0, 3, O_RDWR},
	{"access 3", RIGHT, 1, RIGHT, 0, 1, 3},
	{"error 1", RIGHT, 1, RIGHT, 1, 1, O_RDWR},
	{"error -4096", RIGHT, 0, RIGHT, -4096, 0, 0},
	{"an error with a descriptor", RIGHT, 1, RIGHT, -ESTALE, 0, 0},
};

static void expect_refused(const struct breach *breach)
{
	unsigned before = count_fds();

	next = (struct dmabuffs_broker_reply){.size = breach->size,
					      .error = breach->error,
					      .kind = breach->kind,
					      .access = breach->access};
	next_bytes = breach->bytes;
	next_fds = breach->fds;
	cr_assert(eq(int, exchange_new(), -EPROTO), "%s", breach->what);
	/* Another thread closes the server's end. */
	cr_assert(wait_until(has_at_most_fds, &before), "%s leaks a descriptor",
		  breach->what);
}

Test(broker, refuses_answers_that_break_the_protocol, .fini = finish)
{
	fake_broker_start(&broker, answer_next, false);
	for (size_t i = 0; i < sizeof(breaches) / sizeof(*breaches); i++)
		expect_refused(&breaches[i]);
}

Test(broker, a_ticket_brings_no_descriptor, .fini = finish)
{
	struct broker_connection connection;
	struct dmabuffs_broker_reply reply;
	int memfd = new_memfd(0);
	struct broker_question question = {.op = DMABUFFS_BROKER_TICKET, .fd = memfd};

	fake_broker_start(&broker, answer_next, false);
	next = (struct dmabuffs_broker_reply){
		.size = RIGHT, .kind = 2, .ticket = {1, 2, 3}};
	next_bytes = sizeof(next);
	cr_assert(zero(int, broker_get(&broker.instance, &connection)));
	cr_assert(zero(int, broker_call(&connection, &question, &reply, NULL)));
	cr_assert(eq(u8, reply.ticket[2], 3));
	next_fds = 1;
	cr_assert(eq(int, broker_call(&connection, &question, &reply, NULL), -EPROTO));
	cr_assert(eq(int, connection.fd, -1));
	broker_put(&connection);
	close(memfd);
}

Test(broker, a_bad_descriptor_is_the_callers_mistake, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	cr_assert(eq(int, dmabuffs_exchange(&broker.instance, -1, &(int){0}), -EBADF));
	cr_assert(zero(int, exchange_new()));
}

Test(broker, new_connections_that_are_all_closed_are_an_error, .fini = finish)
{
	fake_broker_start(&broker, hang_up, false);
	cr_assert(eq(int, exchange_new(), -ECONNRESET));
	cr_assert(eq(u32, broker.connections, BROKER_LOST_MAX));
}

Test(broker, a_kept_connection_that_was_closed_is_replaced, .fini = finish)
{
	fake_broker_start(&broker, answer_once, false);
	for (int i = 0; i < 10; i++)
		cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 10));
}

Test(broker, it_is_not_replaced_without_end, .fini = finish)
{
	fake_broker_start(&broker, answer_once, false);
	cr_assert(zero(int, exchange_new()));
	broker.answer = hang_up;
	cr_assert(eq(int, exchange_new(), -ECONNRESET));
	cr_assert(eq(u32, broker.connections, BROKER_LOST_MAX));
}

static bool refuse(int connection, unsigned int number, int fd)
{
	const struct dmabuffs_broker_reply refusal = {.size = sizeof(refusal),
						      .error = -EUSERS};

	fake_send(connection, &refusal, sizeof(refusal), -1, 0);
	return false;
}

static bool refuse_three(int connection, unsigned int number, int fd)
{
	return number > 3 ? fake_answer_echo(connection, number, fd)
			  : refuse(connection, number, fd);
}

Test(broker, one_connection_too_many_is_tried_again, .fini = finish)
{
	fake_broker_start(&broker, refuse_three, false);
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 4));
}

Test(broker, one_connection_too_many_is_named_in_the_end, .fini = finish)
{
	uint64_t start = now_ms();
	unsigned before;

	fake_broker_start(&broker, refuse, false);
	before = count_fds();
	cr_assert(eq(int, exchange_new(), -EUSERS));
	cr_assert(ge(u64, now_ms() - start, BROKER_TIMEOUT_S * 1000));
	cr_assert(gt(u32, broker.connections, 10));
	cr_assert(wait_until(has_at_most_fds, &before), "a connection leaks");
}

/* The ticket of the first reply ends with its connection. */
Test(broker, a_connection_with_a_ticket_is_not_replaced, .fini = finish)
{
	struct broker_connection connection;
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	int memfd = memfd_create("test", MFD_CLOEXEC);

	fake_broker_start(&broker, answer_next, false);
	next = (struct dmabuffs_broker_reply){.size = RIGHT, .kind = 1};
	next_bytes = sizeof(next);
	cr_assert(zero(int, broker_get(&broker.instance, &connection)));
	cr_assert(zero(int, broker_deposit(&connection, memfd, ticket)));
	broker.answer = refuse;
	cr_assert(eq(int, broker_deposit(&connection, memfd, ticket), -EUSERS));
	cr_assert(eq(u32, broker.connections, 1));
	broker_put(&connection);
	close(memfd);
}

Test(broker, a_service_that_is_gone, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	shutdown(broker.listener, SHUT_RDWR);
	cr_assert(eq(int, exchange_new(), -ENOTCONN));
	unlinkat(broker.instance.root_fd, DMABUFFS_BROKER_NAME, 0);
	cr_assert(eq(int, exchange_new(), -ENOTCONN));
}

static void interrupt(int signal_number)
{
}

/* Signals of a periodic timer must not extend the wait. */
Test(broker, waiting_ends, .fini = finish)
{
	struct itimerval often = {{0, 300000}, {0, 300000}};
	struct sigaction action = {.sa_handler = interrupt};
	time_t start = time(NULL);

	fake_broker_start(&broker, say_nothing, false);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	cr_assert(eq(int, exchange_new(), -ETIMEDOUT));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	cr_assert(le(long, time(NULL) - start, 2 * BROKER_TIMEOUT_S + 2));
	cr_assert(ge(long, time(NULL) - start, BROKER_TIMEOUT_S - 1));
	broker.answer = fake_answer_echo;
	cr_assert(zero(int, exchange_new()), "the connection was reused");
	cr_assert(eq(u32, broker.connections, 2));
}

static void *exchange_often(void *data)
{
	for (int i = 0; i < ROUNDS; i++)
		cr_assert(zero(int, exchange_new()));
	return NULL;
}

Test(broker, threads_get_their_own_answers, .fini = finish)
{
	unsigned before = count_fds();
	pthread_t threads[THREADS];

	fake_broker_start(&broker, fake_answer_echo, false);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, exchange_often, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* root, listener, and both ends of one kept connection */
	before += 4;
	cr_assert(wait_until(has_at_most_fds, &before));
	cr_assert(eq(uint, count_fds(), before));
	cr_assert(eq(u32, broker.requests, THREADS * ROUNDS));
}

static int run_in_child(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Returns 0, or the number of the failed check. */
static int use_after_fork(void)
{
	int inherited = (int)(broker.instance.idle & UINT32_MAX) - 1;
	struct broker_connection connection;
	int fd;

	if (broker_get(&broker.instance, &connection) < 0)
		return 1;
	if (connection.kept)
		return 2;
	/* The inherited socket is closed, unless the new connection got its number. */
	if (connection.fd != inherited && fcntl(inherited, F_GETFD) >= 0)
		return 3;
	broker_put(&connection);
	if (dmabuffs_exchange(&broker.instance, STDIN_FILENO, &fd) < 0)
		return 4;
	return 0;
}

Test(fork, the_child_makes_its_own_connection, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	cr_assert(zero(int, exchange_new()));
	cr_assert(zero(int, run_in_child(use_after_fork)));
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 2), "the parent opened another connection");
}

/* As when pid 1 forks pid 1 of another PID namespace. */
static int use_with_the_same_pid(void)
{
	uint64_t word = broker.instance.idle & UINT32_MAX;

	broker.instance.idle = word | (uint64_t)getpid() << 32;
	return use_after_fork();
}

Test(fork, the_pid_alone_does_not_tell, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	cr_assert(zero(int, exchange_new()));
	cr_assert(zero(int, run_in_child(use_with_the_same_pid)));
}

static int close_in_child(void)
{
	broker_slot_finish(&broker.instance);
	return 0;
}

Test(fork, closing_in_the_child_leaves_the_parents, .fini = finish)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	cr_assert(zero(int, exchange_new()));
	cr_assert(zero(int, run_in_child(close_in_child)));
	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(u32, broker.connections, 1));
}

Test(broker, works_without_proc, .fini = finish)
{
	char directory[200];

	if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0)
		cr_skip("cannot create a mount namespace");
	cr_assert(zero(int, mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	fake_broker_start(&broker, fake_answer_echo, true);
	cr_assert(zero(int, mount("none", "/proc", "tmpfs", 0, NULL)));
	cr_assert(ne(ptr, getcwd(directory, sizeof(directory)), NULL));

	cr_assert(zero(int, exchange_new()));
	cr_assert(eq(str, getcwd((char[200]){0}, 200), directory));
	umount2("/proc", MNT_DETACH);
}
