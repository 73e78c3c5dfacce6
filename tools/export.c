/* SPDX-License-Identifier: MIT */
/* export.c - dmabuffs export */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"
#include "limit.h"
#include "load.h"
#include "report.h"
#include "text.h"

#define OPTION_MODE 256

struct request {
	const char *path;
	struct dmabuffs_export_options options;
	bool seal;
};

static int export_check_label(struct cli *cli, const char *label)
{
	if (strlen(label) >= DMABUFFS_LABEL_SIZE)
		return cli_usage(cli, "--label: at most %d characters",
				 DMABUFFS_LABEL_SIZE - 1);
	for (; *label; label++)
		if (*label < 0x20 || *label > 0x7e)
			return cli_usage(cli, "--label: printable ASCII only");
	return CODE_OK;
}

static int export_apply_option(struct cli *cli, int option, struct request *request)
{
	switch (option) {
	case 'l':
		request->options.label = optarg;
		return export_check_label(cli, optarg);
	case OPTION_MODE:
		request->options.flags |= DMABUFFS_EXPORT_MODE;
		if (text_parse_mode(optarg, &request->options.mode) < 0)
			return cli_usage(cli, "--mode: octal, 0 to 777");
		return CODE_OK;
	case 'p':
		request->options.flags |= DMABUFFS_EXPORT_PERSIST;
		return CODE_OK;
	case 'r':
		request->options.flags |= DMABUFFS_EXPORT_READONLY;
		return CODE_OK;
	default:
		request->seal = true;
		return CODE_OK;
	}
}

static int export_parse(struct cli *cli, int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{"label", required_argument, NULL, 'l'},
		{"mode", required_argument, NULL, OPTION_MODE},
		{"persist", no_argument, NULL, 'p'},
		{"readonly", no_argument, NULL, 'r'},
		{"seal", no_argument, NULL, 's'},
		CLI_LONG_OPTIONS,
	};
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "l:prs",
				    options)) >= 0) {
		if (option == CLI_STOP)
			return CLI_STOP;
		cli->code = export_apply_option(cli, option, request);
		if (cli->code != CODE_OK)
			return CLI_STOP;
	}
	if (argc - optind != 1) {
		cli->code = cli_usage(cli, "give one FILE, or - for standard input");
		return CLI_STOP;
	}
	request->path = argv[optind];
	return 0;
}

/* Before a long load in vain. Whatever is no regular file has no size yet. */
static int export_check_size(struct cli *cli, struct dmabuffs *instance, const char *path)
{
	struct stat status;
	int r = strcmp(path, "-") ? stat(path, &status) : fstat(STDIN_FILENO, &status);

	return r == 0 && S_ISREG(status.st_mode)
		       ? limit_check(cli, instance, path, (uint64_t)status.st_size)
		       : CODE_OK;
}

static int export_load(struct cli *cli, const struct request *request, int *ret_memfd)
{
	_cleanup_close_ int memfd = -1;
	int code = load_file(cli, request->path, &memfd);

	if (code != CODE_OK)
		return code;
	if (request->seal &&
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return report_file(cli, "--seal", -errno);

	*ret_memfd = TAKE_FD(memfd);
	return CODE_OK;
}

/* These signals stop the wait; they must not kill the process before its report. */
static void export_block_ending_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

/*
 * Waits for a signal, or until the name is removed and nothing is left to keep.
 */
static int export_keep(struct cli *cli, struct dmabuffs *instance, const char *name,
		       const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1};
	struct stat status;

	while (sigtimedwait(signals, NULL, &second) < 0) {
		if (fstatat(dmabuffs_root_fd(instance), name, &status, 0) == 0)
			continue;
		if (errno != ENOENT)
			return report(cli, DMABUFFS_OPERATION_LIST, name, -errno);
		report_line(cli, "%s: the name was removed", name);
		return CODE_NO_NAME;
	}
	return CODE_OK;
}

/* With the limit, if it is smaller than the buffer. */
static int export_report(struct cli *cli, struct dmabuffs *instance, const char *path,
			 int memfd, int error)
{
	struct stat status;
	int code = CODE_OK;

	if ((error == -EDQUOT || error == -ENOSPC) && fstat(memfd, &status) == 0)
		code = limit_check(cli, instance, path, (uint64_t)status.st_size);
	return code == CODE_OK ? report(cli, DMABUFFS_OPERATION_EXPORT, path, error)
			       : code;
}

static int export_buffer(struct cli *cli, struct dmabuffs *instance,
			 const struct request *request, int memfd)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];
	dmabuffs_uuid uuid;
	sigset_t signals;
	int code, r;

	export_block_ending_signals(&signals);
	r = dmabuffs_export(instance, memfd, &request->options, &uuid);
	if (r < 0)
		return export_report(cli, instance, request->path, memfd, r);
	close_keep_errno(memfd); /* or rm would not free the memory */

	dmabuffs_uuid_format(&uuid, name);
	puts(name);
	code = cli_flush(cli);
	if (code != CODE_OK) { /* the user does not know the name */
		(void)dmabuffs_unlink(instance, &uuid);
		return code;
	}
	if (request->options.flags & DMABUFFS_EXPORT_PERSIST)
		return CODE_OK;
	return export_keep(cli, instance, name, &signals);
}

int command_export(struct cli *cli, int argc, char **argv)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	_cleanup_close_ int memfd = -1;
	struct request request = {.options.size = sizeof(request.options)};
	int code;

	if (export_parse(cli, argc, argv, &request) == CLI_STOP)
		return cli->code;
	code = cli_open(cli, &instance);
	if (code == CODE_OK)
		code = export_check_size(cli, instance, request.path);
	if (code == CODE_OK)
		code = export_load(cli, &request, &memfd);
	return code == CODE_OK ? export_buffer(cli, instance, &request, TAKE_FD(memfd))
			       : code;
}
