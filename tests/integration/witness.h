/* SPDX-License-Identifier: MIT */
/*
 * witness.h - whether anybody in the system still has a memfd, without having it oneself
 *
 * A file handle (open_by_handle_at(2)) finds the inode for as long as the kernel keeps
 * it: somebody has it open or mapped, in whatever process or namespace. It is freed, and
 * its memory with it, when the last of them is gone. Needs root.
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

/* The memfd behind this descriptor (O_PATH is enough), and the one behind a name. */
void witness_take(struct witness *ret_witness, int fd);
void witness_take_name(struct witness *ret_witness, const struct instance *instance,
		       const uint8_t uuid[16]);

/*
 * All memfds that a process has open now, each once, at most @max: how many. Those that
 * it closes meanwhile may be missed.
 */
size_t witness_take_process(struct witness *ret_witnesses, size_t max, pid_t pid);

/* The memory is still there. */
bool witness_sees(const struct witness *witness);

/* Waits, at most WAIT_MS, for the end of all of them; asserts. */
void witness_expect_gone(const struct witness *witnesses, size_t n);

/* The same for the descriptors of a process: that it has no more than @n. */
void witness_expect_fds(pid_t pid, int n);

#endif
