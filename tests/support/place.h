/* SPDX-License-Identifier: MIT */
/* place.h - processes that a program starts, and their CPUs */
#ifndef DMABUFFS_TESTS_PLACE_H
#define DMABUFFS_TESTS_PLACE_H

#include <sys/types.h>

#include <util.h>

/*
 * Waking another, idle CPU costs several times more than switching to another process on
 * the same CPU, and the scheduler's choice between the two is sticky: it may keep the
 * baseline on one CPU and the subject on two for a whole run, which makes the ratio
 * meaningless. So both get the same fixed placement.
 */
enum place {
	/*
	 * The client on one CPU, its children on the others: a machine with idle CPUs. A
	 * server's work after its reply costs the client nothing, but each wait includes
	 * the wake-up of a CPU. Like PLACE_ONE if there is only one.
	 */
	PLACE_SPLIT,
	/* All on one CPU: a busy machine. Measures the CPU time of all. */
	PLACE_ONE,
};

/* Moves this process, the client; children started later follow the choice. */
int place_client(enum place place) _must_check_;

/* The first of the children's CPUs. */
int place_children_cpu(void);

/*
 * fork(2). The child runs on the children's CPUs, is killed when this process exits, and
 * keeps only @fd and the standard descriptors: it must not hold other children's sockets,
 * nor directories of mounts.
 */
pid_t place_fork(int fd) _must_check_;

#endif
