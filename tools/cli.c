/* SPDX-License-Identifier: MIT */
/* cli.c - arguments, help, and dispatch to the subcommands */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "report.h"

static const char cli_exit_codes[] =
	"\nExit codes:\n"
	"  0  success                  3  no such name, or it was removed\n"
	"  1  failure                  4  permission denied\n"
	"  2  wrong arguments          5  no instance there, or its service exited\n";

static const char cli_common_options[] =
	"  -m, --mount-point PATH   the instance ($DMABUFFS_MOUNT, "
	"or " DMABUFFS_DEFAULT_MOUNT ")\n"
	"  -h, --help               show this text\n";

static void cli_print_help(void)
{
	const struct command *command;

	puts("Usage: dmabuffs [-m PATH] COMMAND [ARGUMENT...]\n"
	     "Share device buffers by UUID name.\n\nCommands:");
	for (command = commands; command->name; command++)
		printf("  %-8s %s\n", command->name, command->summary);
	printf("\nOptions:\n%s  -V, --version            show the version\n%s\n",
	       cli_common_options, cli_exit_codes);
	puts("`dmabuffs COMMAND --help` explains one command.");
}

static void cli_print_command_help(const struct command *command)
{
	printf("Usage: dmabuffs [-m PATH] %s %s\n", command->name, command->synopsis);
	printf("dmabuffs %s: %s.\n\n%s%s%s", command->name, command->summary,
	       command->options ? command->options : "", cli_common_options,
	       cli_exit_codes);
}

int cli_usage(struct cli *cli, const char *format, ...)
{
	const char *verb = cli->command ? cli->command->name : NULL;
	char text[200];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report_line(cli, "%s", text);
	fprintf(stderr, "Try: dmabuffs %s%s--help\n", verb ? verb : "", verb ? " " : "");
	return CODE_USAGE;
}

static int cli_stop(struct cli *cli, int code)
{
	cli->code = code;
	return CLI_STOP;
}

static int cli_next_option(struct cli *cli, int argc, char **argv,
			   const char *short_options, const struct option *long_options)
{
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, short_options, long_options, NULL);
	switch (option) {
	case ':':
		return cli_stop(cli, cli_usage(cli, "option %s needs an argument",
					       argv[optind - 1]));
	case '?':
		return cli_stop(cli, cli_usage(cli, "unknown or misused option: %s",
					       argv[optind - 1]));
	default:
		return option;
	}
}

int cli_option(struct cli *cli, int argc, char **argv, const char *short_options,
	       const struct option *long_options)
{
	for (;;) {
		int option =
			cli_next_option(cli, argc, argv, short_options, long_options);

		switch (option) {
		case 'm':
			cli->mount = optarg;
			break;
		case 'h':
			cli_print_command_help(cli->command);
			return cli_stop(cli, cli_flush(cli));
		default:
			return option;
		}
	}
}

int cli_parse_json(struct cli *cli, int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		CLI_LONG_OPTIONS,
	};
	bool json = false;
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "j", options)) >=
	       0) {
		if (option == CLI_STOP)
			return CLI_STOP;
		json = true;
	}
	*ret_json = json;
	return 0;
}

const char *cli_mount_point(const struct cli *cli)
{
	const char *from_environment = secure_getenv("DMABUFFS_MOUNT");

	if (cli->mount)
		return cli->mount;
	return from_environment && *from_environment ? from_environment
						     : DMABUFFS_DEFAULT_MOUNT;
}

int cli_open(struct cli *cli, struct dmabuffs **ret_instance)
{
	const char *path = cli_mount_point(cli);
	int r = dmabuffs_open(path, ret_instance);

	return r < 0 ? report(cli, DMABUFFS_OPERATION_OPEN, path, r) : CODE_OK;
}

int cli_parse_uuid(struct cli *cli, const char *text, dmabuffs_uuid *ret_uuid)
{
	if (dmabuffs_uuid_parse(text, ret_uuid) < 0)
		return cli_usage(cli, "%.40s: not a UUID: 36 characters, lower case",
				 text);
	return CODE_OK;
}

int cli_flush(struct cli *cli)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		return report_file(cli, "standard output", -errno);
	return CODE_OK;
}

int cli_each_uuid(struct cli *cli, int argc, char **argv,
		  int (*act)(struct cli *cli, struct dmabuffs *instance,
			     const dmabuffs_uuid *uuid, const char *text))
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	dmabuffs_uuid uuid;
	int first = CODE_OK;

	if (optind >= argc)
		return cli_usage(cli, "no UUID given");
	/* Check all of them before doing anything to the first. */
	for (int i = optind; i < argc; i++)
		if (cli_parse_uuid(cli, argv[i], &uuid) != CODE_OK)
			return CODE_USAGE;
	first = cli_open(cli, &instance);
	if (first != CODE_OK)
		return first;
	for (int i = optind; i < argc; i++) {
		int code;

		(void)dmabuffs_uuid_parse(argv[i], &uuid);
		code = act(cli, instance, &uuid, argv[i]);
		if (first == CODE_OK)
			first = code;
	}
	return first;
}

static int cli_run_command(struct cli *cli, int argc, char **argv)
{
	const struct command *command;

	for (command = commands; command->name; command++)
		if (strcmp(command->name, argv[0]) == 0) {
			cli->command = command;
			optind = 0; /* restart getopt */
			return command->run(cli, argc, argv);
		}
	return cli_usage(cli, "%s: no such command", argv[0]);
}

int cli_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"version", no_argument, NULL, 'V'},
		CLI_LONG_OPTIONS,
	};
	struct cli cli = {0};
	int option;

	optind = 0;
	while ((option = cli_next_option(&cli, argc, argv, "+" CLI_SHORT_OPTIONS "V",
					 options)) >= 0)
		switch (option) {
		case 'm':
			cli.mount = optarg;
			break;
		case 'h':
			cli_print_help();
			return cli_flush(&cli);
		case 'V':
			puts(PACKAGE_STRING);
			return cli_flush(&cli);
		default:
			return cli.code;
		}
	if (optind >= argc)
		return cli_usage(&cli, "no command given");
	return cli_run_command(&cli, argc - optind, argv + optind);
}
