/* SPDX-License-Identifier: MIT */
/* main.c - the process around the command line tool */
#include <fcntl.h>
#include <signal.h>

#include "cli.h"

/*
 * A standard descriptor that is closed would be the next one opened, and a message would
 * go into somebody's buffer. It becomes one that fails when used, as before.
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
	/* A reader that went away is an error like any other, with its message. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
