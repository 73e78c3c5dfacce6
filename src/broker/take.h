/* SPDX-License-Identifier: MIT */
/*
 * take.h - takes a descriptor of a client, if it is of a kind that the service serves
 *
 * The right to take descriptors is one to take those of any process. So the helper looks
 * at what it took before the service has it: only a buffer, an open file of the mount, or
 * a process's own memory passes.
 */
#ifndef DMABUFFS_TAKE_H
#define DMABUFFS_TAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum take_kind {
	TAKE_BUFFER = 1, /* buffer_kind() */
	TAKE_NAME = 2,   /* a file of the mount; the service finds out which */
	TAKE_MEMORY = 4, /* mem or maps of a directory in procfs_has() */
};

struct take {
	int fd;      /* owned; -1: none */
	bool is_own; /* of a memfd: a new description with the access of the client's */
	int rest;    /* owned: to be closed off the request path; -1: none */
};

#define TAKE_NONE ((struct take){.fd = -1, .rest = -1})

/*
 * The device number of the mount, and whether the service has given up the right to take;
 * before take_here() and threads.
 */
void take_setup(uint64_t mount_dev, bool by_helper);

bool take_is_by_helper(void);

/*
 * Takes descriptor @fd of thread @tid in this process; *ret_take is TAKE_NONE before, and
 * may have a rest on failure, too. 0; -EREMOTE: @tid cannot be accessed, or has no such
 * descriptor that is its own; -EBADF; -EBADFD: it is of no kind in @kinds (take_kind);
 * or of open(2).
 */
int take_here(pid_t tid, int fd, unsigned kinds, struct take *ret_take);

/* The same by the helper, on behalf of @person (limits_person()); there is no rest. */
int take_by_helper(pid_t tid, int fd, unsigned kinds, uid_t person,
		   struct take *ret_take);

#endif
