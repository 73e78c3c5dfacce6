/* SPDX-License-Identifier: MIT */
/* progress.h - a line on the terminal for what takes long */
#ifndef DMABUFFS_PROGRESS_H
#define DMABUFFS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Less than this is there at once. */
#define PROGRESS_WORTH_BYTES (UINT64_C(16) << 20)

struct progress {
	uint64_t total; /* bytes; 0: not known */
	uint64_t started_ms;
	uint64_t drawn_ms;
	bool wanted; /* stderr is a terminal */
	bool drawn;  /* there is a line to wipe */
};

void progress_start(struct progress *progress, uint64_t total);
void progress_advance(struct progress *progress, uint64_t done);
void progress_finish(struct progress *progress);

/*
 * The line itself, at most @columns wide: bar, percentage, bytes, rate, time to go;
 * without a @total only bytes and rate.
 */
void progress_format(char *out, size_t size, unsigned int columns, uint64_t done,
		     uint64_t total, uint64_t elapsed_ms);

#endif
