/* SPDX-License-Identifier: MIT */
/*
 * restore-fixture.h - a process with a registry that is killed, and its successor
 *
 * A child makes contexts with a keeper whose records are in memory shared with the test,
 * and whose files lie in a socket. The test kills it with SIGKILL, its engines too, and
 * makes the registry again. Objects of both are in the same variables.
 */
#ifndef ACCEL_TESTS_RESTORE_FIXTURE_H
#define ACCEL_TESTS_RESTORE_FIXTURE_H

#include <accel-records.h>
#include <stdatomic.h>

#define KEPT_RECORDS   8192
#define KEPT_CONTEXTS  8
#define KEPT_ERRORS    16
#define KEPT_USER      65 /* of every context */
#define KEPT_LATENCY   2  /* the device whose commands take a second */
#define KEPT_EXCLUSIVE 1

enum kept_state { KEPT_FREE, KEPT_BUILDING, KEPT_LIVE };

struct kept {
	_Atomic uint32_t state; /* enum kept_state */
	uint32_t n_files;
	struct accel_record record;
};

/* Shared by the child and the test. */
struct kept_memory {
	struct kept records[KEPT_RECORDS];
	_Atomic uint32_t next;
	uint64_t charged[ACCEL_RES_COUNT]; /* when the child was ready */
	uint32_t ids[64];                  /* whatever a test wants to pass on */
	uint64_t values[64];
};

extern struct kept_memory *kept;
extern struct accel_registry *kept_registry;
/* "soft", an exclusive one, and one with a latency of 1 s. */
extern struct accel_device *devices[3];
extern struct accel_context *contexts[KEPT_CONTEXTS]; /* by index of kept_open() */

/* Runs @work in a child with a registry, and kills that once it has returned. */
void restore_kill_after(void (*work)(void));

/* In the child; does nothing if it is open. */
void kept_open(unsigned context, unsigned device);

/* Descriptors to pass to the test; kept_take() returns the next one. */
void kept_pass(int fd);
int kept_take(void);

/*
 * Makes the registry again from what is committed. *errors: how many records failed with
 * anything but -ESTALE. Charges are compared.
 */
unsigned restore_all(void);

/* The same without the comparison, for records that were damaged. */
unsigned restore_damaged(void);

/* The first committed record of a kind; NULL: there is none. */
struct accel_record *kept_find(enum accel_record_kind kind);

/* Destroys everything, and fails the test if a record or a charge stays. */
void restore_finish(void);

/* Saves records and files as the child left them, and restores them. */
void restore_save(void);
void restore_rewind(void);

#endif
