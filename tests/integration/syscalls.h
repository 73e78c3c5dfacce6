/* SPDX-License-Identifier: MIT */
/* syscalls.h - counts the system calls that threads of others really make */
#ifndef DMABUFFS_TEST_SYSCALLS_H
#define DMABUFFS_TEST_SYSCALLS_H

#include <stddef.h>
#include <sys/types.h>

/* The threads of a process, at most @max: how many there are. */
size_t list_threads(pid_t pid, pid_t *tids, size_t max);

/* CPU time of a thread so far, in clock ticks. */
unsigned long thread_ticks(pid_t pid, pid_t tid);

#define COUNTED_THREADS 8

/*
 * Between two calls of count_mark() in @client: the system calls that it makes, and those
 * of threads of somebody else.
 */
struct count {
	pid_t client;
	pid_t threads[COUNTED_THREADS];
	size_t n_threads;
	unsigned long by_client, by_threads;
	unsigned long futexes; /* of the client's */
};

/* Only makes sense while count_run() is at work in another process. */
void count_mark(void);

/* Traces them all. Returns when the client is at its second mark, which it goes on from.
 */
void count_start(struct count *count);
void count_run(struct count *count);

#endif
