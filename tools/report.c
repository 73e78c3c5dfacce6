/* SPDX-License-Identifier: MIT */
/* report.c - one table of what can go wrong */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "text.h"

#define DOING_ANYTHING (~DOING_FILE)
#define DOING_NAME     (DOING_IMPORT | DOING_UNLINK | DOING_REVOKE)

struct failure {
	int doing; /* any of these */
	int error;
	int code;
	const char *reason;
	const char *hint; /* NULL: nothing to advise */
};

static const char report_mount_it[] =
	"mount one there: dmabuffs mount PATH; or name another with -m PATH";
static const char report_ask_admin[] =
	"the root directory says who may do what: r lists and exports, x imports";

/* The first row that fits counts. */
static const struct failure report_failures[] = {
	{DOING_OPEN, ENOENT, CODE_NO_INSTANCE, "no such directory", report_mount_it},
	{DOING_OPEN, ENOTDIR, CODE_NO_INSTANCE, "not a directory", report_mount_it},
	{DOING_OPEN, ENOTTY, CODE_NO_INSTANCE, "no dmabuffs is mounted there",
	 report_mount_it},
	{DOING_OPEN, ENOTCONN, CODE_NO_INSTANCE, "its service has ended",
	 "umount it and mount it again"},
	{DOING_OPEN | DOING_LIST, EACCES, CODE_REFUSED, "permission refused",
	 report_ask_admin},

	{DOING_NAME, ENOENT, CODE_NO_NAME, "no such name, or it ended",
	 "a name ends with its exporter, unless it was made with --persist"},
	{DOING_IMPORT, EACCES, CODE_REFUSED, "permission refused",
	 "its owner can let you in: chmod, chgrp or setfacl on MOUNT/UUID"},
	{DOING_IMPORT, EPERM, CODE_REFUSED, "it may not be written to",
	 "it is read-only or sealed: leave --write away"},
	{DOING_IMPORT, EXDEV, CODE_REFUSED,
	 "the instance wants a namespace shared with the exporter (ns=)", NULL},
	{DOING_IMPORT, EREMOTE, CODE_REFUSED,
	 "the instance wants a shared namespace (ns=) and cannot see yours", NULL},

	{DOING_EXCHANGE, EACCES, CODE_REFUSED, "its only descriptor may also write",
	 "import it with --write, or leave --buffer away"},

	{DOING_EXPORT, EACCES, CODE_REFUSED, "permission refused", report_ask_admin},
	{DOING_EXPORT, EPERM, CODE_NO_INSTANCE, "the mount is ending", NULL},
	{DOING_EXPORT, EDQUOT, CODE_FAILED, "your limit is reached",
	 "end some of your names: dmabuffs ls, dmabuffs rm UUID"},
	{DOING_EXPORT, ENOSPC, CODE_FAILED, "the limit of the mount is reached",
	 "see dmabuffs stats; limits are options of the mount"},

	{DOING_UNLINK | DOING_REVOKE, EPERM, CODE_REFUSED, "only its owner and root may",
	 NULL},
	{DOING_UNLINK | DOING_REVOKE, EACCES, CODE_REFUSED, "permission refused",
	 report_ask_admin},
	{DOING_REVOKE, EBUSY, CODE_FAILED,
	 "it cannot be taken back: a dma-buf, or sealed against shrinking",
	 "dmabuffs rm stops new imports"},

	{DOING_DEVICES, ENOENT, CODE_NO_NAME, "it has no accelerators",
	 "it was mounted with noaccel; see accel= in dmabuffsd(8)"},
	{DOING_DEVICE, ENOENT, CODE_NO_NAME, "no such accelerator",
	 "see which there are: dmabuffs devices"},

	{DOING_ANYTHING, ESTALE, CODE_NO_NAME, "it was revoked", NULL},
	{DOING_ANYTHING, ENOTCONN, CODE_NO_INSTANCE, "the service has ended",
	 "umount it and mount it again"},
	{DOING_ANYTHING, ECONNABORTED, CODE_NO_INSTANCE, "the service has ended",
	 "umount it and mount it again"},
	{DOING_ANYTHING, ETIMEDOUT, CODE_FAILED, "the service does not answer", NULL},
	{DOING_ANYTHING, EACCES, CODE_REFUSED, "permission refused", NULL},
	{DOING_ANYTHING, EPERM, CODE_REFUSED, "permission refused", NULL},
};

static const struct failure *report_find_failure(enum doing doing, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(report_failures); i++)
		if (report_failures[i].doing & doing &&
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

int report(const struct cli *cli, enum doing doing, const char *what, int error)
{
	const struct failure *failure = report_find_failure(doing, error);

	if (!failure) {
		report_line(cli, "%s: %s", what, strerror(-error));
		return CODE_FAILED;
	}
	report_line(cli, "%s: %s", what, failure->reason);
	if (failure->hint)
		fprintf(stderr, "hint: %s\n", failure->hint);
	return failure->code;
}
