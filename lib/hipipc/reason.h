/* SPDX-License-Identifier: MIT */
/* reason.h - why a call failed, as a sentence */
#ifndef HIPIPC_REASON_H
#define HIPIPC_REASON_H

#include <stdbool.h>

#include <util.h>

enum reason_level { REASON_NONE, REASON_ERROR, REASON_INFO };

/*
 * Sets why the thread's current call fails, for hipipcLastReason() and the log, unless a
 * reason is set already. Returns @error, a negative errno.
 */
int reason(int error, const char *format, ...) _printf_(2, 3);

/* Clears the reason at the start of a call. */
void reason_begin(void);

/*
 * At the end of a failed call: makes the reason, or @otherwise if none is set, the last
 * one, and logs it.
 */
void reason_end(const char *call, const char *otherwise);

/* Logs something that is not a failure (HIPIPC_LOG=info). */
void reason_info(const char *format, ...) _printf_(1, 2);

/* Whether the standard error is one. */
bool reason_may_write(void);

/* The thread's last reason; "" if no call has failed. */
const char *reason_last(void);

#endif
