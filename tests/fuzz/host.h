/* SPDX-License-Identifier: MIT */
/*
 * host.h - the service without FUSE, for fuzz-ioctl
 *
 * The libfuse functions on the way of a request are implemented here (--wrap of the
 * linker): a reply is checked instead of sent.
 */
#ifndef DMABUFFS_FUZZ_HOST_H
#define DMABUFFS_FUZZ_HOST_H

#include <stdatomic.h>
#include <stdint.h>

#include "fs/service.h"

#define HOST_CARRIED  16383 /* maximum size of an ioctl argument */
#define HOST_FIRST_FD 40    /* of the descriptors that requests name */

/* Their order. MEM and MAPS are of a process that commands may write to. */
enum { HOST_MEMFD, HOST_SEALED_MEMFD, HOST_MEM, HOST_MAPS, HOST_READONLY_MEM, HOST_ROOT };

struct fuse_req {
	atomic_int answers;
	int error;
	uint64_t handle;                /* of an open */
	uint8_t body[HOST_CARRIED + 1]; /* of an ioctl */
	size_t size;
};

extern struct service host_service;
/* One at a time. */
extern struct fuse_req host_request;

/* Once, before the first request. */
void host_start(void);

struct fuse_req *host_new_request(void);

/* Waits for the reply of one that another thread serves. */
void host_wait_answer(struct fuse_req *req);

/* Around an input: all that it opened, charged or used has been released. */
void host_begin(void);
void host_expect_unused(void);

#endif
