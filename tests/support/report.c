/* SPDX-License-Identifier: MIT */
/* report.c - what a program without a test framework says on standard error */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int complain(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	(void)vfprintf(stderr, format, arguments);
	(void)fprintf(stderr, ": %s\n", strerror(-error));
	va_end(arguments);
	return error;
}

void progress(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
	va_end(arguments);
}
