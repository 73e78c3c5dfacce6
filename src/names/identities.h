/* SPDX-License-Identifier: MIT */
/*
 * identities.h - who a process is in the file system, with the mount option idmap
 *
 * Once idmapped mounts are allowed, FUSE requests carry no ids, on any mount of the
 * instance, except those that create an inode. So a process creates one that has no name
 * and no content (open(2) with O_TMPFILE): its open file is a handle. The handle gives a
 * token, a random number, which is presented once to another open file. The processes
 * with the same fsuid and fsgid then act with these ids on that file.
 *
 * A handle has one token at most, which ends with it; handles are charged as root
 * descriptions are (RES_ROOTS), so both are bounded. Thread safe.
 */
#ifndef DMABUFFS_IDENTITIES_H
#define DMABUFFS_IDENTITIES_H

#include <pthread.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/keyed_hash.h"
#include "base/limits.h"
#include "names/ids.h"
#include "store/ledger.h"
#include "htab.h"

struct identities {
	struct hash_key key;   /* fixed */
	struct limits *limits; /* borrowed */
	struct ledger *ledger; /* borrowed: has the handles for a successor */
	pthread_mutex_t lock;  /* a leaf */
	struct htab by_id;     /* all handles; under lock */
	struct htab by_token;  /* those with a token; under lock */
};

void identities_init(struct identities *identities, struct limits *limits,
		     struct ledger *ledger);
void identities_finish(struct identities *identities);

/*
 * The handle's id is its FUSE file handle. Of a request that comes again, the handle that
 * it made. 0, -EDQUOT, -ENOSPC, -ENOMEM, -errno as limits_charge_process().
 */
int identities_open(struct identities *identities, const struct identity *identity,
		    pid_t pid, uint64_t *ret_handle);

/* The client has the handle that its request made, unless it is closed by now. */
void identities_replied(struct identities *identities, uint64_t handle);

/* Its token ends. One that is not open is no error. */
void identities_close(struct identities *identities, uint64_t handle);

/* A new token; the one before ends. 0, -ENOMEM; -EBADF: it is not open. */
int identities_make_token(struct identities *identities, uint64_t handle,
			  uint8_t ret_token[DMABUFFS_TOKEN_SIZE]);

/*
 * Ends the token and returns the identity that it stands for. -ENOENT: no such token;
 * -EPERM: of a process with other ids than @process, and it stays. A successor ends the
 * token only if *ret_handle was handed to identities_forget_token(), too, so that the
 * identity can be stored first.
 */
int identities_take_token(struct identities *identities,
			  const uint8_t token[DMABUFFS_TOKEN_SIZE], struct ids process,
			  struct identity *ret_identity, uint64_t *ret_handle);
void identities_forget_token(struct identities *identities, uint64_t handle);

/* For a successor: a committed record of this kind. 0 or -ENOMEM. */
int identities_restore(struct identities *identities, uint32_t slot);

#endif
