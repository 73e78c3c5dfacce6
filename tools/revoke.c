/* SPDX-License-Identifier: MIT */
/* revoke.c - dmabuffs revoke */
#include "cli.h"
#include "report.h"

static int revoke_name(struct cli *cli, struct dmabuffs *instance,
		       const dmabuffs_uuid *uuid, const char *text)
{
	int r = dmabuffs_revoke(instance, uuid);

	return r < 0 ? report(cli, DMABUFFS_OPERATION_REVOKE, text, r) : CODE_OK;
}

int command_revoke(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {CLI_LONG_OPTIONS};

	if (cli_option(cli, argc, argv, CLI_SHORT_OPTIONS, options) == CLI_STOP)
		return cli->code;
	return cli_each_uuid(cli, argc, argv, revoke_name);
}
