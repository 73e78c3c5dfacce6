/* SPDX-License-Identifier: MIT */
/* privileges.h - the capabilities that remain once the instance is mounted */
#ifndef DMABUFFS_PRIVILEGES_H
#define DMABUFFS_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

/* Raises RLIMIT_NOFILE as far as permitted: each export holds a descriptor. Returns it.
 */
uint64_t privileges_raise_nofile(void);

/* False in a user namespace (rootless), where the kernel refuses passthrough. */
bool privileges_are_initial(void);

/*
 * Gives a process of the host's root a real uid that nothing else has: the kernel counts
 * descriptors in flight for it, and those of the bank always are. With root's, none of
 * its processes without capabilities could send any. 0 or -errno; no error if that is
 * not permitted.
 */
int privileges_take_uid(void);

/* Of whom the table in privileges.c says what is needed. */
enum privileges_owner {
	PRIVILEGES_SERVICE = 1,
	PRIVILEGES_ISOLATED = 2, /* the service, with the mount option isolate */
	PRIVILEGES_HELPER = 4,
};

/*
 * Keeps only what @owner needs, in the bounding set, too; inherits none, locks the
 * securebits, and sets no_new_privs. For the calling thread and those it starts later. 0
 * or -errno.
 */
int privileges_keep(enum privileges_owner owner);

/* The same without any, for a process or thread that needs none. 0 or -errno. */
int privileges_drop_all(void);

/*
 * The same for a holder that starts no successor, but unmounts: CAP_SYS_ADMIN, and what
 * privileges_search() takes, as far as it has them.
 */
int privileges_drop_for_keeper(void);

/*
 * For a holder that starts services: what a service has at its start is permitted, and
 * CAP_SYS_ADMIN alone is effective. 0 or -errno.
 */
int privileges_drop_for_holder(void);

/*
 * In a holder: to find its mount it may have to search directories of users.
 * With @all it can search any, until it is called without. Nothing changes if that is not
 * permitted.
 */
void privileges_search(bool all);

/* Before execve(2) of a service: it starts with all that is permitted. 0 or -errno. */
int privileges_hand_on(void);

#endif
