/* SPDX-License-Identifier: MIT */
/* stats.c - dmabuffs stats */
#include <stdio.h>
#include <sys/statvfs.h>

#include "cli.h"
#include "report.h"
#include "stats.h"
#include "text.h"

static const struct {
	enum dmabuffs_limit limit;
	const char *title;
	const char *key;
} stats_own[DMABUFFS_LIMIT_COUNT] = {
	{DMABUFFS_LIMIT_EXPORTS, "Your exports:", "exports"},
	{DMABUFFS_LIMIT_BYTES, "Your bytes:", "bytes"},
	{DMABUFFS_LIMIT_ROOTS, "Your roots:", "roots"},
	{DMABUFFS_LIMIT_CONNECTIONS, "Your connections:", "connections"},
};

/* ---- output ------------------------------------------------------------------------ */

static unsigned int stats_percent(const struct dmabuffs_limit_use *use)
{
	return use->max ? (unsigned int)((double)use->used * 100 / (double)use->max) : 0;
}

static void stats_print_numbers(const char *title, const struct dmabuffs_limit_use *use)
{
	printf("%-17s %llu of %llu (%u %%)\n", title, use->used, use->max,
	       stats_percent(use));
}

static void stats_print_sizes(const char *title, const struct dmabuffs_limit_use *use)
{
	char used[TEXT_BYTES_SIZE], max[TEXT_BYTES_SIZE];

	text_bytes(use->used, used);
	text_bytes(use->max, max);
	printf("%-17s %s of %s (%u %%)\n", title, used, max, stats_percent(use));
}

static void stats_print_text(const struct stats *stats)
{
	char safe[1024];

	text_escape(stats->path, safe, sizeof(safe));
	printf("%-17s %s\n", "Instance:", safe);
	stats_print_numbers("Exports:", &stats->names);
	stats_print_sizes("Bytes:", &stats->bytes);
	if (stats->own_error < 0)
		printf("%-17s not known: %s\n", "Your limits:",
		       dmabuffs_strerror(stats->own_error, DMABUFFS_OPERATION_LIMITS));
	for (size_t i = 0; i < ARRAY_SIZE(stats_own) && stats->own_error == 0; i++) {
		bool sizes = stats_own[i].limit == DMABUFFS_LIMIT_BYTES;

		(sizes ? stats_print_sizes : stats_print_numbers)(
			stats_own[i].title, &stats->own.user[stats_own[i].limit]);
	}
}

static void stats_print_json_use(const char *separator, const char *key,
				 const struct dmabuffs_limit_use *use)
{
	printf("%s\"%s\":%llu,\"max_%s\":%llu", separator, key, use->used, key, use->max);
}

static void stats_print_json_own(const struct stats *stats)
{
	const char *separator = "";

	if (stats->own_error < 0) {
		fputs("null,\"user_error\":", stdout);
		text_json(stdout,
			  dmabuffs_strerror(stats->own_error, DMABUFFS_OPERATION_LIMITS));
		return;
	}
	putchar('{');
	for (size_t i = 0; i < ARRAY_SIZE(stats_own); i++, separator = ",")
		stats_print_json_use(separator, stats_own[i].key,
				     &stats->own.user[stats_own[i].limit]);
	putchar('}');
}

static void stats_print_json(const struct stats *stats)
{
	fputs("{\"mount\":", stdout);
	text_json(stdout, stats->path);
	stats_print_json_use(",", "exports", &stats->names);
	stats_print_json_use(",", "bytes", &stats->bytes);
	fputs(",\"user\":", stdout);
	stats_print_json_own(stats);
	puts("}");
}

void stats_print(const struct stats *stats, bool json)
{
	(json ? stats_print_json : stats_print_text)(stats);
}

/* ---- numbers ----------------------------------------------------------------------- */

static int stats_read_mount(struct dmabuffs *instance, struct stats *stats)
{
	struct statvfs status;

	if (fstatvfs(dmabuffs_root_fd(instance), &status) < 0)
		return -errno;
	stats->names.used = status.f_files - status.f_ffree;
	stats->names.max = status.f_files;
	stats->bytes.used = (status.f_blocks - status.f_bfree) * status.f_frsize;
	stats->bytes.max = status.f_blocks * status.f_frsize;
	return 0;
}

/* A service of an older version, or a user without .control: the mount's are shown. */
static int stats_read_own(struct dmabuffs *instance, struct stats *stats)
{
	int r = dmabuffs_limits(instance, &stats->own, sizeof(stats->own));

	stats->own_error = r;
	return r == -EACCES || r == -EROFS || r == -EOVERFLOW || r == -ENOTTY ? 0 : r;
}

static int stats_show(struct cli *cli, bool json)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	struct stats stats = {.path = cli_mount_point(cli)};
	int code = cli_open(cli, &instance), r;

	if (code != CODE_OK)
		return code;
	r = stats_read_mount(instance, &stats);
	if (r == 0)
		r = stats_read_own(instance, &stats);
	if (r < 0)
		return report(cli, DMABUFFS_OPERATION_LIMITS, stats.path, r);
	stats_print(&stats, json);
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
