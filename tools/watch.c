/* SPDX-License-Identifier: MIT */
/* watch.c - dmabuffs watch */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <clock.h>

#include "cli.h"
#include "events.h"
#include "report.h"
#include "table.h"
#include "text.h"

#define MINIMUM_MS 100
#define MAXIMUM_MS 3600000
#define DEFAULT_MS 1000

/* The alternate screen, so that the former content comes back; no cursor. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_HOME  "\033[H"
#define LINE_REST    "\033[K"
#define SCREEN_REST  "\033[J"

struct watch {
	struct cli *cli;
	uint32_t interval_ms;
	sigset_t signals;
	struct events events;
};

static int watch_parse(struct cli *cli, int argc, char **argv, struct watch *watch)
{
	static const struct option options[] = {
		{"interval", required_argument, NULL, 'n'},
		CLI_LONG_OPTIONS,
	};
	int option;

	while ((option = cli_option(cli, argc, argv, CLI_SHORT_OPTIONS "n:", options)) >=
	       0) {
		if (option == CLI_STOP)
			return CLI_STOP;
		if (text_parse_seconds(optarg, MINIMUM_MS, MAXIMUM_MS,
				       &watch->interval_ms) < 0) {
			cli->code = cli_usage(cli, "--interval: seconds, 0.1 to 3600");
			return CLI_STOP;
		}
	}
	if (optind < argc) {
		cli->code = cli_usage(cli, "%s: takes no argument", argv[optind]);
		return CLI_STOP;
	}
	return 0;
}

/* SIGTSTP is only blocked: a stopped program would leave its screen behind. */
static void watch_block_signals(sigset_t *ret_signals)
{
	sigset_t blocked;

	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGHUP);
	sigaddset(ret_signals, SIGWINCH);
	blocked = *ret_signals;
	sigaddset(&blocked, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
}

/* False: a signal to stop. */
static bool watch_wait_interval(const struct watch *watch)
{
	const struct timespec interval = timespec_of_ns(watch->interval_ms * NS_PER_MS);
	int signal_number = sigtimedwait(&watch->signals, NULL, &interval);

	return signal_number < 0 || signal_number == SIGWINCH;
}

static void watch_draw(const char *path, const struct rows *rows)
{
	struct winsize window = {0};
	struct table_options options = {.line_end = LINE_REST "\r\n"};
	char safe[256], bytes[TEXT_BYTES_SIZE], title[384];
	uint64_t total = 0;
	size_t room;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 || !window.ws_col ||
	    !window.ws_row)
		window = (struct winsize){.ws_row = 24, .ws_col = 80};
	for (size_t i = 0; i < rows->count; i++)
		total += row_bytes(&rows->all[i]);
	text_escape(path, safe, sizeof(safe));
	text_bytes(total, bytes);
	(void)snprintf(title, sizeof(title), "%zu names, %s, at %s", rows->count, bytes,
		       safe);

	/* Title, heading, and the last line, which would scroll, are not for rows. */
	room = window.ws_row > 4 ? window.ws_row - 3U : 1;
	options.lines = room;
	/* Some terminals erase the last character of a full line. */
	options.columns = MAX(window.ws_col, 2) - 1U;
	printf(SCREEN_HOME "%.*s" LINE_REST "\r\n", (int)options.columns, title);
	table_print(rows, &options);
	if (rows->count > room)
		printf("and %zu more", rows->count - room);
	fputs(LINE_REST SCREEN_REST, stdout);
}

static int watch_look_screen(struct watch *watch, struct dmabuffs *instance)
{
	_cleanup_rows_ struct rows rows = {0};
	int r = rows_load(instance, &rows);

	if (r >= 0)
		watch_draw(cli_mount_point(watch->cli), &rows);
	return r;
}

static int watch_look_lines(struct watch *watch, struct dmabuffs *instance)
{
	return events_print(&watch->events, instance);
}

/*
 * Opened again for each listing, because an open directory would prevent umount(8).
 */
static int watch_until_signal(struct watch *watch,
			      int (*look)(struct watch *watch, struct dmabuffs *instance),
			      enum dmabuffs_operation *ret_operation)
{
	do {
		_cleanup_instance_ struct dmabuffs *instance = NULL;
		int r = dmabuffs_open(cli_mount_point(watch->cli), &instance);

		*ret_operation = DMABUFFS_OPERATION_OPEN;
		if (r < 0)
			return r;
		*ret_operation = DMABUFFS_OPERATION_LIST;
		r = look(watch, instance);
		if (r < 0)
			return r;
		if (fflush(stdout) == EOF)
			break; /* the caller checks the stream */
	} while (watch_wait_interval(watch));
	return 0;
}

int command_watch(struct cli *cli, int argc, char **argv)
{
	struct watch watch = {.cli = cli, .interval_ms = DEFAULT_MS};
	bool screen = isatty(STDOUT_FILENO);
	enum dmabuffs_operation operation;
	int r;

	if (watch_parse(cli, argc, argv, &watch) == CLI_STOP)
		return cli->code;
	watch_block_signals(&watch.signals);
	if (screen)
		fputs(SCREEN_ENTER, stdout);
	r = watch_until_signal(&watch, screen ? watch_look_screen : watch_look_lines,
			       &operation);
	if (screen)
		fputs(SCREEN_LEAVE, stdout);
	events_finish(&watch.events);
	if (r < 0) {
		(void)fflush(stdout);
		return report(cli, operation, cli_mount_point(cli), r);
	}
	return cli_flush(cli);
}
