/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - common start of the tests of the daemon's modules
 *
 * Criterion runs each test in its own process, so the state is in plain variables.
 */
#ifndef DMABUFFS_TESTS_FIXTURE_H
#define DMABUFFS_TESTS_FIXTURE_H

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "buffers/fd_vault.h"
#include "names/table.h"
#include "util.h"

#define UID_A 1000
#define UID_B 1001

/* Set up as in the daemon; for tests with .init and .fini below. */
extern struct limits fixture_limits;
extern struct table fixture_table;
extern uint64_t fixture_root; /* an open root description of UID_A */

void fixture_init(void);

/* The ledger and the bank of fixture_table; made when first asked for. */
const struct state *fixture_state(void);
struct ledger *fixture_ledger(void);

/* Closes the root description; fails the test if anything stays charged. */
void fixture_finish(void);

/* The sum of all charges in fixture_limits. */
uint64_t fixture_charged(void);

/* The parameters of an export, apart from root description and buffer. */
struct export_spec {
	uid_t uid;
	uint32_t flags;
	const char *label;
};

/* An export of @memfd, which the caller keeps; not named yet. */
struct export *fixture_create(uint64_t root, int memfd, const struct export_spec *spec);

/*
 * A named export of a new memfd of 4096 bytes, on fixture_root; with a reference for the
 * caller.
 */
struct export *fixture_add(uid_t uid, uint32_t flags);

/* A buffer of a new memfd. */
void new_buffer(struct buffer *buffer, size_t size);

/* fd_vault_keep() for a test, which has no closer for what is left over. */
struct kept_fd keep_fd(int fd);

/* Whether this process has this descriptor open. */
bool is_open(int fd);

/*
 * Runs @act in a child process; returns its result, 0 to 255, or -1 if a signal killed
 * it.
 */
int run_in_child(int (*act)(void *data), void *data);

/* For close_root() in tests that need no notification. */
void ignore_ended(struct export *export, void *data);

#endif
