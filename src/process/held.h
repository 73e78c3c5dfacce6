/* SPDX-License-Identifier: MIT */
/*
 * held.h - the descriptors that a holder keeps for the next service, and their names
 *
 * Handed on as systemd does, see sd_listen_fds(3) and FileDescriptorStoreMax= in
 * systemd.service(5): numbers from 3 on, names in $LISTEN_FDNAMES. So a service does not
 * see whether systemd or the holder of holder.h has started it.
 */
#ifndef DMABUFFS_HELD_H
#define DMABUFFS_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "store/state.h"

#define HELD_FUSE     "fuse"
#define HELD_LEDGER   "ledger"
#define HELD_BANK     "bank-" /* and the number of the queue */
#define HELD_LISTENER "listener"
/* From systemd alone: the process that served, as a pidfd. */
#define HELD_SERVICE "service"
/* From the holder of holder.h alone: the socket of report.h, and the pipe of life.h. */
#define HELD_HOLDER "holder"
#define HELD_LIFE   "life"

#define HELD_FDS_MAX  (STATE_FDS_MAX + 5U)
#define HELD_NAME_MAX 16U

struct held {
	int fuse;                 /* of the mount */
	int state[STATE_FDS_MAX]; /* in the order of state_fd() */
	unsigned n_state;
	int listener;     /* the broker's socket */
	int service;      /* see above */
	int holder, life; /* of one service, see above */
};

/* No descriptor: all are -1. */
void held_init(struct held *held);
void held_close(struct held *held);

/* Are those there that a successor needs? */
bool held_is_complete(const struct held *held);

/*
 * Calls @visit with the name of each descriptor, the FUSE device last, until it returns
 * an error, which is returned; else 0.
 */
int held_for_each(const struct held *held,
		  int (*visit)(const char *name, int fd, void *data), void *data);

/* How many there are. */
unsigned held_count_passed(const struct held *held);

/* The number after those of held_pass(). */
int held_end(const struct held *held);

/*
 * In a process that is to execute a service: makes them its descriptors 3 and on, without
 * close-on-exec, and sets the variables. What else is above 2 is closed by execve(2). 0
 * or -errno.
 */
int held_pass(const struct held *held);

/*
 * The numbers of @n descriptors with these names, as sd_listen_fds_with_names(3) has
 * them. 0; -EBADFD, logged: unknown names, one twice, too many or too few; -ENOMEM.
 */
int held_parse(const char *names, unsigned n, struct held *ret_held);

/*
 * In the service, at its start: takes what the variables name, with close-on-exec, closes
 * everything else above 2 but @keep, and removes the variables. Nothing is passed: all
 * are -1. Each is checked to be of its kind. 0; -errno, logged: a name is unknown, there
 * twice, or none of the kind; nothing was changed but in this process. -ENOTCONN: those
 * of a mount that has ended, or has not come to serve; they are in *ret_held.
 */
int held_take(int keep, struct held *ret_held);

#endif
