/* SPDX-License-Identifier: MIT */
/* test-closer.c - what came from clients is closed off the path of requests and others */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "buffers/closer.h"
#include "faults.h"
#include "fixture.h"
#include "stuck-socket.h"

#define MANY      253 /* the maximum per message */
#define PER_UID   8
#define PER_MOUNT 20
#define N_USERS   100

static struct limits limits;

static void init(void)
{
	struct limits_config config;

	cr_assert(zero(int, buffer_setup()));
	limits_config_default(&config);
	config.per_uid[RES_CLOSES] = PER_UID;
	config.per_mount[RES_CLOSES] = PER_MOUNT;
	limits_init(&limits, &config);
	cr_assert(zero(int, closer_start()));
}

static bool is_idle(void *data)
{
	return limits_used(&limits, RES_CLOSES) == 0;
}

static void finish(void)
{
	cr_assert(wait_until(is_idle, NULL), "charges are left");
	cr_assert(closer_stop());
	limits_finish(&limits);
}

TestSuite(closer, .init = init, .fini = finish);

static struct closing *reserve(uid_t uid, unsigned room)
{
	struct closing *closing = NULL;

	cr_assert(zero(
		int, closing_reserve(&limits, &(struct payer){uid, 0}, room, &closing)));
	cr_assert(ne(ptr, closing, NULL));
	return closing;
}

/* Without a charge, as for names. */
static void close_of(uid_t uid, int fd)
{
	struct closing *closing = closing_new(&limits, uid, 1);

	closing_add(closing, fd);
	closing_end(closing);
}

static bool is_closed(void *data)
{
	return !is_open(*(int *)data);
}

/* ---- what it closes ---------------------------------------------------------------- */

Test(closer, nothing)
{
	struct closing *closing = reserve(1, 2);

	cr_assert(eq(u64, limits_used(&limits, RES_CLOSES), 1));
	closing_add(closing, -1);
	closing_end(closing);
	cr_assert(zero(u64, limits_used(&limits, RES_CLOSES)));
	closing_end(NULL);
}

