/* SPDX-License-Identifier: MIT */
/*
 * broker-client.h - messages to the broker's end of a socket
 *
 * The file system of /tmp plays the mount: an opened name is an unlinked file there,
 * whose inode number is the id of the export.
 */
#ifndef DMABUFFS_TESTS_BROKER_CLIENT_H
#define DMABUFFS_TESTS_BROKER_CLIENT_H

#include <stddef.h>

#include <dmabuffs-broker.h>

#include "broker/broker.h"

/* Initializes a broker on fixture_table without starting it. */
void client_init(struct broker *broker, struct tickets *tickets);

/*
 * A descriptor that stands for an opened name of a new export, which is opened as well.
 * The caller closes both.
 */
int client_open_name(struct broker *broker, int access, struct export **ret_export);
void client_close_name(struct broker *broker, int fd, struct export *export);

/* Sends @size bytes of @data with @n_fds copies of @fd; returns 0 or -errno. */
int client_send(int socket, const void *data, size_t size, int fd, size_t n_fds);

/* Sends a request with one descriptor. */
int client_request(int socket, unsigned op, int fd);

/*
 * Receives a reply, and its descriptor or -1. Returns 0 or -errno: -EPIPE at end of file.
 */
int client_receive(int socket, struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

#endif
