/* SPDX-License-Identifier: MIT */
/* ls.c - dmabuffs ls */
#include "cli.h"
#include "report.h"
#include "table.h"

enum format { TABLE, JSON, QUIET };

struct listing {
	enum format format;
	bool exact_bytes;
};

static int ls_parse(struct cli *cli, int argc, char **argv, struct listing *listing)
{
	static const struct option options[] = {
		{"bytes", no_argument, NULL, 'B'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		CLI_LONG_OPTIONS,
	};
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "Bjq", options)) >=
	       0)
		switch (option) {
		case 'B':
			listing->exact_bytes = true;
			break;
		case 'j':
			listing->format = JSON;
			break;
		case 'q':
			listing->format = QUIET;
			break;
		default:
			return CLI_STOP;
		}
	if (optind < argc) {
		cli->code = cli_usage(cli, "%s: takes no argument", argv[optind]);
		return CLI_STOP;
	}
	return 0;
}

static void ls_print_json(const struct rows *rows)
{
	putchar('[');
	for (size_t i = 0; i < rows->count; i++) {
		fputs(i ? ",\n " : "", stdout);
		row_json(&rows->all[i]);
	}
	puts("]");
}

static int ls_print_uuid(const dmabuffs_uuid *uuid, void *data)
{
	char text[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, text);
	puts(text);
	return 0;
}

static int ls_print_rows(struct cli *cli, struct dmabuffs *instance,
			 const struct listing *listing)
{
	struct table_options options = {.exact_bytes = listing->exact_bytes,
					.line_end = "\n"};
	_cleanup_rows_ struct rows rows = {0};
	int r;

	if (listing->format == QUIET)
		r = dmabuffs_list(instance, ls_print_uuid, NULL);
	else
		r = rows_load(instance, &rows);
	if (r < 0)
		return report(cli, DMABUFFS_OPERATION_LIST, cli_mount_point(cli), r);
	if (listing->format == JSON)
		ls_print_json(&rows);
	else if (listing->format == TABLE)
		table_print(&rows, &options);
	return cli_flush(cli);
}

int command_ls(struct cli *cli, int argc, char **argv)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	struct listing listing = {TABLE};
	int code;

	if (ls_parse(cli, argc, argv, &listing) == CLI_STOP)
		return cli->code;
	code = cli_open(cli, &instance);
	return code == CODE_OK ? ls_print_rows(cli, instance, &listing) : code;
}
