/* SPDX-License-Identifier: MIT */
/* main.c - the process setup of dmabuffs(1) */
#include <fcntl.h>
#include <signal.h>

#include "cli.h"

/*
 * If a standard descriptor is closed, the next open(2) gets its number, and output would
 * go into a buffer. Open one there that still fails when used.
 */
static void main_fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			_exit(CODE_FAILED);
}

int main(int argc, char **argv)
{
	main_fill_standard_descriptors();
	/* A closed pipe is an error like any other, with a report. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
