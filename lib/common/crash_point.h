/* SPDX-License-Identifier: MIT */
/*
 * crash_point.h - instants at which a test ends the process with SIGKILL
 *
 * CRASH_POINT("name") is nothing in the product. In the build for crash tests
 * (-DCRASH_POINTS, tests/crash/) it counts that it was reached, and ends the process if a
 * test has armed it. Each name is used at one place; it starts with what the process does
 * there: "export-named", "open-replied", "takeover-restored", "bank-turned", "holder-..."
 * for points of the holder. The linker collects all names, and the tests take each.
 */
#ifndef DMABUFFS_CRASH_POINT_H
#define DMABUFFS_CRASH_POINT_H

#include <stdbool.h>

#ifdef CRASH_POINTS

struct crash_point {
	const char *name;
};

void crash_point(const struct crash_point *point);

/* A test has set it: the service then does as on another kernel. */
bool crash_switch(const char *name);

#define CRASH_POINT(literal)                                                             \
	do {                                                                             \
		static const struct crash_point crash_point_                             \
			__attribute__((section("crash_points"), used)) = {literal};      \
		crash_point(&crash_point_);                                              \
	} while (0)

#else

#define CRASH_POINT(literal) ((void)0)

static inline bool crash_switch(const char *name)
{
	return false;
}

#endif

#endif
