/* SPDX-License-Identifier: MIT */
/*
 * harness.h - test cases, each with a daemon and a mount of its own
 *
 *
 * A test program defines test_cases[], terminated by an entry without a name; the harness
 * provides main(). Each case runs in its own mount and PID namespaces, on its own tmpfs,
 * with one running instance, under a watchdog. Its processes and mounts are removed with
 * the namespaces, also when it fails, crashes or hangs.
 *
 *
 * Functions of the suite return a value or a negative errno; SYS() converts a libc call
 * to that form, ASSERT_OK() and ASSERT_ERR() check it. A failed assertion exits the
 * process and fails the case, in any descendant process of the case.
 */
#ifndef DMABUFFS_TEST_HARNESS_H
#define DMABUFFS_TEST_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <clock.h>

#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "instance.h"
#include "util.h"

/* The case starts its instances itself; its instance argument is NULL. */
#define CASE_NO_INSTANCE (1U << 0)

struct test_case {
	const char *name;
	void (*run)(struct instance *instance);
	const char *options;  /* for the daemon's -o, or NULL */
	unsigned int seconds; /* watchdog limit, if above CASE_SECONDS */
	unsigned int flags;   /* CASE_* flags */
};

/* Only a hanging case takes this long, even with sanitizers on a loaded machine. */
#define CASE_SECONDS 180U

/*
 * Bound for operations that must not wait for a blocked client or a dead process. Long
 * enough for a loaded machine, below the 5 s time-outs of service and library.
 */
#define PROMPT_MS 4000

extern const struct test_case test_cases[];

/* The case's tmpfs: initially empty, removed after the case. */
extern const char *test_work_dir;

/* Fails the case with a reason and exits this process. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	_printf_(3, 4);

/*
 * From now on a failed assertion exits this process or a child of it without failing the
 * case, and stores its reason; for the parent in shared memory.
 */
void test_forgive(char *ret_reason, size_t size);

/* Prints a "# ..." line beside the results. */
void test_note(const char *format, ...) _printf_(1, 2);

int test_ok(const char *file, int line, const char *text, long long result);
void test_error(const char *file, int line, const char *text, long long result,
		int error);
void test_equal(const char *file, int line, const char *text, long long got,
		long long expected);

/* The result of a libc call, or its negative errno. */
#define SYS(call)                                                                        \
	({                                                                               \
		long long result_ = (long long)(call);                                   \
		result_ == -1 ? -(long long)errno : result_;                             \
	})

#define ASSERT(condition)                                                                \
	do {                                                                             \
		if (!(condition))                                                        \
			test_fail(__FILE__, __LINE__, "%s: false", #condition);          \
	} while (0)

/* Asserts that the result is not a negative errno; returns it. */
#define ASSERT_OK(expression) test_ok(__FILE__, __LINE__, #expression, (expression))
/* Asserts that the result is exactly this negative errno. */
#define ASSERT_ERR(expression, error)                                                    \
	test_error(__FILE__, __LINE__, #expression, (expression), (error))
#define ASSERT_EQ(got, expected)                                                         \
	test_equal(__FILE__, __LINE__, #got " == " #expected, (long long)(got),          \
		   (long long)(expected))

/* Formats such a result: "EACCES", "0", "17". */
const char *test_result_text(long long result, char *text, size_t size);

/* True if the descriptor becomes ready for these events within the time limit. */
bool wait_ready(int fd, short events, int timeout_ms);

/* For harness.c only: the namespaces and the watchdog around a case (cage.c). */
struct cage {
	const char *dir;
	unsigned int seconds;
	int (*inside)(void *data);
	void *data;
};

/*
 * Returns 0, the result of inside(), -ETIMEDOUT, or another negative errno with
 * *ret_what.
 */
int cage_run(const struct cage *cage, const char **ret_what);

#endif
