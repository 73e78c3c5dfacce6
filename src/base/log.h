/* SPDX-License-Identifier: MIT */
/*
 * log.h - the daemon's log
 *
 * To standard error in the foreground (with systemd's <N> prefix if that is the journal),
 * to syslog otherwise. The rate of lines is limited per level, and the number of those
 * suppressed is logged with the next one of the level. So are lines that would have had
 * to wait for a reader of standard error; syslog(3) waits. Thread safe, but for the two
 * setters.
 */
#ifndef DMABUFFS_LOG_H
#define DMABUFFS_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <syslog.h>

#include "util.h"

/* Before threads are started. @level is one of syslog's LOG_ERR, LOG_WARNING, LOG_INFO,
 * LOG_DEBUG. */
void log_set_level(int level);
void log_use_syslog(const char *ident);

/* The level of a name such as "warning", or -EINVAL. */
int log_level_parse(const char *name);

void log_message(int level, const char *format, ...) _printf_(2, 3);
void log_message_v(int level, const char *format, va_list args) _printf_(2, 0);

#define log_error(...)   log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
/* For what happens to the instance itself: no client makes so many lines of this level
 * that one is suppressed. It is shown where "info" is. */
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)   log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)  log_message(LOG_DEBUG, __VA_ARGS__)

#endif
