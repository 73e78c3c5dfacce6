/* SPDX-License-Identifier: MIT */
/* faults-fixture.h - a queue with a mapped buffer, for tests of commands that fault */
#ifndef ACCEL_TESTS_FAULTS_FIXTURE_H
#define ACCEL_TESTS_FAULTS_FIXTURE_H

#include "soft-fixture.h"
#include "user-queue.h"

#define AREA   (8 * PAGE)
#define BASE   UINT64_C(0x10000000)
#define BEYOND (BASE + AREA) /* nothing is mapped there */

/* The queue, its ASID, and an imported buffer at BASE with its descriptor and a view. */
extern struct user_queue faults_queue;
extern uint32_t faults_asid, faults_buffer;
extern char *faults_view;
extern int faults_memfd;

void faults_map(uint32_t to, uint32_t from, uint64_t offset, uint64_t length,
		uint32_t flags, uint64_t iova);

/*
 * Two good commands, @command, which must fault as described, and one that is cancelled.
 */
void faults_expect(const struct accel_command *command, enum accel_fault_reason reason,
		   uint32_t at_asid, uint64_t address);
void faults_expect_refused(const struct accel_command *command);
void faults_expect_good(const struct accel_command *command);

/* Replaces the queue by a new one without a fault. */
void faults_renew_queue(void);

/* A command of this operation that does not fault. */
struct accel_command faults_good_command(enum accel_op op);

#endif
