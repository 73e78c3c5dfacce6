/* SPDX-License-Identifier: MIT */
/* import.c - dmabuffs import */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "load.h"
#include "report.h"

#define FD_PATH_SIZE 32

struct request {
	const char *text;
	dmabuffs_uuid uuid;
	char **command; /* NULL: to standard output */
	int access;
	bool buffer;
};

/* Cuts argv at --exec: what follows is the command with its options. */
static int import_split_command(int argc, char **argv, struct request *request)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--exec") == 0) {
			request->command = argv + i + 1;
			argv[i] = NULL;
			return i;
		}
	return argc;
}

static int import_parse_options(struct cli *cli, int argc, char **argv,
				struct request *request)
{
	static const struct option options[] = {
		{"buffer", no_argument, NULL, 'b'},
		{"write", no_argument, NULL, 'w'},
		CLI_LONG_OPTIONS,
	};
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "bw", options)) >=
	       0)
		switch (option) {
		case 'b':
			request->buffer = true;
			break;
		case 'w':
			request->access = O_RDWR;
			break;
		default:
			return CLI_STOP;
		}
	return 0;
}

static int import_parse_arguments(struct cli *cli, int argc, char **argv,
				  struct request *request)
{
	if (argc - optind != 1)
		return cli_usage(cli, "give one UUID, before --exec");
	if (request->command && !*request->command)
		return cli_usage(cli, "--exec needs a command");
	request->text = argv[optind];
	return cli_parse_uuid(cli, request->text, &request->uuid);
}

/* @word with each {} replaced; NULL without memory. */
static char *import_substitute(const char *word, const char *path)
{
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	const char *hole;

	if (!stream)
		return NULL;
	for (; (hole = strstr(word, "{}")); word = hole + 2)
		fprintf(stream, "%.*s%s", (int)(hole - word), word, path);
	fputs(word, stream);
	if (fclose(stream) == EOF) {
		free(text);
		return NULL;
	}
	return text;
}

static int import_set_up_command(char **command, int fd)
{
	char number[12], path[FD_PATH_SIZE];

	(void)snprintf(number, sizeof(number), "%d", fd);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (char **word = command; *word; word++) {
		if (!strstr(*word, "{}"))
			continue;
		*word = import_substitute(*word, path);
		if (!*word)
			return -ENOMEM;
	}
	if (setenv("DMABUFFS_FD", number, 1) < 0 || fcntl(fd, F_SETFD, 0) < 0)
		return -errno;
	return 0;
}

/* The command replaces this process; all other descriptors are close-on-exec. */
static int import_run(struct cli *cli, char **command, int fd)
{
	int r = import_set_up_command(command, fd);

	if (r >= 0) {
		(void)signal(SIGPIPE, SIG_DFL); /* an ignored signal is inherited */
		(void)execvp(*command, command);
		r = -errno;
	}
	return report_file(cli, *command ? *command : "--exec", r);
}

static int import_open_buffer(struct cli *cli, const struct request *request, int *ret_fd)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	_cleanup_close_ int opened = -1;
	int code = cli_open(cli, &instance);
	int r;

	if (code != CODE_OK)
		return code;
	r = dmabuffs_import(instance, &request->uuid, request->access, &opened);
	if (r < 0)
		return report(cli, DMABUFFS_OPERATION_IMPORT, request->text, r);
	if (!request->buffer) {
		*ret_fd = TAKE_FD(opened);
		return CODE_OK;
	}
	r = dmabuffs_exchange(instance, opened, ret_fd);
	return r < 0 ? report(cli, DMABUFFS_OPERATION_EXCHANGE, request->text, r)
		     : CODE_OK;
}

int command_import(struct cli *cli, int argc, char **argv)
{
	struct request request = {.access = O_RDONLY};
	_cleanup_close_ int fd = -1;
	int code;

	argc = import_split_command(argc, argv, &request);
	if (import_parse_options(cli, argc, argv, &request) == CLI_STOP)
		return cli->code;
	code = import_parse_arguments(cli, argc, argv, &request);
	if (code == CODE_OK)
		code = import_open_buffer(cli, &request, &fd);
	if (code != CODE_OK)
		return code;
	return request.command ? import_run(cli, request.command, fd)
			       : unload_buffer(cli, request.text, fd, STDOUT_FILENO);
}
