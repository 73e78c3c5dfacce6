/* SPDX-License-Identifier: MIT */
/*
 * raw.h - the wire interface of a mount by plain system calls
 *
 *
 * Deliberately without libdmabuffs, so that daemon and library are tested separately.
 * Functions return 0 or a value, or a negative errno, unless documented to assert.
 */
#ifndef DMABUFFS_TEST_RAW_H
#define DMABUFFS_TEST_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dmabuffs-broker.h>
#include <dmabuffs-ioctl.h>

#include "instance.h"

#define UUID_TEXT_SIZE 37
#define PAGE           4096UL

/* ---- names ------------------------------------------------------------------------- */

void raw_uuid_text(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);
void raw_path(const struct instance *instance, const uint8_t uuid[16],
	      char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE]);

/* Opens a description that names can be made on: .control, for reading and writing. */
int raw_root(const struct instance *instance);

/* Opens .control, or the root directory, with these flags and O_CLOEXEC. */
int raw_control(const struct instance *instance, int flags);
int raw_directory(const struct instance *instance, int flags);

/* Opens a name with these flags and O_CLOEXEC. */
int raw_open(const struct instance *instance, const uint8_t uuid[16], int flags);

/* unlink(2), which only root may by default; see raw_remove(). */
int raw_unlink(const struct instance *instance, const uint8_t uuid[16]);

/* Calls stat(2) on a name: 0 or -errno. */
int raw_exists(const struct instance *instance, const uint8_t uuid[16]);

/*
 * Waits until stat(2) does not find the name. The service invalidates the kernel's cache
 * from a thread of its own, so a name that the service removed can be found for a moment.
 */
void expect_no_name(const struct instance *instance, const uint8_t uuid[16]);

/* Number of the caller's names, by DMABUFFS_IOC_LIST. */
int raw_count(const struct instance *instance);

/* One page of names: the number of them. */
int raw_list(int description, struct dmabuffs_list *list);

/* ---- ioctls ------------------------------------------------------------------------ */

/* Fills in a valid request. */
void raw_request(struct dmabuffs_export *ret_request, int fd);

int raw_export(int root, struct dmabuffs_export *request);

/* @mode is used if @flags has DMABUFFS_EXPORT_MODE. */
int raw_export_fd(int root, int fd, uint32_t flags, uint32_t mode, uint8_t ret_uuid[16]);

int raw_revoke(int root, const uint8_t uuid[16]);
int raw_withdraw(int root, const uint8_t uuid[16]);
int raw_withdraw_own(int root, const uint8_t uuid[16]);

/* Removes an own name: by unlink(2), or where that is not permitted by a withdrawal. */
int raw_remove(const struct instance *instance, int root, const uint8_t uuid[16]);

int raw_info(int opened, struct dmabuffs_info *ret_info);

/* ---- broker ------------------------------------------------------------------------ */

int raw_connect(const struct instance *instance);

/* Sends one message with any number of descriptors. */
int raw_send(int connection, const void *message, size_t size, const int *fds, int n_fds);

/*
 * Waits at most WAIT_MS for a reply and returns its .error. *ret_fd is the received
 * descriptor, or -1. Returns -ECONNRESET if the service has closed the connection.
 */
int raw_receive(int connection, struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

/* Exchanges an opened name for the buffer's descriptor. */
int raw_exchange(int connection, int opened);

int raw_ticket(int connection, int buffer, uint8_t ret_ticket[DMABUFFS_TICKET_SIZE]);

/* ---- buffers ----------------------------------------------------------------------- */

/* A sealable memfd of this size, filled with pattern(i); asserts. */
int raw_memfd(size_t bytes);

/* The byte of raw_memfd() at this offset. */
uint8_t pattern(size_t offset);

/* Maps shared; returns -errno on failure. */
int raw_map(int fd, size_t bytes, int protection, void **ret_address);

/* Reads the first byte; true if that raises SIGBUS, which is caught. */
bool raises_sigbus(const volatile uint8_t *address);

/* The usual starting point: an exported buffer and the description it was exported on. */
struct shared {
	const struct instance *instance;
	int root; /* .control, opened for reading and writing */
	int fd;
	size_t bytes;
	uint8_t uuid[16];
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
};

/* Asserts. @mode is used with DMABUFFS_EXPORT_MODE. */
void share(struct shared *ret_shared, const struct instance *instance, size_t bytes,
	   uint32_t flags, uint32_t mode);

/* The same; the caller keeps ownership of the descriptor. */
void share_fd(struct shared *ret_shared, const struct instance *instance, int fd,
	      uint32_t flags, uint32_t mode);

/* Unlinks the name and closes the descriptors. */
void unshare_buffer(struct shared *shared);

#endif
