/* SPDX-License-Identifier: MIT */
/* report.h - errors as lines for people and as exit codes */
#ifndef DMABUFFS_REPORT_H
#define DMABUFFS_REPORT_H

#include "cli.h"

/* What was tried: the same errno means different things. */
enum doing {
	DOING_OPEN = 1 << 0, /* an instance */
	DOING_LIST = 1 << 1,
	DOING_EXPORT = 1 << 2,
	DOING_IMPORT = 1 << 3, /* open a name */
	DOING_EXCHANGE = 1 << 4,
	DOING_UNLINK = 1 << 5,
	DOING_REVOKE = 1 << 6,
	DOING_DEVICES = 1 << 7, /* list all accelerators */
	DOING_DEVICE = 1 << 8,  /* ask one */
	DOING_FILE = 1 << 9,    /* something outside the mount: always CODE_FAILED */
};

/* Says "dmabuffs: verb: what: reason" and what to do next; the exit code. */
int report(const struct cli *cli, enum doing doing, const char *what, int error);

/* The line alone; control characters of the arguments are escaped. */
void report_line(const struct cli *cli, const char *format, ...) _printf_(2, 3);

#endif
