/* SPDX-License-Identifier: MIT */
/* main.c - the process setup of dmabuffs(1) */
#include <signal.h>

#include <standard_fds.h>

#include "cli.h"

int main(int argc, char **argv)
{
	if (standard_fds_fill() < 0)
		return CODE_FAILED;
	/* A closed pipe is an error like any other, with a report. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
