/* SPDX-License-Identifier: MIT */
/* mount.c - dmabuffs mount: executes dmabuffsd */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "report.h"

#define DAEMON "dmabuffsd"

struct request {
	const char *options;
	const char *target;
	bool foreground;
};

static int mount_parse(struct cli *cli, int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{"foreground", no_argument, NULL, 'f'},
		{"options", required_argument, NULL, 'o'},
		CLI_LONG_OPTIONS,
	};
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "fo:", options)) >=
	       0)
		switch (option) {
		case 'f':
			request->foreground = true;
			break;
		case 'o':
			request->options = optarg;
			break;
		default:
			return CLI_STOP;
		}
	if (argc - optind > 1) {
		cli->code = cli_usage(cli, "give one TARGET");
		return CLI_STOP;
	}
	request->target = optind < argc ? argv[optind] : cli_mount_point(cli);
	return 0;
}

/*
 * /dev is created at each boot, so the default mount point may not exist yet. Another
 * directory that is missing is more likely a typing mistake.
 */
static void mount_make_default_place(const char *target)
{
	if (strcmp(target, DMABUFFS_DEFAULT_MOUNT) == 0)
		(void)mkdir(target, 0755); /* the service reports a failure */
}

/* The one installed or built with this program has precedence. */
static void mount_exec_beside_itself(char **arguments)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length <= 0)
		return;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + sizeof(DAEMON) > sizeof(path))
		return;
	memcpy(slash + 1, DAEMON, sizeof(DAEMON));
	(void)execv(path, arguments);
}

static int mount_exec_daemon(struct cli *cli, char **arguments)
{
	(void)signal(SIGPIPE, SIG_DFL); /* an ignored signal is inherited */
	mount_exec_beside_itself(arguments);
	(void)execv(SBINDIR "/" DAEMON, arguments);
	(void)execvp(DAEMON, arguments);
	return report_file(cli, DAEMON, -errno);
}

int command_mount(struct cli *cli, int argc, char **argv)
{
	static char daemon[] = DAEMON, foreground[] = "-f", options[] = "-o",
		    end[] = "--";
	struct request request = {NULL};
	char *arguments[8] = {NULL};
	size_t count = 0;

	if (mount_parse(cli, argc, argv, &request) == CLI_STOP)
		return cli->code;
	mount_make_default_place(request.target);
	arguments[count++] = daemon;
	if (request.foreground)
		arguments[count++] = foreground;
	if (request.options) {
		arguments[count++] = options;
		arguments[count++] = (char *)request.options;
	}
	arguments[count++] = end;
	arguments[count++] = (char *)request.target;
	return mount_exec_daemon(cli, arguments);
}
