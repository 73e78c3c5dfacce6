/* SPDX-License-Identifier: MIT */
/* child.h - the other processes of a case: other users, other namespaces */
#ifndef DMABUFFS_TEST_CHILD_H
#define DMABUFFS_TEST_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who a child is. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[4]; /* supplementary, the first n_groups of them */
	size_t n_groups;
	/* CLONE_NEW*: namespaces of its own; with CLONE_NEWUSER it is root in there. */
	int namespaces;
	/* With CLONE_NEWNS: all it sees is this directory, at the same place. */
	const char *sees;
	/* With CLONE_NEWPID and CLONE_NEWNS: a /proc that shows its PID namespace. */
	bool own_proc;
};

/* One end of a connection between parent and child that carries bytes and descriptors. */
struct child {
	pid_t pid;
	int peer;
};

/* The identity of most cases' children. */
#define USER(id)                                                                         \
	(&(const struct identity){                                                       \
		.uid = (id),                                                             \
		.gid = (id),                                                             \
	})

/* Runs fn(peer, data) in a process of its own, NULL: of the same identity. */
void child_start(struct child *child, const struct identity *who,
		 void (*fn)(int peer, void *data), void *data);

/* Waits, at most WAIT_MS, for its end, which must be a return from fn(). */
void child_wait(struct child *child);

/* The same, at most @ms. */
void child_wait_ms(struct child *child, int ms);

/* Sends a signal and waits for its end, however it comes. */
void child_kill(struct child *child, int signal);

/* What fn(data) answers in a process of its own. */
int child_call(const struct identity *who, int (*fn)(void *data), void *data);

/* All of these bytes, or the case fails. */
void peer_put(int peer, const void *data, size_t size);
void peer_get(int peer, void *data, size_t size);

/* One byte: "I am there". */
void peer_signal(int peer);
void peer_wait(int peer);

/* A descriptor. */
void peer_put_fd(int peer, int fd);
int peer_get_fd(int peer);

#endif
