/* SPDX-License-Identifier: MIT */
/*
 * witness.h - detects whether any process still has a memfd, without holding it
 *
 *
 * A file handle (open_by_handle_at(2)) finds the inode as long as the kernel keeps it,
 * that is, while any process in any namespace has it open or mapped. The inode and its
 * memory are freed with the last reference. Needs root.
 */
#ifndef DMABUFFS_TEST_WITNESS_H
#define DMABUFFS_TEST_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "instance.h"

#define WITNESS_BYTES 32

struct witness {
	int type;
	unsigned int size;
	uint8_t bytes[WITNESS_BYTES];
};

/* Records the memfd behind a descriptor (O_PATH is enough), or behind a name. */
void witness_take(struct witness *ret_witness, int fd);
void witness_take_name(struct witness *ret_witness, const struct instance *instance,
		       const uint8_t uuid[16]);

/*
 * Records all memfds a process has open, each once, at most @max; returns their number.
 * Memfds closed meanwhile may be missed.
 */
size_t witness_take_process(struct witness *ret_witnesses, size_t max, pid_t pid);

/* True while the memory exists. */
bool witness_sees(const struct witness *witness);

/* Waits at most WAIT_MS until all of them are freed; asserts. */
void witness_expect_gone(const struct witness *witnesses, size_t n);

/* Waits likewise until a process has at most @n descriptors. */
void witness_expect_fds(pid_t pid, int n);

#endif
