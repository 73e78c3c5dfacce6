/* SPDX-License-Identifier: MIT */
/* child.h - the other processes of a case: other users, other namespaces */
#ifndef DMABUFFS_TEST_CHILD_H
#define DMABUFFS_TEST_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The credentials and namespaces of a child. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[4]; /* supplementary, n_groups of them */
	size_t n_groups;
	/* CLONE_NEW* flags; CLONE_NEWUSER makes the child root there. */
	int namespaces;
	/* With CLONE_NEWNS: the only directory visible to the child, at the same path. */
	const char *sees;
	/* With CLONE_NEWPID | CLONE_NEWNS: mount a /proc of that namespace. */
	bool own_proc;
};

/* One end of a parent-child connection that carries bytes and descriptors. */
struct child {
	pid_t pid;
	int peer;
};

/* The usual identity of a child: an ordinary user. */
#define USER(id)                                                                         \
	(&(const struct identity){                                                       \
		.uid = (id),                                                             \
		.gid = (id),                                                             \
	})

/* Runs fn(peer, data) in a child process; a NULL identity keeps the caller's. */
void child_start(struct child *child, const struct identity *who,
		 void (*fn)(int peer, void *data), void *data);

/* Waits at most WAIT_MS for the child to exit; it must have returned from fn(). */
void child_wait(struct child *child);

/* The same with a bound of @ms. */
void child_wait_ms(struct child *child, int ms);

/* Sends a signal and waits until the child exits, with any status. */
void child_kill(struct child *child, int signal);

/* Runs fn(data) in a child process and returns its result. */
int child_call(const struct identity *who, int (*fn)(void *data), void *data);

/* Transfers all bytes or fails the case. */
void peer_put(int peer, const void *data, size_t size);
void peer_get(int peer, void *data, size_t size);

/* Transfers one byte, for synchronization. */
void peer_signal(int peer);
void peer_wait(int peer);

/* Transfers a descriptor. */
void peer_put_fd(int peer, int fd);
int peer_get_fd(int peer);

#endif
