/* SPDX-License-Identifier: MIT */
/*
 * ipc-rivals.h - how processes get each other's descriptors without a service
 *
 * Both take for granted what a handle of libhipipc does not: that the two processes are
 * in the same PID or network namespace, that one may trace the other or lets everybody
 * connect to it, and that a descriptor's number is still the one it was.
 */
#ifndef DMABUFFS_BENCH_IPC_RIVALS_H
#define DMABUFFS_BENCH_IPC_RIVALS_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <util.h>

/* Where the exporter is to be found: what AMD's runtime writes into its handles. */
struct rival {
	pid_t pid;
	struct sockaddr_un address; /* an abstract one */
	socklen_t address_bytes;
};

/*
 * In the exporter: starts the thread that answers to connections, one after the other,
 * each with the one descriptor that it requests. It runs until the process ends.
 */
int rival_serve(struct rival *ret_rival) _must_check_;

/* In an importer: a copy of the exporter's descriptor @theirs; one connection for each.
 */
int rival_connect(const struct rival *rival, int theirs, int *ret_fd) _must_check_;

/* The same with pidfd_open(2) and pidfd_getfd(2). */
int rival_take(const struct rival *rival, int theirs, int *ret_fd) _must_check_;

#endif
