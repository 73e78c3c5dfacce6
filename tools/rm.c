/* SPDX-License-Identifier: MIT */
/* rm.c - dmabuffs rm */
#include "cli.h"
#include "report.h"

static int rm_unlink_name(struct cli *cli, struct dmabuffs *instance,
			  const dmabuffs_uuid *uuid, const char *text)
{
	int r = dmabuffs_unlink(instance, uuid);

	return r < 0 ? report(cli, DMABUFFS_OPERATION_UNLINK, text, r) : CODE_OK;
}

int command_rm(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {CLI_LONG_OPTIONS};

	if (cli_option(cli, argc, argv, CLI_SHORT_OPTIONS, options) == CLI_STOP)
		return cli->code;
	return cli_each_uuid(cli, argc, argv, rm_unlink_name);
}
