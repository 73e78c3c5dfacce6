/* SPDX-License-Identifier: MIT */
/*
 * pong.h - the fastest round trip between two threads on two CPUs
 *
 * A process changes a word in shared memory, another process changes a second word in
 * reply. A wait spins for a while or not at all, and then sleeps on a futex.
 */
#ifndef DMABUFFS_BENCH_PONG_H
#define DMABUFFS_BENCH_PONG_H

#include <stdint.h>
#include <sys/types.h>

#include <util.h>

struct pong_page;

struct pong {
	pid_t pid; /* 0: not started */
	struct pong_page *page;
};

int pong_start(struct pong *pong) _must_check_;
void pong_stop(struct pong *pong); /* allowed for one that was not started */

/* Both sides now spin for @ns before they sleep. */
void pong_set_spin(struct pong *pong, uint32_t ns);

/* Makes one round trip. */
void pong_play(struct pong *pong);

#endif
