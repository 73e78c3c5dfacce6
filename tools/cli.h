/* SPDX-License-Identifier: MIT */
/* cli.h - what the subcommands of dmabuffs share */
#ifndef DMABUFFS_CLI_H
#define DMABUFFS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs.h>
#include <util.h>

/* Documented in --help and dmabuffs(1): scripts rely on them. */
enum exit_code {
	CODE_OK = 0,
	CODE_FAILED = 1,
	CODE_USAGE = 2,
	CODE_NO_NAME = 3,
	CODE_REFUSED = 4,
	CODE_NO_INSTANCE = 5,
};

struct command;

/* One run of the program. */
struct cli {
	const char *mount;             /* -m, or NULL: the default of libdmabuffs */
	const struct command *command; /* the running subcommand, or NULL */
	int code;                      /* exit code after CLI_STOP */
};

/* A subcommand: one file, and one row of the table in commands.c. */
struct command {
	const char *name;
	const char *synopsis;
	const char *summary;
	const char *options; /* lines of the help for its own options, or NULL */
	int (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct command commands[]; /* the last row has no name */

int command_mount(struct cli *cli, int argc, char **argv);
int command_export(struct cli *cli, int argc, char **argv);
int command_import(struct cli *cli, int argc, char **argv);
int command_ls(struct cli *cli, int argc, char **argv);
int command_stat(struct cli *cli, int argc, char **argv);
int command_rm(struct cli *cli, int argc, char **argv);
int command_revoke(struct cli *cli, int argc, char **argv);
int command_watch(struct cli *cli, int argc, char **argv);
int command_stats(struct cli *cli, int argc, char **argv);
int command_upgrade(struct cli *cli, int argc, char **argv);
int command_devices(struct cli *cli, int argc, char **argv);

/* The program without its process setup; main() and the unit tests call it. */
int cli_main(int argc, char **argv);

/* Every subcommand takes these, too. */
#define CLI_SHORT_OPTIONS ":hm:"
#define CLI_LONG_OPTIONS                                                                 \
	{"help", no_argument, NULL, 'h'}, {"mount-point", required_argument, NULL, 'm'}, \
	{                                                                                \
	}

/*
 * The next option of a subcommand, -1 after the last. CLI_STOP: the help was printed or a
 * mistake was reported; return cli->code.
 */
#define CLI_STOP '?'
int cli_option(struct cli *cli, int argc, char **argv, const char *short_options,
	       const struct option *long_options);

/*
 * For a subcommand whose only option is --json. 0, with the operands from optind on, or
 * CLI_STOP.
 */
int cli_parse_json(struct cli *cli, int argc, char **argv, bool *ret_json);

/* Reports a mistake in the arguments; CODE_USAGE. */
int cli_usage(struct cli *cli, const char *format, ...) _printf_(2, 3);

/* The mount point as text, chosen as dmabuffs_open(NULL) would. */
const char *cli_mount_point(const struct cli *cli);

/* These return an exit code, after a report unless it is CODE_OK. */
int cli_open(struct cli *cli, struct dmabuffs **ret_instance);
int cli_parse_uuid(struct cli *cli, const char *text, dmabuffs_uuid *ret_uuid);
int cli_flush(struct cli *cli);

/* Calls @act for each UUID of the rest of argv; the code of the first failure. */
int cli_each_uuid(struct cli *cli, int argc, char **argv,
		  int (*act)(struct cli *cli, struct dmabuffs *instance,
			     const dmabuffs_uuid *uuid, const char *text));

static inline void close_instance(struct dmabuffs **instance)
{
	dmabuffs_close(*instance);
}
#define _cleanup_instance_ _cleanup_(close_instance)

#endif
