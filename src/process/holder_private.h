/* SPDX-License-Identifier: MIT */
/* holder_private.h - what the files of the holder share; see holder.h */
#ifndef DMABUFFS_HOLDER_PRIVATE_H
#define DMABUFFS_HOLDER_PRIVATE_H

#include "process/holder.h"
#include "process/serving.h"

#define HOLDER_PATH_MAX 4096

/* Has systemd start the unit again, which it does not after a start that failed. */
#define HOLDER_LOST_MOUNT 3

/* One thread; all descriptors are owned, and -1 if there is none. */
struct holder {
	const struct options *options; /* borrowed */
	char **argv;                   /* borrowed */
	sigset_t mask;                 /* of signals, for services */
	int signals;                   /* of signalfd(2) */
	int ready_fd;                  /* for ready_report() */

	/* What a successor gets; complete once the first service has served. */
	struct held held; /* its service is the current one, if systemd keeps it */
	uint64_t dev;     /* of the mount */
	int aborter;

	int exe;        /* the file that a successor executes; -1: there is none */
	int exe_before; /* the one before an upgrade, until the new one has served */
	char path[HOLDER_PATH_MAX]; /* where the installed file is */

	struct serving current;
	unsigned failures;     /* successors since one has served */
	int error;             /* why the last one failed; 0: unknown */
	unsigned deaths;       /* of services in a row that served for a short time */
	bool has_served;       /* a service did */
	bool has_reported;     /* that a service does */
	uint64_t serves_until; /* ms, on the monotonic clock: a successor that was let go
				* serves by then, or another one takes its place; 0: there
				* is no such bound */
	bool is_ending;        /* was asked to */
	uint64_t ending_until; /* ms, on the monotonic clock; 0: it has not begun */
	pid_t spare;           /* 0: none */
	uint64_t spare_due;    /* when another one is tried, same clock; 0: it is not */

	/* An upgrade: the service that is to be the current one. */
	struct serving next;
	int next_exe;
	uint64_t next_until; /* ms, on the monotonic clock */
};

/* ---- holder.c ---- */

/* With a current service, or none: then it starts one. */
_Noreturn void holder_run(struct holder *holder);

_Noreturn void holder_exit(struct holder *holder, int status);

/* Ends the connection of the mount, and exits as the service has, or will soon. */
_Noreturn void holder_end(struct holder *holder);

/* Unmounts the mount that the holder knows by itself, not one that a service names. */
void holder_unmount(const struct holder *holder);

/* Takes what signals are there. */
void holder_take_signals(struct holder *holder);

/* There is another current service. */
void holder_store_service(struct holder *holder);

/* ---- holder_succeed.c ---- */

/* The current service has died. Starts another, or does not return. */
void holder_succeed(struct holder *holder);

/*
 * How long to wait before the next one is started, ms: a service that cannot start, or
 * dies of each request, is not to use up a processor.
 */
uint64_t holder_delay(unsigned failures, unsigned deaths);

/* So many in a row may fail if @error, -errno, is why the last one did. */
unsigned holder_tries(int error);

/* Notifies a successor that its predecessor was killed. 0 or -errno. */
int holder_let_go(struct holder *holder);

/* ---- holder_upgrade.c ---- */

/* Starts the installed file beside the current service. */
void holder_upgrade(struct holder *holder);

/* A report of the next service, its death, or nothing for too long. */
void holder_take_next(struct holder *holder);

/* Ends the next service, if there is one. */
void holder_drop_next(struct holder *holder, int error);

/* ---- holder_spare.c ---- */

/*
 * A spare has a copy of the holder's memory. After a change another one takes its place:
 * this returns in it, too, once the holder has ended. There is one at any time. If the
 * holder is killed before it has chosen the new one, the old one starts a service of its
 * own, and one that was not let go ends.
 */
void holder_make_spare(struct holder *holder);
void holder_end_spare(struct holder *holder);

/* Where there was no room for one, it is tried again. */
void holder_watch_spare(struct holder *holder);

#endif
