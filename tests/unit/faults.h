/* SPDX-License-Identifier: MIT */
/*
 * faults.h - calls that fail on demand
 *
 * The linker routes the allocations and system calls of the tested modules here (--wrap
 * in local.mk), so that each can be made to fail once.
 */
#ifndef DMABUFFS_TESTS_FAULTS_H
#define DMABUFFS_TESTS_FAULTS_H

#include <stdbool.h>

/* Makes the @nth of this thread's next calls fail, counted from 1. */
void faults_arm(unsigned nth);

/* Disarms; returns the function that failed, or NULL if there were fewer calls. */
const char *faults_disarm(void);

/* Lets no thread of the process create another. */
void faults_refuse_threads(bool refuse);

/* Has each read(2) of any thread fail with @error once it would return; 0: no more. */
void faults_fail_reads(int error);

/* Allocations of the tested modules and the tests that are not freed yet. */
long faults_live_allocations(void);

#endif
