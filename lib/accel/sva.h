/* SPDX-License-Identifier: MIT */
/*
 * sva.h - access to the memory of a process that has bound its address space
 *
 * Through the process's own /proc/self/mem, which is permanently bound to that mm: it is
 * dead after exec, does not follow a fork, and needs no ptrace right. Writes through it
 * would ignore page protections, so they are queried first from the process's
 * /proc/self/maps (PROCMAP_QUERY).
 *
 * The process controls how long an access takes (its memory may be a file of a FUSE
 * server): no lock is held over it.
 */
#ifndef ACCEL_SVA_H
#define ACCEL_SVA_H

#include <stddef.h>
#include <stdint.h>

struct accel_sva {
	int mem, maps; /* owned */
};

/*
 * Takes both descriptors over on success. They must be files of one process on a procfs;
 * if they come from an untrusted process, the caller checks that they are on a procfs.
 * Errors: as accel_asid_create_sva().
 */
int accel_sva_init(struct accel_sva *sva, int mem, int maps);
/* The same with those of a predecessor, also if the process is gone. */
int accel_sva_restore(struct accel_sva *sva, int mem, int maps);
void accel_sva_finish(struct accel_sva *sva);

/*
 * 0 or -errno: -EFAULT nothing is mapped, -EACCES the page protection forbids it, -ESRCH
 * the process is gone. *ret_done: the bytes that were accessed, also on error.
 */
int accel_sva_read(const struct accel_sva *sva, uint64_t address, void *data, size_t n,
		   size_t *ret_done);
int accel_sva_write(const struct accel_sva *sva, uint64_t address, const void *data,
		    size_t n, size_t *ret_done);

#endif
