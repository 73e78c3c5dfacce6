/* SPDX-License-Identifier: MIT */
/* report.c - exit codes and hints for failures */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "text.h"

#define ON(operation) (1U << DMABUFFS_OPERATION_##operation)
#define ON_NAME       (ON(IMPORT) | ON(UNLINK) | ON(REVOKE))
#define ON_ANY        (~0U)

/* The exit code and the hint for a failure; the text is that of the library. */
struct failure {
	unsigned int operations; /* any of these */
	int error;
	int code;
	const char *hint; /* NULL: nothing to advise */
};

static const char report_mount_it[] =
	"mount one there: dmabuffs mount PATH; or name another with -m PATH";
static const char report_mount_again[] = "umount it and mount it again";
static const char report_ask_admin[] =
	"the root directory grants it: x to import; its file .control: r to list, w to "
	"export, rm and revoke";
static const char report_read_only[] =
	"use a mount of the instance that is not read-only";

/* The first row that fits counts. */
static const struct failure report_failures[] = {
	{ON(OPEN), ENOENT, CODE_NO_INSTANCE, report_mount_it},
	{ON(OPEN), ENOTDIR, CODE_NO_INSTANCE, report_mount_it},
	{ON(OPEN), ENOTTY, CODE_NO_INSTANCE, report_mount_it},
	{ON(OPEN) | ON(LIST), EACCES, CODE_REFUSED, report_ask_admin},

	{ON_NAME, ENOENT, CODE_NO_NAME,
	 "a name is removed with its exporter, unless it was made with --persist"},
	{ON(IMPORT), EACCES, CODE_REFUSED,
	 "its owner can grant it: chmod, chgrp or setfacl on MOUNT/UUID"},
	{ON(IMPORT), EPERM, CODE_REFUSED,
	 "it is read-only or sealed: leave --write away"},
	{ON(IMPORT), EXDEV, CODE_REFUSED, NULL},
	{ON(IMPORT), EREMOTE, CODE_REFUSED, NULL},
	{ON(EXCHANGE), EACCES, CODE_REFUSED,
	 "import it with --write, or leave --buffer away"},

	{ON(EXPORT) | ON(UNLINK) | ON(REVOKE), EROFS, CODE_REFUSED, report_read_only},
	{ON(IMPORT), EROFS, CODE_REFUSED, "leave --write away"},
	{ON(EXPORT), EACCES, CODE_REFUSED, report_ask_admin},
	{ON(EXPORT), EPERM, CODE_NO_INSTANCE, NULL},
	{ON(EXPORT), EDQUOT, CODE_FAILED,
	 "see dmabuffs stats; remove some of your names: dmabuffs ls, dmabuffs rm UUID"},
	{ON(EXPORT), ENOSPC, CODE_FAILED,
	 "see dmabuffs stats; limits are options of the mount"},

	{ON(UNLINK) | ON(REVOKE), EPERM, CODE_REFUSED, NULL},
	{ON(UNLINK) | ON(REVOKE), EACCES, CODE_REFUSED, report_ask_admin},
	{ON(REVOKE), EBUSY, CODE_FAILED, "dmabuffs rm stops new imports"},

	{ON(ACCEL_LIST), ENOENT, CODE_NO_NAME,
	 "it was mounted with noaccel; see accel= in dmabuffsd(8)"},
	{ON(ACCEL_OPEN), ENOENT, CODE_NO_NAME, "see which there are: dmabuffs devices"},

	{ON_ANY, ESTALE, CODE_NO_NAME, NULL},
	{ON_ANY, ENOTCONN, CODE_NO_INSTANCE, report_mount_again},
	{ON_ANY, ECONNABORTED, CODE_NO_INSTANCE, report_mount_again},
	{ON_ANY, EACCES, CODE_REFUSED, NULL},
	{ON_ANY, EPERM, CODE_REFUSED, NULL},
};

static const struct failure *report_find_failure(enum dmabuffs_operation operation,
						 int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(report_failures); i++)
		if (report_failures[i].operations & 1U << operation &&
		    report_failures[i].error == -error)
			return &report_failures[i];
	return NULL;
}

void report_line(const struct cli *cli, const char *format, ...)
{
	char text[4096], safe[4096];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_escape(text, safe, sizeof(safe));
	if (cli->command)
		fprintf(stderr, "dmabuffs: %s: %s\n", cli->command->name, safe);
	else
		fprintf(stderr, "dmabuffs: %s\n", safe);
}

int report(const struct cli *cli, enum dmabuffs_operation operation, const char *what,
	   int error)
{
	const struct failure *failure = report_find_failure(operation, error);

	report_line(cli, "%s: %s", what, dmabuffs_strerror(error, operation));
	if (!failure)
		return CODE_FAILED;
	if (failure->hint)
		fprintf(stderr, "hint: %s\n", failure->hint);
	return failure->code;
}

int report_file(const struct cli *cli, const char *what, int error)
{
	report_line(cli, "%s: %s", what, strerror(-error));
	return CODE_FAILED;
}
