/* SPDX-License-Identifier: MIT */
/* remains.h - what an instance must have after a crash test, and what it must not have */
#ifndef DMABUFFS_TEST_CRASH_REMAINS_H
#define DMABUFFS_TEST_CRASH_REMAINS_H

#include "instance.h"

/*
 * Waits until exactly @names exist and are charged, with their buffers; fails the case
 * otherwise. @opens: open files of names.
 */
void remains_expect(const struct instance *instance, unsigned names, unsigned opens);

/* Nothing is left of any client, neither in the service nor in what it keeps. */
void remains_expect_nothing(const struct instance *instance);

/* The service has no more descriptors than a successor that begins with what it kept. */
void remains_expect_fds(const struct instance *instance);

#endif
