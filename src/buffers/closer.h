/* SPDX-License-Identifier: MIT */
/*
 * closer.h - closes what came from clients, off the path of requests and of other users
 *
 * A client decides how long a close(2) of its file takes: each walks the POSIX locks of
 * the inode, of which there can be millions; the last one frees the pages, and can wait
 * for a FUSE server that does not reply, or for a socket with SO_LINGER. So nothing that
 * came from a client, and no other descriptor of the same file, is closed where a request
 * or another user would wait for it: not in the broker's thread, a FUSE worker or a
 * thread of several users, nor under a lock.
 *
 * A closing is made before there is anything to close, so that closing needs no memory.
 * Those of one person (limits_person()) are closed in the order in which they end, by one
 * thread at a time; nobody waits for another person. What is charged for a closing is
 * given back when everything in it is closed, which bounds how much a user can have
 * queued.
 *
 * One for the process; thread safe. While it is not started, closing_end() closes.
 */
#ifndef DMABUFFS_CLOSER_H
#define DMABUFFS_CLOSER_H

#include <stdbool.h>

#include "base/limits.h"
#include "buffers/buffer.h"
#include "list.h"

struct accel_asid;
struct closing;

/* After fd_vault_start(), which knows how many descriptors there are. 0 or -errno. */
int closer_start(void);

/*
 * Closes what is queued and ends the threads; false: that takes longer than some seconds.
 * Call it again to wait on.
 */
bool closer_stop(void);

/* How many are queued, or being closed. */
size_t closer_pending(void);

/* One of @uid with room for @room descriptors, for which nothing is charged yet; NULL. */
struct closing *closing_new(struct limits *limits, uid_t uid, unsigned room);

/*
 * The same, charged for the first descriptor (RES_CLOSES), before anything is received
 * from the client that it would have to close. -EBUSY: too many of this user, or of all,
 * are still closing; -ENOMEM.
 */
int closing_reserve(struct limits *limits, const struct payer *payer, unsigned room,
		    struct closing **ret_closing);

/* The same, of the person and with the limits of @closing. */
int closing_reserve_beside(const struct closing *closing, unsigned room,
			   struct closing **ret_closing);

/*
 * Where there are few descriptors, and the person has many queued, lets the closer have
 * the processor. For a request: the broker's thread is everybody's.
 */
void closing_yield(const struct closing *closing);

/* Hands over a charge of @uid that the caller has made, to be given back in the end. */
void closing_charge(struct closing *closing, uid_t uid, enum resource resource,
		    uint64_t n);

/* limits_person() of its user. */
uid_t closing_person(const struct closing *closing);

/*
 * For a charge of @uid that ends: true if it can be given back at once, although what it
 * was for is still to be closed. Of a user with many of these it cannot (RES_ENDED).
 */
bool closing_charge_ended(struct closing *closing, uid_t uid);

/*
 * Hands over what is to be closed: a descriptor, unless it is -1; a buffer, one at most,
 * which is emptied; a reference to an address space, one at most, or NULL. Without a
 * closing, descriptors and buffers are closed at once.
 */
void closing_add(struct closing *closing, int fd);
void closing_add_buffer(struct closing *closing, struct buffer *buffer);
void closing_add_asid(struct closing *closing, struct accel_asid *asid);

/*
 * For leaving.h: puts one that is still to get a descriptor into a list of the caller's
 * under @key, and takes the one of @key out again; NULL: there is none. The caller locks.
 */
void closing_park(struct closing *closing, struct list *parked, uint64_t key);
struct closing *closing_unpark(struct list *parked, uint64_t key);
void closing_end_parked(struct list *parked);

/*
 * Queues all of it and gives the closing up; NULL is allowed. Never blocks. If nothing
 * was added, the charge is given back at once.
 */
void closing_end(struct closing *closing);

#endif
