/* SPDX-License-Identifier: MIT */
/* stat.c - dmabuffs stat */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "report.h"
#include "row.h"
#include "text.h"

#define LABEL_FORMAT "%-11s "

static void stat_print_bits(const char *label, const struct text_bit *names,
			    uint32_t bits)
{
	printf("%-11s", label);
	for (; names->name; names++)
		if (bits & names->bit)
			printf(" %s", names->name);
	putchar('\n');
}

static void stat_print_text(const char *label, const void *text)
{
	char safe[4 * DMABUFFS_LABEL_SIZE];

	text_escape(text, safe, sizeof(safe));
	printf(LABEL_FORMAT "%s\n", label, safe);
}

static void stat_print_time(const char *label, time_t when)
{
	char text[64] = "";
	struct tm local;

	if (localtime_r(&when, &local))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &local);
	printf(LABEL_FORMAT "%s\n", label, text);
}

static void stat_print_status(const struct row *row)
{
	char uuid[DMABUFFS_UUID_TEXT_SIZE], bytes[TEXT_BYTES_SIZE], name[64];

	dmabuffs_uuid_format(&row->uuid, uuid);
	text_bytes(row_bytes(row), bytes);
	printf(LABEL_FORMAT "%s\n", "UUID:", uuid);
	printf(LABEL_FORMAT "%" PRIu64 " bytes (%s)\n", "Size:", row_bytes(row), bytes);
	row_user(row, name, sizeof(name));
	printf(LABEL_FORMAT "%s (%u)\n", "Owner:", name, row->status.st_uid);
	row_group(row, name, sizeof(name));
	printf(LABEL_FORMAT "%s (%u)\n", "Group:", name, row->status.st_gid);
	printf(LABEL_FORMAT "%04o\n", "Mode:", row->status.st_mode & 07777);
	stat_print_time("Accessed:", row->status.st_atime);
	stat_print_time("Modified:", row->status.st_mtime);
	stat_print_time("Changed:", row->status.st_ctime);
}

static void stat_print_exporter(const struct dmabuffs_info *info)
{
	if (info->pid > 0)
		printf(LABEL_FORMAT "%d\n", "Exporter:", info->pid);
	else
		printf(LABEL_FORMAT "not nameable\n", "Exporter:");
	stat_print_text("Command:", info->comm);
	printf(LABEL_FORMAT, "Namespaces:");
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		printf("%s%s:[%" PRIu64 "]", i ? " " : "", row_namespaces[i],
		       (uint64_t)info->ns[i]);
	putchar('\n');
}

static void stat_print_info(const struct row *row)
{
	printf(LABEL_FORMAT "%s\n", "Kind:", row_kind(row));
	stat_print_bits("Flags:", row_flags, row->info.flags);
	stat_print_bits("Seals:", row_seals, row->info.seals);
	printf(LABEL_FORMAT "%u\n", "Importers:", row->info.importers);
	stat_print_exporter(&row->info);
	stat_print_text("Label:", row->info.label);
}

static int stat_print_row(struct cli *cli, const char *text, const struct row *row,
			  bool json)
{
	int code;

	if (json) {
		row_json(row);
		putchar('\n');
	} else {
		stat_print_status(row);
		if (row->error >= 0)
			stat_print_info(row);
	}
	code = cli_flush(cli);
	if (code == CODE_OK && row->error < 0) /* after what is known */
		code = report(cli, DMABUFFS_OPERATION_IMPORT, text, row->error);
	return code;
}

static int stat_show(struct cli *cli, const char *text, bool json)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	dmabuffs_uuid uuid;
	struct row row;
	int code = cli_parse_uuid(cli, text, &uuid);
	int r;

	if (code == CODE_OK)
		code = cli_open(cli, &instance);
	if (code != CODE_OK)
		return code;
	r = row_load(instance, &uuid, &row);
	if (r < 0)
		return report(cli, DMABUFFS_OPERATION_IMPORT, text, r);
	return stat_print_row(cli, text, &row, json);
}

int command_stat(struct cli *cli, int argc, char **argv)
{
	bool json;

	if (cli_parse_json(cli, argc, argv, &json) == CLI_STOP)
		return cli->code;
	if (argc - optind != 1)
		return cli_usage(cli, "give one UUID");
	return stat_show(cli, argv[optind], json);
}
