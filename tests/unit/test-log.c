/* SPDX-License-Identifier: MIT */
/* test-log.c - the daemon's log on standard error */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../support/wait.h"
#include "base/log.h"

#define LINES_PER_SECOND 200 /* as in log.c */

static int captured;

static void init(void)
{
	unsetenv("JOURNAL_STREAM");
	captured = memfd_create("stderr", MFD_CLOEXEC);
	cr_assert(ge(int, captured, 0));
	cr_assert(eq(int, dup2(captured, STDERR_FILENO), STDERR_FILENO));
}

static void finish(void)
{
	close(captured);
}

TestSuite(log, .init = init, .fini = finish);

/* Everything logged so far. */
static const char *text(void)
{
	static char bytes[65536];
	ssize_t n = pread(captured, bytes, sizeof(bytes) - 1, 0);

	cr_assert(ge(long, n, 0));
	bytes[n] = '\0';
	return bytes;
}

static void expect(const char *wanted)
{
	cr_assert(eq(str, (char *)text(), (char *)wanted));
}

static unsigned count_lines(void)
{
	unsigned n = 0;

	for (const char *c = text(); *c; c++)
		n += *c == '\n';
	return n;
}

Test(log, levels)
{
	cr_assert(eq(int, log_level_parse("error"), LOG_ERR));
	cr_assert(eq(int, log_level_parse("warning"), LOG_WARNING));
	cr_assert(eq(int, log_level_parse("info"), LOG_INFO));
	cr_assert(eq(int, log_level_parse("debug"), LOG_DEBUG));
}

Test(log, unknown_levels)
{
	static const char *const wrong[] = {"",       "ERROR",  "err", "warn",
					    "debug ", "notice", "7",   "infos"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(eq(int, log_level_parse(wrong[i]), -EINVAL), "\"%s\"",
			  wrong[i]);
}

Test(log, lines)
{
	log_error("one %d", 1);
	log_warning("two");
	log_info("three");
	log_debug("not by default");
	expect("dmabuffsd: one 1\ndmabuffsd: two\ndmabuffsd: three\n");
}

Test(log, only_the_level_asked_for)
{
	log_set_level(LOG_ERR);
	log_warning("no");
	log_error("yes");
	log_set_level(LOG_DEBUG);
	log_debug("yes too");
	expect("dmabuffsd: yes\ndmabuffsd: yes too\n");
}

Test(log, for_the_journal)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_error("e");
	log_info("i");
	expect("<3>e\n<6>i\n");
}

/* Clients choose command names and labels. */
Test(log, no_control_character_gets_out)
{
	log_info("a\033[2Jb\nc\x7f\td\r%c", 1);
	expect("dmabuffsd: a?[2Jb?c??d??\n");
}

Test(log, a_final_newline_is_one)
{
	log_info("of a library\n");
	log_info("\n");
	log_info("two\n\n");
	expect("dmabuffsd: of a library\ndmabuffsd: \ndmabuffsd: two?\n");
}

Test(log, a_long_line_is_cut)
{
	char line[2000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	log_info("%s", line);
	cr_assert(eq(uint, count_lines(), 1));
	cr_assert(lt(sz, strlen(text()), 600));
}

Test(log, keeps_errno)
{
	errno = ENOENT;
	log_info("%m");
	cr_assert(eq(int, errno, ENOENT));
	log_debug("not logged");
	cr_assert(eq(int, errno, ENOENT));
	expect("dmabuffsd: No such file or directory\n");
}

/* What happens to the instance itself. */
Test(log, notices_have_a_budget_of_their_own)
{
	for (int i = 0; i < 5000; i++)
		log_info("again");
	log_notice("stopping");
	cr_assert(ne(ptr, strstr(text(), "dmabuffsd: stopping\n"), NULL));
}

/* A client in a loop must not fill the disk; the number of dropped lines is logged. */
Test(log, is_limited_to_a_rate)
{
	time_t start = time(NULL);
	unsigned lines;

	for (int i = 0; i < 5000; i++)
		log_info("again");
	lines = count_lines();
	cr_assert(ge(uint, lines, LINES_PER_SECOND));
	/* Each new second allows the same number. */
	cr_assert(le(uint, lines,
		     LINES_PER_SECOND * (unsigned)(time(NULL) - start + 2) + 10));
}

static bool is_said(void *data)
{
	log_info("another");
	return strstr(text(), " lines suppressed\n");
}

Test(log, says_how_many_were_dropped)
{
	unsigned lines = 0, dropped = 0;
	char *said;

	for (int i = 0; i < 1000; i++)
		log_info("again");
	cr_assert(wait_until(is_said, NULL));
	said = strstr(text(), " lines suppressed\n");
	cr_assert(ne(ptr, said, NULL));
	while (said > text() && said[-1] != '\n')
		said--;
	cr_assert(eq(int, sscanf(said, "dmabuffsd: %u lines", &dropped), 1));
	for (const char *c = text(); (c = strstr(c, "again\n")); c++)
		lines++;
	cr_assert(ge(uint, lines + dropped, 1000), "%u and %u", lines, dropped);
}

/* Of a reader that has stopped: the pipe is full. */
Test(log, does_not_wait_for_a_reader, .timeout = 30)
{
	enum { LINES = 150 };
	char bytes[4096], expected[200];
	ssize_t n;
	int ends[2];

	cr_assert(zero(int, pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
	cr_assert(zero(int, fcntl(ends[1], F_SETFL, 0)));
	cr_assert(eq(int, dup2(ends[1], STDERR_FILENO), STDERR_FILENO));
	for (int i = 0; i < LINES; i++)
		log_info("%0100d", i);
	while (read(ends[0], bytes, sizeof(bytes)) > 0)
		;
	log_warning("of another level");
	log_info("there is room");
	n = read(ends[0], bytes, sizeof(bytes) - 1);
	cr_assert(gt(long, n, 0));
	bytes[n] = '\0';
	snprintf(expected, sizeof(expected),
		 "dmabuffsd: of another level\n"
		 "dmabuffsd: %d lines suppressed\n"
		 "dmabuffsd: there is room\n",
		 LINES);
	cr_expect(eq(str, bytes, expected));
}
