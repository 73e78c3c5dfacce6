/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/*
 * A burst passes; a client in a loop must not fill the disk. Each level has its own
 * budget, so that a flood of debug lines does not suppress the record of exports.
 */
#define LOG_LINES_PER_SECOND 200

#define LOG_TEXT_SIZE      512        /* longer ones are cut */
#define LOG_SUPPRESSED_MAX 1000000000 /* more are not counted */

struct budget {
	time_t second;       /* the rate is counted in this second */
	unsigned lines;      /* in that second */
	unsigned suppressed; /* since the last line */
};

static struct {
	pthread_mutex_t lock, output; /* leaves */
	int level;
	bool to_syslog;
	struct budget budgets[LOG_DEBUG + 1]; /* protected by lock: by level */
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER,
	       .output = PTHREAD_MUTEX_INITIALIZER,
	       .level = LOG_INFO};

static const struct {
	const char *name;
	int level;
} log_levels[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
};

void log_set_level(int level)
{
	log_state.level = level;
}

void log_use_syslog(const char *ident)
{
	openlog(ident, LOG_PID, LOG_DAEMON);
	log_state.to_syslog = true;
}

int log_level_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(log_levels); i++)
		if (!strcmp(log_levels[i].name, name))
			return log_levels[i].level;
	return -EINVAL;
}

/* The number of lines dropped before this one; -1: this one is dropped, too. */
static int log_take_budget(int level)
{
	struct budget *budget = &log_state.budgets[level];
	struct timespec now;
	int dropped = -1;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&log_state.lock);
	if (now.tv_sec != budget->second) {
		budget->second = now.tv_sec;
		budget->lines = 0;
	}
	if (budget->lines < LOG_LINES_PER_SECOND) {
		budget->lines++;
		dropped = (int)budget->suppressed;
		budget->suppressed = 0;
	} else {
		budget->suppressed = MIN(budget->suppressed + 1, LOG_SUPPRESSED_MAX);
	}
	pthread_mutex_unlock(&log_state.lock);
	return dropped;
}

/* They are part of the number that the next line of the level begins with. */
static void log_suppress(int level, unsigned lines)
{
	unsigned *suppressed = &log_state.budgets[level].suppressed;

	pthread_mutex_lock(&log_state.lock);
	*suppressed = MIN(*suppressed + lines, LOG_SUPPRESSED_MAX);
	pthread_mutex_unlock(&log_state.lock);
}

static bool log_has_room(void)
{
	return poll(&(struct pollfd){STDERR_FILENO, POLLOUT, 0}, 1, 0) != 0;
}

/*
 * Whoever reads may have stopped doing so, and the mount does not wait for that. Not all
 * kinds of files know RWF_NOWAIT; -1 is for pipes and sockets, and appends to files.
 * Between poll(2) and write(2) another program can take the room of a pipe.
 */
static bool log_write(const char *line, size_t length)
{
	const struct iovec iov = {(void *)line, length};
	ssize_t n = pwritev2(STDERR_FILENO, &iov, 1, -1, RWF_NOWAIT);

	if (n < 0 && log_has_room())
		n = write(STDERR_FILENO, line, length);
	/* Other errors do not pass: such lines are not counted. */
	return n >= 0 || (errno != EAGAIN && errno != EOPNOTSUPP);
}

static bool log_emit(int level, const char *text)
{
	char line[LOG_TEXT_SIZE + 32];
	bool written;

	if (log_state.to_syslog) {
		syslog(level, "%s", text);
		return true;
	}
	if (getenv("JOURNAL_STREAM"))
		snprintf(line, sizeof(line), "<%d>%s\n", level, text);
	else
		snprintf(line, sizeof(line), "dmabuffsd: %s\n", text);
	pthread_mutex_lock(&log_state.output);
	written = log_write(line, strlen(line));
	pthread_mutex_unlock(&log_state.output);
	return written;
}

static bool log_emit_number(int dropped)
{
	char text[64];

	snprintf(text, sizeof(text), "%d lines suppressed", dropped);
	return dropped == 0 || log_emit(LOG_WARNING, text);
}

/*
 * Clients choose command names and labels: no control character may reach a terminal. A
 * newline at the end comes from libraries.
 */
static void log_make_printable(char *text)
{
	size_t length = strlen(text);

	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void log_message_v(int level, const char *format, va_list args)
{
	int saved = errno;
	char text[LOG_TEXT_SIZE];
	int dropped;

	if (level < 0 || level > log_state.level || level > LOG_DEBUG)
		return;
	dropped = log_take_budget(level);
	if (dropped < 0)
		return;
	if (!log_emit_number(dropped)) {
		log_suppress(level, (unsigned)dropped + 1);
		errno = saved;
		return;
	}
	errno = saved; /* for %m */
	vsnprintf(text, sizeof(text), format, args);
	log_make_printable(text);
	if (!log_emit(level, text))
		log_suppress(level, 1);
	errno = saved;
}

void log_message(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_message_v(level, format, args);
	va_end(args);
}
