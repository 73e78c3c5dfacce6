/* SPDX-License-Identifier: MIT */
/*
 * fd_vault.h - room for more descriptors than RLIMIT_NOFILE
 *
 * Each export holds a descriptor, and the limit applies to a descriptor table, not to a
 * process. Where it is low and cannot be raised, threads with tables of their own
 * (vaults) keep what our table has no room for. A kept descriptor is borrowed by
 * pidfd_getfd(2) on the thread, or re-opened through /proc/self/task.
 *
 * One for the process; thread safe between start and stop.
 */
#ifndef DMABUFFS_FD_VAULT_H
#define DMABUFFS_FD_VAULT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where a descriptor is: table 0 is our own, others are vaults. */
struct kept_fd {
	unsigned table;
	int fd; /* its number there; -1: none */
};

/*
 * Starts as many vaults as are needed to keep @wanted descriptors; up to a quarter of our
 * own table is left for @others. Before any client is served: each thread briefly copies
 * our table. Returns how many can be kept.
 */
uint64_t fd_vault_start(uint64_t wanted, uint64_t others);

/*
 * @n descriptors will soon be kept: makes our own table large enough. To be called after
 * fd_vault_start(), while no other thread shares the table: with one the kernel waits for
 * a grace period at each growth.
 */
void fd_vault_expect(uint64_t n);
void fd_vault_stop(void);

/* How many descriptors of our own table are left for other uses. */
uint64_t fd_vault_reserved(void);

/*
 * Keeps @fd in a table with room. If that is our own, @fd is taken over; otherwise it is
 * a duplicate now, which the caller closes.
 */
struct kept_fd fd_vault_keep(int fd);

/* Its descriptor in our own table; else a duplicate for the caller to close, or -errno.
 */
int fd_vault_borrow(struct kept_fd kept);

/* Writes a path with which open(2) re-opens the file. */
void fd_vault_path(struct kept_fd kept, char *path, size_t size);

/* The thread that has table @table, not our own, in which its number is kept.fd. */
pid_t fd_vault_thread(unsigned table);

/* Closes it where it is, and waits for that; in a table of its own, no other caller does.
 */
void fd_vault_drop(struct kept_fd kept);

#endif
