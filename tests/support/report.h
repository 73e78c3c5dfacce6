/* SPDX-License-Identifier: MIT */
/* report.h - what a program without a test framework says on standard error */
#ifndef DMABUFFS_TESTS_REPORT_H
#define DMABUFFS_TESTS_REPORT_H

#include <util.h>

/* Prints what failed, and returns @error, a negative errno. */
int complain(int error, const char *format, ...) _printf_(2, 3);

/* Prints progress. */
void progress(const char *format, ...) _printf_(1, 2);

#endif
