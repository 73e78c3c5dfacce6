/* SPDX-License-Identifier: MIT */
/* report.h - errors as lines for people and as exit codes */
#ifndef DMABUFFS_REPORT_H
#define DMABUFFS_REPORT_H

#include "cli.h"

/* Prints "dmabuffs: verb: what: reason" and what to do next; returns the exit code. */
int report(const struct cli *cli, enum dmabuffs_operation operation, const char *what,
	   int error);

/* The same for a file outside the mount: CODE_FAILED. */
int report_file(const struct cli *cli, const char *what, int error);

/* The line alone; control characters of the arguments are escaped. */
void report_line(const struct cli *cli, const char *format, ...) _printf_(2, 3);

#endif
