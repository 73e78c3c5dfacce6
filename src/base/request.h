/* SPDX-License-Identifier: MIT */
/*
 * request.h - the FUSE request that this thread executes
 *
 * The kernel gives each request of a connection a number, its unique, which no other of
 * that connection gets. After FUSE_NOTIFY_RESEND it sends those without a reply once
 * more, with the same number and a mark. What was executed and not replied to is
 * recognised by the number, so that it is not executed twice.
 */
#ifndef DMABUFFS_REQUEST_H
#define DMABUFFS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* The mark in a unique: FUSE_UNIQUE_RESEND of linux/fuse.h since Linux 6.9. */
#define REQUEST_RESENT (UINT64_C(1) << 63)

/* The unique as it was read, with its mark, before the request is executed; 0: none. */
void request_set(uint64_t unique);

/* The same of one that the kernel does not send again, and that comes without a mark. */
void request_set_again(uint64_t unique);

/* As it was set, for request_set() in another thread. */
uint64_t request_get(void);

/* Without the mark; 0: this thread executes no request. */
uint64_t request_unique(void);

/* A predecessor may have executed it. */
bool request_is_resent(void);

/*
 * The kernel's handle of the open file that a FUSE_POLL is about, which libfuse does not
 * show; reset by request_set(). 0: it is another request.
 */
void request_set_poll(uint64_t handle);
uint64_t request_poll(void);

/* This thread's request goes on in another one, which replies; reset by request_set(). */
void request_hand_over(void);
bool request_is_handed_over(void);

#endif
