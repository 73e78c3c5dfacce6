/* SPDX-License-Identifier: MIT */
/* reason.h - why a call failed, for people */
#ifndef HIPIPC_REASON_H
#define HIPIPC_REASON_H

#include <stdbool.h>

#include <util.h>

enum reason_level { REASON_NONE, REASON_ERROR, REASON_INFO };

/*
 * Notes why the current call of this thread fails, for hipipcLastReason() and the log;
 * the first one of a call stays. @error is a negative errno and is returned.
 */
int reason(int error, const char *format, ...) _printf_(2, 3);

/* Begins a call: there is no reason yet. */
void reason_begin(void);

/*
 * Ends a failed one: what was noted is shown from now on; nothing was: @otherwise.
 * @quiet: a program may ask just to find out; logged with HIPIPC_LOG=info only.
 */
void reason_end(const char *call, const char *otherwise, bool quiet);

/* Something to know, that is no failure (HIPIPC_LOG=info). */
void reason_info(const char *format, ...) _printf_(1, 2);

/* One of this thread; "" if no call failed yet. */
const char *reason_last(void);

#endif
