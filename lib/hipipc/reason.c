/* SPDX-License-Identifier: MIT */
/* reason.c - the reason of a failed call, and the log */
#include "reason.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

#define TEXT_BYTES 320

/* The reason of the current call, and that of the last call that failed. */
static __thread char reason_pending[TEXT_BYTES];
static __thread char reason_of_thread[TEXT_BYTES];

/*
 * Where a program has closed its standard error, a later open(2) gets the number: the
 * line would go into a file, or into device memory. What libraries open is close-on-exec,
 * a standard error is not.
 */
bool reason_may_write(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* One write(2), so that lines of several threads do not mix. */
static void reason_write_line(const char *call, const char *text)
{
	char line[TEXT_BYTES + 64];
	int length = snprintf(line, sizeof(line), "hipipc: %s%s%s\n", call,
			      *call ? ": " : "", text);
	ssize_t written;

	if (length > 0 && reason_may_write()) {
		written =
			write(STDERR_FILENO, line, MIN((size_t)length, sizeof(line) - 1));
		(void)written; /* there is no other place to report to */
	}
}

int reason(int error, const char *format, ...)
{
	va_list arguments;

	if (*reason_pending)
		return error;
	va_start(arguments, format);
	(void)vsnprintf(reason_pending, sizeof(reason_pending), format, arguments);
	va_end(arguments);
	return error;
}

void reason_begin(void)
{
	*reason_pending = '\0';
}

void reason_end(const char *call, const char *otherwise)
{
	(void)reason(0, "%s", otherwise);
	memcpy(reason_of_thread, reason_pending, sizeof(reason_of_thread));
	if (options_get()->log >= REASON_ERROR)
		reason_write_line(call, reason_of_thread);
}

void reason_info(const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list arguments;

	if (options_get()->log < REASON_INFO)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	reason_write_line("", text);
}

const char *reason_last(void)
{
	return reason_of_thread;
}
