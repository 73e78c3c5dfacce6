/* SPDX-License-Identifier: MIT */
/* child.h - processes that the benchmark starts, and on which CPUs they run */
#ifndef DMABUFFS_BENCH_CHILD_H
#define DMABUFFS_BENCH_CHILD_H

#include <sys/types.h>

#include <util.h>

/*
 * To wake another, idle CPU costs several times more than to switch to another process on
 * the same one, and the scheduler's choice between the two is sticky: left alone, it may
 * keep the baseline on one CPU and the subject on two for as long as a run takes, or the
 * other way round, and a ratio then says nothing. So the choice is made here, the same
 * for both.
 */
enum place {
	/* The client on one CPU, its children on the others: as on a machine with CPUs to
	 * spare. What a server does after its answer costs the client nothing, but each
	 * wait includes the wake-up of a CPU. Like PLACE_ONE if there is only one. */
	PLACE_SPLIT,
	/* All on one CPU: as on a busy machine. The CPU time of all, and nothing else. */
	PLACE_ONE,
};

/* Moves this process, the client; children started from now on follow the choice. */
int child_place(enum place place) _must_check_;

/* A CPU that children run on, the first one. */
int child_cpu(void);

/*
 * fork(2). The child runs on the children's CPUs, dies with this process, and of its
 * descriptors keeps @fd and the standard ones only: no other child's end of a socket, no
 * directory of a mount that is to go away.
 */
pid_t child_fork(int fd) _must_check_;

#endif
