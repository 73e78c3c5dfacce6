/* SPDX-License-Identifier: MIT */
/* stats.c - dmabuffs stats */
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "cli.h"
#include "report.h"
#include "text.h"

struct usage {
	uint64_t used;
	uint64_t limit;
};

static unsigned int stats_percent(const struct usage *usage)
{
	return usage->limit
		       ? (unsigned int)((double)usage->used * 100 / (double)usage->limit)
		       : 0;
}

static void stats_print_json(const char *path, const struct usage *names,
			     const struct usage *bytes)
{
	fputs("{\"mount\":", stdout);
	text_json(stdout, path);
	printf(",\"exports\":%" PRIu64 ",\"max_exports\":%" PRIu64, names->used,
	       names->limit);
	printf(",\"bytes\":%" PRIu64 ",\"max_bytes\":%" PRIu64 "}\n", bytes->used,
	       bytes->limit);
}

static void stats_print_text(const char *path, const struct usage *names,
			     const struct usage *bytes)
{
	char used[TEXT_BYTES_SIZE], limit[TEXT_BYTES_SIZE], safe[1024];

	text_escape(path, safe, sizeof(safe));
	text_bytes(bytes->used, used);
	text_bytes(bytes->limit, limit);
	printf("Instance: %s\n", safe);
	printf("Exports:  %" PRIu64 " of %" PRIu64 " (%u %%)\n", names->used,
	       names->limit, stats_percent(names));
	printf("Bytes:    %s of %s (%u %%)\n", used, limit, stats_percent(bytes));
}

static int stats_show(struct cli *cli, bool json)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	const char *path = cli_mount_point(cli);
	struct usage names, bytes;
	struct statvfs status;
	int code = cli_open(cli, &instance);

	if (code != CODE_OK)
		return code;
	if (fstatvfs(dmabuffs_root_fd(instance), &status) < 0)
		return report(cli, DMABUFFS_OPERATION_LIST, path, -errno);
	names = (struct usage){status.f_files - status.f_ffree, status.f_files};
	bytes = (struct usage){(status.f_blocks - status.f_bfree) * status.f_frsize,
			       status.f_blocks * status.f_frsize};
	(json ? stats_print_json : stats_print_text)(path, &names, &bytes);
	return cli_flush(cli);
}

int command_stats(struct cli *cli, int argc, char **argv)
{
	bool json;

	if (cli_parse_json(cli, argc, argv, &json) == CLI_STOP)
		return cli->code;
	if (optind < argc)
		return cli_usage(cli, "%s: takes no argument", argv[optind]);
	return stats_show(cli, json);
}
