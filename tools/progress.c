/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clock.h>
#include <util.h>

#include "progress.h"
#include "text.h"

#define REDRAW_MS  100
#define BAR_MIN    10
#define BAR_MAX    40
#define LINE_BYTES 160

static unsigned int progress_terminal_columns(void)
{
	struct winsize window;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		return 80;
	return window.ws_col;
}

/* "[####......] " in the columns that the text leaves; empty if they are few. */
static void progress_format_bar(char *out, unsigned int columns, size_t text,
				unsigned int permille)
{
	unsigned int room = columns > text + 3 ? columns - (unsigned int)text - 3 : 0;
	unsigned int width = MIN(room, BAR_MAX);
	unsigned int full = width * permille / 1000;

	*out = '\0';
	if (width < BAR_MIN)
		return;
	*out++ = '[';
	memset(out, '#', full);
	memset(out + full, '.', width - full);
	memcpy(out + width, "] ", 3);
}

void progress_format(char *out, size_t size, unsigned int columns, uint64_t done,
		     uint64_t total, uint64_t elapsed_ms)
{
	double seconds = (double)MAX(elapsed_ms, 1) / 1000;
	double rate = (double)done / seconds;
	char amount[TEXT_BYTES_SIZE], whole[TEXT_BYTES_SIZE], speed[TEXT_BYTES_SIZE];
	char bar[BAR_MAX + 4] = "";
	char text[LINE_BYTES];
	unsigned int permille;
	uint64_t left;
	int length;

	if (total > 0) /* the file may have grown */
		done = MIN(done, total);
	text_bytes(done, amount);
	text_bytes((uint64_t)rate, speed);
	if (total == 0) {
		(void)snprintf(text, sizeof(text), "%s  %s/s", amount, speed);
	} else {
		permille = (unsigned int)((double)done / (double)total * 1000);
		left = rate > 0 ? (uint64_t)((double)(total - done) / rate + 0.5) : 0;
		text_bytes(total, whole);
		length = snprintf(text, sizeof(text), "%3u %%  %s of %s  %s/s  %u:%02u",
				  permille / 10, amount, whole, speed,
				  (unsigned int)MIN(left / 60, 99999),
				  (unsigned int)(left % 60));
		progress_format_bar(bar, columns, (size_t)length, permille);
	}
	(void)snprintf(out, MIN(size, (size_t)columns + 1), "%s%s", bar, text);
}

void progress_start(struct progress *progress, uint64_t total)
{
	*progress = (struct progress){.total = total, .started_ms = now_ms()};
	progress->wanted =
		(total == 0 || total >= PROGRESS_WORTH_BYTES) && isatty(STDERR_FILENO);
}

void progress_advance(struct progress *progress, uint64_t done)
{
	uint64_t now;
	char line[LINE_BYTES + BAR_MAX];

	if (!progress->wanted || (progress->total == 0 && done < PROGRESS_WORTH_BYTES))
		return;
	now = now_ms();
	if (progress->drawn && now - progress->drawn_ms < REDRAW_MS)
		return;
	/* A full line makes some terminals scroll, so one column stays free. */
	progress_format(line, sizeof(line), progress_terminal_columns() - 1, done,
			progress->total, now - progress->started_ms);
	fprintf(stderr, "\r%s\033[K", line);
	(void)fflush(stderr);
	progress->drawn = true;
	progress->drawn_ms = now;
}

void progress_finish(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
