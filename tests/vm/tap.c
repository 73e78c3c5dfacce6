/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>

static int failures;

bool tap_check(bool good, const char *what, const char *format, ...)
{
	va_list args;

	printf("%s %s: ", good ? "ok" : "not ok", what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	/* Two processes print here: keep lines whole and in order. */
	fflush(stdout);
	failures += !good;
	return good;
}

int tap_exit_status(void)
{
	return failures ? 1 : 0;
}

void tap_reset(void)
{
	failures = 0;
}
