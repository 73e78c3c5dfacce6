/* SPDX-License-Identifier: MIT */
/*
 * The file system's interface in plain system calls, so that these tests check the
 * interface itself, without the library.
 *
 * Every function returns a value >= 0 or -errno; descriptors are O_CLOEXEC.
 */
#ifndef DMABUFFS_TESTS_VM_CLIENT_H
#define DMABUFFS_TESTS_VM_CLIENT_H

#include <stdint.h>

#include <dmabuffs-broker.h>
#include <dmabuffs-ioctl.h>

struct client_uuid {
	uint8_t bytes[DMABUFFS_UUID_SIZE];
};

/* The root directory of the mount, on which exports are made. */
int client_open_root(const char *mount_point);

/* Exports fd with mode 0666; flags: DMABUFFS_EXPORT_* other than MODE and TICKET. */
int client_export(int root, int fd, uint32_t flags, struct client_uuid *ret_uuid,
		  uint64_t *ret_bytes);

/* Opens the name; access: O_RDONLY, O_WRONLY or O_RDWR. */
int client_open(int root, const struct client_uuid *uuid, int access);

int client_info(int file, struct dmabuffs_info *ret_info);

/* Connects to the broker; and exchanges an opened name for the real buffer. */
int client_connect(const char *mount_point);
int client_exchange(int broker, int file, struct dmabuffs_broker_reply *ret_reply);

#endif
