/* SPDX-License-Identifier: MIT */
/*
 * limits.h - what a user and the mount may hold at once
 *
 * A charge is made before a resource is granted and given back when it is freed. Every
 * resource that a client can make the service hold is in this table. Thread safe; the
 * lock inside is a leaf but for what limits_ops locks.
 */
#ifndef DMABUFFS_LIMITS_H
#define DMABUFFS_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits_config.h"
#include "htab.h"

/*
 * Who stands behind whom, for a successor of this process: a uid becomes known with its
 * owner, -1: it has none; and is forgotten. Called with the lock held.
 */
struct limits_ops {
	uint32_t (*known)(void *data, uid_t uid, uid_t owner);
	void (*forgotten)(void *data, uint32_t token);
};

struct limits {
	pthread_mutex_t lock;
	/* Borrowed; fixed before the first charge. NULL: nobody wants to know. */
	const struct limits_ops *ops;
	void *ops_data;
	struct limits_config config; /* fixed before the first client */
	uint64_t used[RES_COUNT];    /* protected by lock */
	struct htab users;           /* protected by lock: struct user by uid */
};

void limits_init(struct limits *limits, const struct limits_config *config);
void limits_finish(struct limits *limits);

/* Who pays: the uid that a process acts with, and the process. */
struct payer {
	uid_t uid;
	pid_t pid; /* in our PID namespace, and alive; 0: it has no number here */
};

/*
 * Charges the uid and the owners of the user namespaces around the process (owners.h).
 * The owners of a uid are read once, and kept while it holds anything.
 *
 * The last eighth of a mount's limit is a reserve: only users who hold little (at most
 * 1/1024 of that limit and 1/8 of their own) get some of it, so that they are not refused
 * because others hold much.
 *
 * 0; -EDQUOT: over the limit of the user or of an owner; -ENOSPC: over the mount's;
 * -ENOMEM; -errno: the owners cannot be read. Those of a process without a number here,
 * or that is not below our user namespace, are not known: then the uid alone is charged.
 */
int limits_charge_process(struct limits *limits, const struct payer *payer,
			  enum resource resource, uint64_t n);

/* The same for one that holds something already, so that its owners are known. */
int limits_charge(struct limits *limits, uid_t uid, enum resource resource, uint64_t n);

/* For what can be refused no more, whatever the limits: of a user who holds some. */
void limits_charge_anyway(struct limits *limits, uid_t uid, enum resource resource,
			  uint64_t n);

/* The same, of one that may hold nothing. 0; -ENOMEM, -errno: nothing was charged. */
int limits_charge_process_anyway(struct limits *limits, const struct payer *payer,
				 enum resource resource, uint64_t n);

struct charge {
	enum resource resource;
	uint64_t n;
};

/*
 * Moves charges, all or none, whatever the mount's limit: there is no way back to be
 * refused, as somebody else may take what @from gave up. 0, -EDQUOT: of @to; -ENOMEM.
 */
int limits_transfer(struct limits *limits, uid_t from, uid_t to,
		    const struct charge *charges, size_t n_charges);

/* Gives a charge back. */
void limits_uncharge(struct limits *limits, uid_t uid, enum resource resource,
		     uint64_t n);

/*
 * Who stands behind @uid: the owner of the outermost user namespace around it, or itself.
 * Of a uid that holds nothing, the owners are not known: then itself, too.
 */
uid_t limits_person(struct limits *limits, uid_t uid);

/* The same for a process, which may hold nothing yet. */
uid_t limits_process_person(struct limits *limits, const struct payer *payer);

/* What a user holds now; for an owner, with the uids of its user namespaces. */
uint64_t limits_used_by(struct limits *limits, uid_t uid, enum resource resource);

/*
 * Who refused a charge of @uid, which holds something, with -EDQUOT: the uid, or one of
 * its owners. The uid if nobody would by now.
 */
uid_t limits_find_full(struct limits *limits, uid_t uid, enum resource resource);

/* Does @owner pay for what @uid holds? A uid that holds something pays for itself. */
bool limits_pays_for(struct limits *limits, uid_t owner, uid_t uid);

/*
 * For a successor, before anything is charged: what known() said, with the token that it
 * returned. 0, -ENOMEM; -EINVAL: it would own itself, or has an owner. After all charges
 * were made again, limits_forget_idle() of each.
 */
int limits_restore_user(struct limits *limits, uid_t uid, uid_t owner, uint32_t token);
void limits_forget_idle(struct limits *limits, uid_t uid);

/* What the whole mount holds now. */
uint64_t limits_used(struct limits *limits, enum resource resource);

#endif
