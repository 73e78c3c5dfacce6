/* SPDX-License-Identifier: MIT */
/*
 * broker-client.h - messages to the broker's side of a socket
 *
 * The mount is a memfd's file system here: an "opened name" is a memfd whose inode number
 * the export has as its own.
 */
#ifndef DMABUFFS_TESTS_BROKER_CLIENT_H
#define DMABUFFS_TESTS_BROKER_CLIENT_H

#include <stddef.h>

#include <dmabuffs-broker.h>

#include "broker/broker.h"

/* A broker on fixture_table that is not started. */
void client_init(struct broker *broker, struct tickets *tickets);

/*
 * A descriptor that stands for an opened name of an export that is made and opened along
 * with it. The caller closes both.
 */
int client_open_name(struct broker *broker, int access, struct export **ret_export);
void client_close_name(struct broker *broker, int fd, struct export *export);

/* Sends @size bytes of @data with @n_fds times the same @fd; 0 or -errno. */
int client_send(int socket, const void *data, size_t size, int fd, size_t n_fds);

/* Sends a request with one descriptor. */
int client_request(int socket, unsigned op, int fd);

/* The reply, and the descriptor that came along, or -1. 0, or -errno: -EPIPE at the end.
 */
int client_receive(int socket, struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

#endif
