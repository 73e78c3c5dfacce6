/* SPDX-License-Identifier: MIT */
/*
 * load.h - clients that use all that a mount has, and notice what is lost
 *
 * Each is a process of its own. It keeps some names for the whole run, which the others
 * open, holds some of them open and mapped, and makes and ends others all the time. It
 * knows what must exist, and compares: names, bytes, modes, ACLs, the number of its
 * names, and in the end that nobody else has the buffers of ended names open.
 */
#ifndef DMABUFFS_TEST_CRASH_LOAD_H
#define DMABUFFS_TEST_CRASH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"
#include "instance.h"
#include "tally.h"

#define LOAD_CLIENTS 8
/* Of its names, each client holds so many open. */
#define CLIENT_HELD 5

/* Clients below this are root, and unlink; the others are users, and withdraw. */
#define LOAD_ROOTS  2
#define LOAD_UID(i) (4001 + (unsigned)(i))

enum load_flag {
	LOAD_NO_MAP = 1 << 0,      /* opened names cannot be mapped: no passthrough */
	LOAD_NO_EXCHANGE = 1 << 1, /* the broker is not used */
	LOAD_NO_ACCEL = 1 << 2,
	LOAD_ONE_USER = 1 << 3,     /* all clients are as this process: rootless */
	LOAD_EACH_REVOKES = 1 << 4, /* most names end by revocation */
	LOAD_CONTEXTS_END = 1 << 5, /* a takeover may end contexts with EOWNERDEAD */
	LOAD_FIXED = 1 << 6,        /* buffers cannot be revoked, nor opened again */
};

struct load_config {
	unsigned n_clients;
	unsigned n_kept; /* names that each client keeps */
	size_t bytes;    /* of a buffer, whole pages */
	unsigned flags;  /* LOAD_* */
	unsigned seed;
	/* Returns another buffer than a memfd, or -errno; with LOAD_NO_MAP | LOAD_FIXED.
	 */
	int (*make)(size_t bytes);
};

enum load_stage { LOAD_BEGIN, LOAD_RUN, LOAD_VERIFY, LOAD_CLOSE };

/* Shared by all. The UUIDs follow, n_kept for each client. */
struct load_board {
	_Atomic uint32_t stage; /* enum load_stage */
	atomic_uint ready, verified;
	_Atomic uint32_t n_kept[TALLY_CLIENTS]; /* exported so far */
	uint8_t uuids[][16];
};

struct load {
	const struct instance *instance;
	struct load_config config;
	struct load_board *board;
	size_t board_size;
	struct tally *tally;
	struct child children[TALLY_CLIENTS];
};

/* Returns when all clients have their names and run; asserts. */
void load_start(struct load *load, const struct instance *instance,
		const struct load_config *config);

/* Fails the case if a client hangs or has exited. */
void load_check(struct load *load);

/* Lets it run for so long, checked; or until @done(@data) if that is sooner. */
void load_run(struct load *load, unsigned ms, bool (*done)(void *data), void *data);

/* Ends the operations; each client verifies what it has, and keeps it. */
void load_verify(struct load *load);

/* The clients close everything and exit. */
void load_close(struct load *load);

/* Fails the case if anything failed, and frees it. */
void load_finish(struct load *load);

/* One client; in client.c. */
void client_run(struct load *load, int number);

#endif
