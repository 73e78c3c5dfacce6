/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what the clients of a crash test do and how it went, in shared memory
 *
 * A client that fails goes on, so that one defect does not hide the others; the case
 * fails at the end. An operation that does not return is found by tally_check().
 */
#ifndef DMABUFFS_TEST_CRASH_TALLY_H
#define DMABUFFS_TEST_CRASH_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <clock.h>

#include "harness.h"

#define TALLY_CLIENTS 16
#define TALLY_KEPT    64
#define TALLY_HANG_MS 30000

/* What clients do; the names are in tally.c. */
enum tally_op {
	TALLY_ROOT,
	TALLY_EXPORT,
	TALLY_EXPORT_AGAIN,
	TALLY_OPEN,
	TALLY_MAP,
	TALLY_STAT,
	TALLY_INFO,
	TALLY_CONTENT,
	TALLY_OPEN_OTHER,
	TALLY_CONTENT_OTHER,
	TALLY_EXCHANGE,
	TALLY_CHMOD,
	TALLY_ACL,
	TALLY_LIST,
	TALLY_WITHDRAW,
	TALLY_UNLINK,
	TALLY_REVOKE,
	TALLY_CLOSE_ROOT,
	TALLY_GONE,
	TALLY_KEPT_NAME,
	TALLY_KEPT_MODE,
	TALLY_KEPT_CONTENT,
	TALLY_HELD,
	TALLY_LEAK,
	TALLY_CONTEXT,
	TALLY_COMMAND,
	TALLY_OPS
};

/* One kind of failure, and the first of it. */
struct tally_failure {
	atomic_uint times;
	enum tally_op op;
	int client, error; /* -errno, or what else was wrong */
	unsigned subject;  /* of kept names: client * 10000 + number */
	unsigned kills;    /* before it */
	uint64_t since_ns; /* the last of them */
};

struct tally_client {
	pid_t pid;
	unsigned subject; /* which name it is about, for a failure: see tally_failure */
	_Atomic uint32_t doing; /* enum tally_op + 1; 0: nothing that is timed */
	_Atomic uint64_t begun_ns;
	_Atomic uint64_t longest_ns; /* since tally_longest() */
	_Atomic uint32_t longest_op;
};

struct tally {
	struct tally_client clients[TALLY_CLIENTS];
	unsigned n_clients;
	atomic_uint kills;
	_Atomic uint64_t killed_ns;
	atomic_ulong done[TALLY_OPS];
	/* Contexts that a takeover ended, with the error that is documented for it. */
	atomic_ulong contexts_ended;
	atomic_uint failures, n_kinds;
	struct tally_failure kinds[TALLY_KEPT];
};

struct tally *tally_create(unsigned n_clients);
void tally_destroy(struct tally *tally);

const char *tally_op_name(enum tally_op op);

void tally_begin(struct tally *tally, int client, enum tally_op op);
void tally_end(struct tally *tally, int client);

/* @error is a negative errno; -EILSEQ: wrong bytes, -EEXIST: there, though it ended. */
void tally_fail(struct tally *tally, int client, enum tally_op op, long long error);

/* Times a call that returns -errno, and notes its failure. */
#define TALLY(tally, client, op, call)                                                   \
	({                                                                               \
		long long did_;                                                          \
		tally_begin(tally, client, op);                                          \
		did_ = (long long)(call);                                                \
		tally_end(tally, client);                                                \
		if (did_ < 0)                                                            \
			tally_fail(tally, client, op, did_);                             \
		did_;                                                                    \
	})

/* Of all clients, so far. */
unsigned long tally_operations(const struct tally *tally);

/* Counts a kill, before it is sent. */
void tally_killed(struct tally *tally);

/*
 * The longest operation since the last call, with those under way; *@ret_op is what it
 * was.
 */
uint64_t tally_longest(struct tally *tally, enum tally_op *ret_op);

/* Prints where each thread of a process sleeps. */
void tally_print_stacks(pid_t pid);

/* False: an operation hangs; prints where it and the processes @pids wait. */
bool tally_check(struct tally *tally, const pid_t *pids, unsigned n_pids);

/* Prints the operations, and each kind of failure once. */
void tally_print(const struct tally *tally);

#endif
