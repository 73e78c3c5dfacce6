/* SPDX-License-Identifier: MIT */
/* syscalls.h - counts the system calls that threads of other processes make */
#ifndef DMABUFFS_TEST_SYSCALLS_H
#define DMABUFFS_TEST_SYSCALLS_H

#include <stddef.h>
#include <sys/types.h>

/* Lists at most @max threads of a process; returns their number. */
size_t list_threads(pid_t pid, pid_t *tids, size_t max);

/* CPU time used by a thread so far, in clock ticks. */
unsigned long thread_ticks(pid_t pid, pid_t tid);

#define COUNTED_THREADS 8

/*
 * Counts the system calls made between two calls of count_mark() in @client, by the
 * client and by threads of another process.
 */
struct count {
	pid_t client;
	pid_t threads[COUNTED_THREADS];
	size_t n_threads;
	unsigned long by_client, by_threads;
	unsigned long futexes; /* of the client */
};

/* Has an effect only while another process runs count_run(). */
void count_mark(void);

/*
 * Attaches to all threads. count_run() returns once the client is at its second mark, and
 * detaches.
 */
void count_start(struct count *count);
void count_run(struct count *count);

#endif