Test(closer, descriptors)
{
	unsigned before = count_fds();
	struct closing *closing = reserve(1, MANY);

	for (int i = 0; i < MANY; i++)
		closing_add(closing, fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
	closing_end(closing);
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(eq(uint, count_fds(), before));
}

Test(closer, a_buffer)
{
	struct closing *closing = reserve(1, 0);
	struct buffer buffer;
	int fd;

	new_buffer(&buffer, 4096);
	buffer_keep(&buffer, NULL);
	fd = buffer.fd;
	closing_add_buffer(closing, &buffer);
	cr_assert(eq(int, buffer.fd, -1));
	cr_assert(not(buffer.kept));
	cr_assert(is_open(fd));
	closing_end(closing);
	cr_assert(wait_until(is_closed, &fd));
}

Test(closer, at_once_without_a_closing)
{
	struct buffer buffer;
	int fd = new_memfd(1);

	closing_add(NULL, fd);
	cr_assert(not(is_open(fd)));
	new_buffer(&buffer, 1);
	fd = buffer.fd;
	closing_add_buffer(NULL, &buffer);
	cr_assert(not(is_open(fd)));
	cr_assert(eq(int, buffer.fd, -1));
}

Test(closer, at_once_where_it_is_not_started)
{
	int fd = new_memfd(1);

	cr_assert(closer_stop());
	close_of(1, fd);
	cr_assert(not(is_open(fd)));
}

Test(closer, can_be_started_again)
{
	for (int i = 0; i < 20; i++) {
		int fd = new_memfd(1);

		cr_assert(closer_stop());
		cr_assert(zero(int, closer_start()));
		close_of(1, fd);
		cr_assert(wait_until(is_closed, &fd));
	}
}

Test(closer, all_before_its_end)
{
	unsigned before = count_fds();

	for (uid_t i = 0; i < 500; i++)
		close_of(i % 7, new_memfd(1 << 20));
	cr_assert(closer_stop());
	cr_assert(eq(uint, count_fds(), before));
}

/* ---- users ------------------------------------------------------------------------- */

/* Reads only the end of each pipe; the first that ended while another had not fails. */
static bool has_ended(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

Test(closer, keeps_the_order_of_a_user)
{
	int pipes[50][2], peer, stuck = stuck_socket(&peer);

	close_of(1, stuck);
	for (size_t i = 0; i < ARRAY_SIZE(pipes); i++) {
		cr_assert(zero(int, pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK)));
		close_of(1, pipes[i][1]);
	}
	cr_assert(is_open(pipes[0][1]), "a second thread of the user");
	close(peer);
	for (size_t i = ARRAY_SIZE(pipes); i-- > 1;) {
		bool later = has_ended(pipes[i][0]);

		cr_assert(not(later && !has_ended(pipes[i - 1][0])), "%zu", i);
	}
	cr_assert(wait_until(is_closed, &pipes[ARRAY_SIZE(pipes) - 1][1]));
}

/* Each close of the first ones hangs; all others are served. */
Test(closer, no_user_waits_for_another)
{
	int peers[PER_UID], fd;

	for (uid_t i = 0; i < PER_UID; i++)
		close_of(i, stuck_socket(&peers[i]));
	for (uid_t i = 0; i < N_USERS; i++) {
		fd = new_memfd(1);
		close_of(1000 + i, fd);
		cr_assert(wait_until(is_closed, &fd));
	}
	for (int i = 0; i < PER_UID; i++)
		close(peers[i]);
}

static unsigned count_threads(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[200];
	unsigned n = 0;

	while (fgets(line, sizeof(line), status) && sscanf(line, "Threads: %u", &n) != 1)
		continue;
	fclose(status);
	return n;
}

Test(closer, has_one_thread_a_user)
{
	unsigned before = count_threads();
	int peers[2 * PER_UID];

	for (uid_t i = 0; i < 2 * PER_UID; i++)
		close_of(i % 2, stuck_socket(&peers[i]));
	/* The first one may not have been idle yet. */
	cr_assert(le(uint, count_threads(), before + 3));
	for (int i = 0; i < 2 * PER_UID; i++)
		close(peers[i]);
}

/* A process in a user namespace of uid 1001, which ends when the pipe is closed. */
static pid_t start_in_namespace(int *ret_pipe)
{
	int pipe_fds[2], ready[2];
	char byte;
	pid_t pid;

	cr_assert(zero(int, pipe2(pipe_fds, O_CLOEXEC)));
	cr_assert(zero(int, pipe2(ready, O_CLOEXEC)));
	pid = fork();
	if (pid == 0) {
		close(pipe_fds[1]);
		if (setuid(1001) == 0 && unshare(CLONE_NEWUSER) == 0)
			(void)!write(ready[1], "", 1);
		close(ready[1]);
		(void)!read(pipe_fds[0], &byte, 1);
		_exit(0);
	}
	close(pipe_fds[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		cr_skip_test("no user namespaces");
	close(ready[0]);
	*ret_pipe = pipe_fds[1];
	return pid;
}

/* The uids of a person's user namespace, as many as it likes, share a thread. */
Test(closer, has_one_thread_a_person)
{
	unsigned before = count_threads();
	int peers[2 * PER_UID], end;
	pid_t pid = start_in_namespace(&end);

	for (uid_t i = 0; i < 2 * PER_UID; i++) {
		const struct payer payer = {100000 + i, pid};

		cr_assert(
			zero(int, limits_charge_process(&limits, &payer, RES_BYTES, 1)));
		close_of(payer.uid, stuck_socket(&peers[i]));
	}
	cr_assert(le(uint, count_threads(), before + 1));
	for (int i = 0; i < 2 * PER_UID; i++)
		close(peers[i]);
	for (uid_t i = 0; i < 2 * PER_UID; i++)
		limits_uncharge(&limits, 100000 + i, RES_BYTES, 1);
	close(end);
	waitpid(pid, NULL, 0);
}

/* Users whose close hangs do not hold up the others, even if there are no more threads.
 */
Test(closer, has_threads_to_spare)
{
	int peers[3], fd = new_memfd(1);

	faults_refuse_threads(true);
	for (uid_t i = 0; i < 3; i++)
		close_of(i, stuck_socket(&peers[i]));
	close_of(1000, fd);
	cr_assert(wait_until(is_closed, &fd));
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}

static bool has_one_thread(void *data)
{
	return count_threads() <= *(unsigned *)data;
}

Test(closer, ends_threads_without_work)
{
	unsigned before = count_threads();

	for (uid_t i = 0; i < N_USERS; i++)
		close_of(i, new_memfd(1));
	cr_assert(wait_until(has_one_thread, &before));
}

/* ---- limits ------------------------------------------------------------------------ */

/* A user at its limit is refused; other users are not affected. */
Test(closer, is_limited)
{
	struct closing *closing, *untouched = (void *)1;
	int peers[PER_UID];
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < PER_UID; i++) {
		closing = reserve(1, 1);
		closing_add(closing, stuck_socket(&peers[i]));
		closing_end(closing);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert(lt(long, end.tv_sec - start.tv_sec, STUCK_SECONDS / 2));
	closing = untouched;
	cr_assert(eq(int, closing_reserve(&limits, &(struct payer){1, 0}, 1, &closing),
		     -EBUSY));
	cr_assert(eq(ptr, closing, untouched), "output written on failure");
	cr_assert(eq(u64, limits_used(&limits, RES_CLOSES), PER_UID));
	closing_end(reserve(2, 1));
	for (int i = 0; i < PER_UID; i++)
		close(peers[i]);
	cr_assert(wait_until(is_idle, NULL));
	closing_end(reserve(1, 1));
}

/* Each descriptor counts, not each message. */
Test(closer, counts_descriptors)
{
	struct closing *closing = reserve(1, MANY), *refused;
	int peer;

	closing_add(closing, stuck_socket(&peer));
	for (int i = 1; i < MANY; i++)
		closing_add(closing, fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
	closing_end(closing);
	cr_assert(eq(u64, limits_used(&limits, RES_CLOSES), MANY));
	cr_assert(eq(int, closing_reserve(&limits, &(struct payer){1, 0}, 1, &refused),
		     -EBUSY));
	close(peer);
}

Test(closer, of_the_mount_is_limited)
{
	struct closing *all[PER_MOUNT], *closing;

	limits.config.per_uid[RES_CLOSES] = PER_MOUNT;
	for (uid_t i = 0; i < PER_MOUNT; i++)
		all[i] = reserve(1, 1);
	cr_assert(eq(int, closing_reserve(&limits, &(struct payer){7777, 0}, 1, &closing),
		     -EBUSY));
	for (int i = 0; i < PER_MOUNT; i++)
		closing_end(all[i]);
}

/* What is handed over stays charged until all is closed. */
Test(closer, gives_charges_back_in_the_end)
{
	struct closing *closing = closing_new(&limits, 1, 1);
	int peer;

	cr_assert(zero(int, limits_charge(&limits, 1, RES_BYTES, 4096)));
	closing_charge(closing, 1, RES_BYTES, 4096);
	cr_assert(zero(int, limits_charge(&limits, 1, RES_CLOSES, 1)));
	closing_charge(closing, 1, RES_CLOSES, 1);
	closing_add(closing, stuck_socket(&peer));
	closing_end(closing);
	cr_assert(eq(u64, limits_used(&limits, RES_BYTES), 4096));
	close(peer);
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(zero(u64, limits_used(&limits, RES_BYTES)));
}

Test(closer, frees_charges_of_few_at_once)
{
	struct closing *closings[4];

	limits.config.per_uid[RES_ENDED] = 3;
	for (int i = 0; i < 4; i++) {
		closings[i] = closing_new(&limits, 1, 0);
		cr_assert(eq(int, closing_charge_ended(closings[i], 1), i < 3));
	}
	for (int i = 0; i < 4; i++)
		closing_end(closings[i]);
	cr_assert(zero(u64, limits_used(&limits, RES_ENDED)));
}

/* ---- its end, and lack of threads -------------------------------------------------- */

/* No finish(): the process ends while a close is stuck, as the service does. */
Test(closer_stuck, the_end_is_not_held_up, .init = init)
{
	struct timespec start, end;
	int peer;

	close_of(1, stuck_socket(&peer));
	clock_gettime(CLOCK_MONOTONIC, &start);
	cr_assert(not(closer_stop()));
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert(lt(long, end.tv_sec - start.tv_sec, STUCK_SECONDS / 2));
	close(peer);
}

/* The users then share the threads that there are. */
Test(closer, needs_no_more_threads)
{
	int peers[4], fd = new_memfd(1);
	struct closing *closing = closing_new(&limits, 10, 1);
	const char *failed;

	faults_refuse_threads(true);
	for (uid_t i = 0; i < ARRAY_SIZE(peers); i++)
		close_of(i, stuck_socket(&peers[i]));
	closing_add(closing, fd);
	faults_arm(1);
	closing_end(closing);
	failed = faults_disarm();
	cr_assert(failed && !strcmp(failed, "pthread_create"));
	cr_assert(is_open(fd), "closed by the caller");
	close(peers[0]);
	cr_assert(wait_until(is_closed, &fd));
	for (size_t i = 1; i < ARRAY_SIZE(peers); i++)
		close(peers[i]);
}
