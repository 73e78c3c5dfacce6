/* SPDX-License-Identifier: MIT */
/*
 * harness.h - test cases, each with a daemon and a mount of its own
 *
 * A test program is a table of cases, test_cases[], ended by an entry without a name;
 * main() is the harness's. Each case runs caged: in a mount and a PID namespace of its
 * own, on a tmpfs of its own, with one running instance, under a watchdog. Whatever it
 * leaves behind dies with the namespaces, also when it fails, crashes or hangs.
 *
 * Functions of the suite answer a value or a negative errno; SYS() turns a libc call into
 * that form, ASSERT_OK() and ASSERT_ERR() judge it. A failed assertion ends its process
 * and fails the case, in whatever descendant of the case it happens.
 */
#ifndef DMABUFFS_TEST_HARNESS_H
#define DMABUFFS_TEST_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <clock.h>

#include "../support/wait.h"
#include "instance.h"
#include "util.h"

/* The case starts its instances itself and gets NULL. */
#define CASE_NO_INSTANCE (1U << 0)

struct test_case {
	const char *name;
	void (*run)(struct instance *instance);
	const char *options;  /* for -o of the daemon, or NULL */
	unsigned int seconds; /* the watchdog's bound, if more than CASE_SECONDS */
	unsigned int flags;   /* CASE_* */
};

/* Only a case that hangs takes that long, also on a loaded machine with sanitizers. */
#define CASE_SECONDS 180U

/*
 * What must not wait for a client that blocks, or for a process that has died, takes
 * less. Long for a loaded machine, but shorter than the time-outs of service and library
 * (5 s).
 */
#define PROMPT_MS 4000

extern const struct test_case test_cases[];

/* The case's tmpfs: a fresh empty directory, gone after the case. */
extern const char *test_work_dir;

/* Fails the case with a reason and ends this process. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	_printf_(3, 4);

/* Prints a line "# ..." beside the results. */
void test_note(const char *format, ...) _printf_(1, 2);

int test_ok(const char *file, int line, const char *text, long long result);
void test_error(const char *file, int line, const char *text, long long result,
		int error);
void test_equal(const char *file, int line, const char *text, long long got,
		long long expected);

/* The value of a libc call, or its negative errno. */
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

/* Not a negative errno; answers the value. */
#define ASSERT_OK(expression) test_ok(__FILE__, __LINE__, #expression, (expression))
/* Exactly the negative of this errno. */
#define ASSERT_ERR(expression, error)                                                    \
	test_error(__FILE__, __LINE__, #expression, (expression), (error))
#define ASSERT_EQ(got, expected)                                                         \
	test_equal(__FILE__, __LINE__, #got " == " #expected, (long long)(got),          \
		   (long long)(expected))

/* "EACCES", "0", "17": of a result in the form described above. */
const char *test_result_text(long long result, char *text, size_t size);

/* True when the descriptor becomes ready for these events within the bound. */
bool wait_ready(int fd, short events, int timeout_ms);

/* Used by harness.c only: the namespaces and the watchdog around a case (cage.c). */
struct cage {
	const char *dir;
	unsigned int seconds;
	int (*inside)(void *data);
	void *data;
};

/* 0, what inside() answered, -ETIMEDOUT, or another negative errno with *ret_what. */
int cage_run(const struct cage *cage, const char **ret_what);

#endif
