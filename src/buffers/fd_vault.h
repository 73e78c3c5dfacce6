/* SPDX-License-Identifier: MIT */
/*
 * fd_vault.h - room for more descriptors than RLIMIT_NOFILE
 *
 * Each export holds a descriptor, and the limit is one of a descriptor table, not of a
 * process. So where it is low and may not be raised, threads with tables of their own
 * keep what our table has no room for. A kept descriptor is taken back for a moment by
 * pidfd_getfd(2) on the thread, or re-opened through /proc/self/task.
 *
 * One for the process; thread safe once set up.
 */
#ifndef DMABUFFS_FD_VAULT_H
#define DMABUFFS_FD_VAULT_H

#include <stddef.h>
#include <stdint.h>

/* Where a descriptor is: table 0 is our own, others are vaults. */
struct kept_fd {
	unsigned table;
	int fd; /* its number there; -1: none */
};

/*
 * Starts as many vaults as are needed to keep @wanted descriptors, before any client is
 * served: a table is copied when a thread leaves it. Returns how many can be kept.
 */
uint64_t fd_vault_start(uint64_t wanted);
void fd_vault_stop(void);

/* How many descriptors of our own table are left for other uses. */
uint64_t fd_vault_reserved(void);

/* Moves @fd to where there is room; it is ours no more. It may stay in our table. */
struct kept_fd fd_vault_keep(int fd);

/* A descriptor for use by the calling thread, until fd_vault_return(); or -errno. */
int fd_vault_borrow(struct kept_fd kept);
void fd_vault_return(struct kept_fd kept, int fd);

/* Writes a path that re-opens the file, for open(2). */
void fd_vault_path(struct kept_fd kept, char *path, size_t size);

/* Closes it where it is. */
void fd_vault_drop(struct kept_fd kept);

#endif
