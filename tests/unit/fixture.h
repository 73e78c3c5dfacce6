/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - what several tests of the daemon's modules start from
 *
 * Criterion runs each test in a process of its own, so these may be variables.
 */
#ifndef DMABUFFS_TESTS_FIXTURE_H
#define DMABUFFS_TESTS_FIXTURE_H

#include "../support/fds.h"
#include "../support/wait.h"
#include "names/table.h"
#include "util.h"

#define UID_A 1000
#define UID_B 1001

/* As the daemon sets them up; for tests with .init and .fini below. */
extern struct limits fixture_limits;
extern struct table fixture_table;
extern uint64_t fixture_root; /* an open root description of UID_A */

void fixture_init(void);

/* Fails the test if anything is still charged after the root description was closed. */
void fixture_finish(void);

/* The sum of what is charged on fixture_limits. */
uint64_t fixture_charged(void);

/* What an export is made with, apart from root description and buffer. */
struct export_spec {
	uid_t uid;
	uint32_t flags;
	const char *label;
};

/* An export of @memfd, which stays the caller's, without a name yet. */
struct export *fixture_create(uint64_t root, int memfd, const struct export_spec *spec);

/* One of a new memfd of 4096 bytes, named, on fixture_root; with the caller's reference.
 */
struct export *fixture_add(uid_t uid, uint32_t flags);

/* A memfd that can be sealed. */
int new_memfd(size_t size);

/* Another open file description of the same memfd, or -1. */
int reopen(int fd, int flags);

/* A buffer of a new memfd. */
void new_buffer(struct buffer *buffer, size_t size);

/* Whether this process has this descriptor open. */
bool is_open(int fd);

/* Runs it in a child process; its result, 0 to 255, or -1 if a signal ended it. */
int run_in_child(int (*act)(void *data), void *data);

/* For close_root() where the callback does not matter. */
void ignore_ended(struct export *export, void *data);

#endif
