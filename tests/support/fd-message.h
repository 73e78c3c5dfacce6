/* SPDX-License-Identifier: MIT */
/*
 * fd-message.h - messages that carry descriptors
 *
 * Calls return a negative errno on failure, and the outputs are unchanged then.
 */
#ifndef DMABUFFS_TESTS_FD_MESSAGE_H
#define DMABUFFS_TESTS_FD_MESSAGE_H

#include <stddef.h>

/* What one message can carry: the kernel's SCM_MAX_FD. */
#define MESSAGE_MAX_FDS 253

/* Sends one message with @n_fds descriptors; returns the bytes sent. */
int send_fds(int socket, const void *data, size_t size, const int *fds, size_t n_fds);

/* The same descriptor @n_fds times. */
int send_fd_copies(int socket, const void *data, size_t size, int fd, size_t n_fds);

/*
 * Receives one message with at most @max_fds descriptors, which get close-on-exec.
 * Returns the bytes received; 0 at the end of the connection, -EMSGSIZE for more
 * descriptors or bytes, -EPROTO for other control data.
 */
int receive_fds(int socket, void *data, size_t size, int *ret_fds, size_t max_fds,
		size_t *ret_n_fds);

/* One descriptor with one byte. */
int send_fd(int socket, int fd);

/* Returns it; -ECONNRESET at the end of the connection, -ENOMSG if there is none. */
int receive_fd(int socket);

#endif
