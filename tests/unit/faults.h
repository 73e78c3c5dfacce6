/* SPDX-License-Identifier: MIT */
/*
 * faults.h - calls that fail on demand
 *
 * The linker routes the allocations and system calls of the tested modules through here
 * (--wrap in local.mk), so that each can be made to fail once and what follows be seen.
 */
#ifndef DMABUFFS_TESTS_FAULTS_H
#define DMABUFFS_TESTS_FAULTS_H

#include <stdbool.h>

/* Makes the @nth of this thread's next calls fail, counted from 1. */
void faults_arm(unsigned nth);

/* No more failures; the function that failed, or NULL when there were fewer calls. */
const char *faults_disarm(void);

/* Allocations made by the tested modules, and the tests, that were not freed yet. */
long faults_live_allocations(void);

#endif
