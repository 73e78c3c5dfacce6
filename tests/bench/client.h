/* SPDX-License-Identifier: MIT */
/* client.h - system calls of a client, without a library */
#ifndef DMABUFFS_BENCH_CLIENT_H
#define DMABUFFS_BENCH_CLIENT_H

#include <dmabuffs.h>
#include <util.h>

/* @argument comes from client_prepare_export(); it holds the UUID afterwards. */
int client_export(int root, struct dmabuffs_export *argument) _must_check_;
struct dmabuffs_export client_prepare_export(int fd, unsigned int mode);

/* Opens a name for reading and writing. */
int client_open(int root, const uint8_t uuid[DMABUFFS_UUID_SIZE],
		int *ret_fd) _must_check_;
int client_unlink(int root, const uint8_t uuid[DMABUFFS_UUID_SIZE]) _must_check_;

/* open, mmap of the first page, munmap, close of @name: the minimum cost of an import. */
int client_touch(int root, const char *name) _must_check_;

int client_connect_broker(const char *mount, int *ret_socket) _must_check_;
/* Exchanges an opened name for the buffer's descriptor. */
int client_exchange(int socket, int opened, int *ret_fd) _must_check_;

/* Sends one message of @size bytes with one descriptor. */
int client_send_fd(int socket, const void *message, size_t size, int fd) _must_check_;
/* @ret_fd is -1 if no descriptor came. The message must have exactly @size bytes. */
int client_receive_fd(int socket, void *message, size_t size, int *ret_fd) _must_check_;

#endif
