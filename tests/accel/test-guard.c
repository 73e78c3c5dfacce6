/* SPDX-License-Identifier: MIT */
/* test-guard.c - accesses to memory that is truncated concurrently */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/make-memfd.h"
#include "guard.h"

#define PAGE    ((size_t)4096)
#define PAGES   4
#define THREADS 4
#define ROUNDS  2000

static void setup(void)
{
	cr_assert(zero(int, accel_guard_setup()));
}

TestSuite(guard);

/* Maps PAGES pages, of which only the first @n exist. */
static char *map_truncated(size_t n)
{
	int fd = new_memfd(PAGES * PAGE);
	char *memory;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(ne(ptr, memory, MAP_FAILED));
	memset(memory, 1, PAGES * PAGE);
	cr_assert(zero(int, ftruncate(fd, (off_t)(n * PAGE))));
	close(fd);
	return memory;
}

static void write_byte(void *arg)
{
	*(volatile char *)arg = 2;
}

static void read_byte(void *arg)
{
	(void)*(volatile char *)arg;
}

static void fill_all(void *arg)
{
	memset(arg, 3, PAGES * PAGE);
}

Test(guard, lets_through_what_is_there)
{
	char *memory = map_truncated(1);

	setup();
	cr_expect(zero(int, accel_guard_call(write_byte, memory)));
	cr_expect(eq(chr, memory[0], 2));
	cr_expect(zero(int, accel_guard_call(read_byte, memory)));
}

Test(guard, turns_sigbus_into_an_error)
{
	char *memory = map_truncated(2);

	setup();
	cr_expect(eq(int, accel_guard_call(read_byte, memory + 2 * PAGE + 5), -EFAULT));
	cr_expect(eq(ptr, accel_guard_address(), memory + 2 * PAGE + 5));
	cr_expect(eq(int, accel_guard_call(write_byte, memory + 3 * PAGE), -EFAULT));
	cr_expect(eq(ptr, accel_guard_address(), memory + 3 * PAGE));
	cr_expect(eq(int, accel_guard_call(fill_all, memory), -EFAULT));
	cr_expect(zero(int, accel_guard_call(read_byte, memory)),
		  "fails after a caught fault");
}

Test(guard, is_set_up_once)
{
	struct sigaction first, second;

	setup();
	sigaction(SIGBUS, NULL, &first);
	setup();
	sigaction(SIGBUS, NULL, &second);
	cr_expect(eq(ptr, (void *)first.sa_sigaction, (void *)second.sa_sigaction));
	cr_expect(eq(int, accel_guard_call(read_byte, map_truncated(0)), -EFAULT));
}

/* Even rounds fail, odd rounds succeed. */
static void *fail_and_go_on(void *arg)
{
	char *memory = map_truncated(1);

	for (uintptr_t i = 0; i < ROUNDS; i++) {
		int r = accel_guard_call(write_byte, memory + (i % 2 ? 0 : PAGE + i));

		if (r != (i % 2 ? 0 : -EFAULT))
			return (void *)(i + 1);
		if (r < 0 && accel_guard_address() != memory + PAGE + i)
			return (void *)(i + 1);
	}
	return NULL;
}

Test(guard, works_in_many_threads_at_once)
{
	pthread_t threads[THREADS];

	setup();
	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int,
			       pthread_create(&threads[i], NULL, fail_and_go_on, NULL)));
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		cr_expect(zero(ptr, failed), "round %zu", (size_t)failed - 1);
	}
}

/* ---- signals that are not the guard's ---------------------------------------------- */

static sigjmp_buf out;
static void *volatile heard_address;
static volatile sig_atomic_t heard;

static void hear_with_info(int sig, siginfo_t *info, void *ucontext)
{
	heard_address = info->si_addr;
	siglongjmp(out, 1);
}

static void hear(int sig)
{
	heard++;
}

static void handle_with(void (*plain)(int), void (*with_info)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_handler = plain};

	if (with_info) {
		action.sa_sigaction = with_info;
		action.sa_flags = SA_SIGINFO;
	}
	cr_assert(zero(int, sigaction(SIGBUS, &action, NULL)));
}

Test(guard, hands_on_to_the_handler_before_it)
{
	char *memory = map_truncated(0);

	handle_with(NULL, hear_with_info);
	setup();
	if (!sigsetjmp(out, 1))
		read_byte(memory + PAGE);
	cr_expect(eq(ptr, heard_address, memory + PAGE));
	cr_expect(eq(int, accel_guard_call(read_byte, memory), -EFAULT));
	cr_expect(eq(ptr, heard_address, memory + PAGE),
		  "handler not called for the test's own fault");
}

Test(guard, hands_on_to_a_plain_handler)
{
	handle_with(hear, NULL);
	setup();
	raise(SIGBUS);
	cr_expect(eq(int, heard, 1));
}

static void send_sigbus(void *arg)
{
	raise(SIGBUS);
}

Test(guard, does_not_take_a_signal_that_was_sent)
{
	handle_with(hear, NULL);
	setup();
	cr_expect(zero(int, accel_guard_call(send_sigbus, NULL)));
	cr_expect(eq(int, heard, 1));
}

Test(guard, leaves_ignored_what_was_sent)
{
	handle_with(SIG_IGN, NULL);
	setup();
	raise(SIGBUS);
	cr_expect(eq(int, accel_guard_call(read_byte, map_truncated(0)), -EFAULT));
}

/* Runs @act in a child after setup; returns the signal that killed it, or 0. */
static int signal_of(void (*act)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setup();
		alarm(20);
		act(arg);
		_exit(0);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(guard, an_access_outside_ends_the_process_as_before)
{
	handle_with(SIG_DFL, NULL);
	cr_expect(eq(int, signal_of(read_byte, map_truncated(0)), SIGBUS));
	handle_with(SIG_IGN, NULL);
	cr_expect(eq(int, signal_of(read_byte, map_truncated(0)), SIGBUS));
}

Test(guard, a_sent_signal_ends_the_process_as_before)
{
	handle_with(SIG_DFL, NULL);
	cr_expect(eq(int, signal_of(send_sigbus, NULL), SIGBUS));
}
