/* SPDX-License-Identifier: MIT */
/*
 * wait.h - waiting for what nothing reports
 *
 * For events such as "the thread has freed it". A test that can wait for a descriptor, a
 * semaphore or the end of a process does that instead.
 */
#ifndef DMABUFFS_TESTS_WAIT_H
#define DMABUFFS_TESTS_WAIT_H

#include <stdbool.h>

/* What a wait allows: only what never comes takes that long, whatever the load. */
#define WAIT_MS 60000

/* Checks every millisecond, or sooner. True: @holds(@data); false: not within WAIT_MS. */
bool wait_until(bool (*holds)(void *data), void *data);

#endif
