/* SPDX-License-Identifier: MIT */
/*
 * ipc-rivals.h - ways to transfer descriptors between processes without a service
 *
 * Unlike a handle of libhipipc, both require that the processes share a PID or network
 * namespace, that one may trace the other or accepts connections from everybody, and that
 * a descriptor number is not reused.
 */
#ifndef DMABUFFS_BENCH_IPC_RIVALS_H
#define DMABUFFS_BENCH_IPC_RIVALS_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <util.h>

/* The exporter's address: the data that AMD's runtime writes into its handles. */
struct rival {
	pid_t pid;
	struct sockaddr_un address; /* an abstract one */
	socklen_t address_bytes;
};

/*
 * In the exporter: starts the thread that serves connections one after the other, each
 * with one requested descriptor. It runs until the process exits.
 */
int rival_serve(struct rival *ret_rival) _must_check_;

/* In an importer: a copy of the exporter's descriptor @theirs, over a new connection. */
int rival_connect(const struct rival *rival, int theirs, int *ret_fd) _must_check_;

/* The same with pidfd_open(2) and pidfd_getfd(2). */
int rival_take(const struct rival *rival, int theirs, int *ret_fd) _must_check_;

#endif
