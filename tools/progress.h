/* SPDX-License-Identifier: MIT */
/* progress.h - a progress line on the terminal */
#ifndef DMABUFFS_PROGRESS_H
#define DMABUFFS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Less than this is copied at once and gets no line. */
#define PROGRESS_WORTH_BYTES (UINT64_C(16) << 20)

struct progress {
	uint64_t total; /* bytes; 0: not known */
	uint64_t started_ms;
	uint64_t drawn_ms;
	bool wanted; /* stderr is a terminal */
	bool drawn;  /* there is a line to clear */
};

void progress_start(struct progress *progress, uint64_t total);
void progress_advance(struct progress *progress, uint64_t done);
void progress_finish(struct progress *progress);

/*
 * Formats the line, at most @columns wide: bar, percentage, bytes, rate, time left;
 * without @total only bytes and rate.
 */
void progress_format(char *out, size_t size, unsigned int columns, uint64_t done,
		     uint64_t total, uint64_t elapsed_ms);

#endif
