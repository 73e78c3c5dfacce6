/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-broker.h - the messages of the .broker socket of a dmabuffs mount
 *
 * An ioctl through FUSE cannot carry descriptors; the broker does. It is a SOCK_SEQPACKET
 * socket bound inside the mount, so any process that sees the mount can reach it, in any
 * network or PID namespace. A connection proves nothing and grants nothing.
 *
 * A message is one struct dmabuffs_broker_request with the descriptors that its operation
 * takes (SCM_RIGHTS), one or none. The service replies to each with one struct
 * dmabuffs_broker_reply, in order. A connection may be kept and used for any number of
 * messages, by one thread at a time.
 *
 *   DMABUFFS_BROKER_EXCHANGE  The descriptor is an opened name of this mount. The reply
 *       carries the buffer's real descriptor, for drivers: dma-buf import, io_uring, an
 *       own mapping. Possession of the open file is the proof and its access mode the
 *       limit: a memfd comes as a fresh open file description of just that mode; a
 *       dma-buf, or a driver's descriptor, has one description only, and comes if its
 *       mode does not exceed that of the file.
 *   DMABUFFS_BROKER_TICKET  The descriptor is a buffer to export. The reply carries a
 *       ticket, valid for one DMABUFFS_IOC_EXPORT while this connection lasts. It is for
 *       services that may not use pidfd_getfd(2) on their callers. The commands of
 *       dmabuffs-accel-ioctl.h also take tickets for opened names of this mount and for
 *       files of a procfs that the depositor has mounted.
 *   DMABUFFS_BROKER_FETCH  Without a descriptor. DMABUFFS_ACCEL_IOC_OPEN returned the
 *       ticket on a context; the reply carries the descriptor that waits there.
 *
 *   DMABUFFS_BROKER_READY  Without a descriptor. Does nothing: from the reply on,
 *       descriptors can be sent. See below.
 *
 * Errors, in the reply; the connection stays usable
 *   EINVAL      the message is short, its size field is wrong, or it does not carry the
 *               descriptors that the operation takes
 *   E2BIG       longer than the service knows, and the tail is not zero
 *   ENOTTY      unknown operation
 *   EOPNOTSUPP  unknown flag
 *   EBADFD      EXCHANGE: not an opened name of this mount (O_PATH included);
 *               TICKET: not a descriptor that can be deposited
 *   ENOENT      FETCH: no such ticket
 *   EACCES      EXCHANGE: the buffer's only description has more access than the file
 *   ESTALE      EXCHANGE: the buffer was revoked
 *   EAGAIN      EXCHANGE: a lease is held on the memfd (fcntl(2) F_SETLEASE)
 *   EDQUOT      TICKET: too many unused tickets on this connection or of this user
 *   ENOSPC      TICKET: too many unused tickets on this mount
 *   EUSERS      too many connections of this user, or of the mount, have a request
 *               under way; the service closes this one
 *   EMFILE, ENFILE, ENOMEM  the service is out of descriptors or memory
 *
 * The service closes a connection whose client does not read its replies. When a user has
 * too many, it closes the one that was idle for the longest time for a new one; one that
 * sends nothing for a second is idle, too. A connection with a request under way is not
 * closed: one with a message that was not read or a ticket of the last second. If all of
 * a user's have one, a new connection waits, up to 3 s, until it is refused with EUSERS.
 * A request that is sent just as its connection is closed has had no effect.
 *
 * A connection also ends if the service is killed; if another one takes over the mount,
 * it accepts from the same socket. Connect again then and repeat the request, a few times
 * at most. It may have been executed: EXCHANGE and READY change nothing, and the ticket
 * of TICKET has ended with its connection; but the one of FETCH may have been used up
 * (ENOENT): get another one.
 *
 * While many refused connections are not closed yet, because of descriptors in messages
 * that nobody has read, the service takes descriptors from admitted connections only
 * (Linux 6.16 or later). sendmsg(2) then fails with EPERM on a new connection; ask READY,
 * and send again after its reply.
 */
#ifndef DMABUFFS_BROKER_H
#define DMABUFFS_BROKER_H

#include <linux/types.h>

#include <dmabuffs-ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMABUFFS_BROKER_NAME ".broker"

enum dmabuffs_broker_op {
	DMABUFFS_BROKER_EXCHANGE = 1,
	DMABUFFS_BROKER_TICKET = 2,
	DMABUFFS_BROKER_FETCH = 3,
	DMABUFFS_BROKER_READY = 4,
};

/**
 * struct dmabuffs_broker_request - a message to the broker
 * @size: sizeof(struct dmabuffs_broker_request)
 * @op: enum dmabuffs_broker_op
 * @flags: 0
 * @reserved: 0
 * @ticket: FETCH: what to fetch; else zero
 */
struct dmabuffs_broker_request {
	__u32 size;
	__u32 op;
	__u32 flags;
	__u32 reserved;
	__u8 ticket[DMABUFFS_TICKET_SIZE];
};

/**
 * struct dmabuffs_broker_reply - its reply; with one descriptor on success of EXCHANGE
 * and FETCH
 * @size: sizeof(struct dmabuffs_broker_reply)
 * @error: 0, or a negative errno; then all fields below are zero
 * @kind: enum dmabuffs_kind; 0: neither (TICKET)
 * @access: O_RDONLY, O_WRONLY or O_RDWR: of the returned descriptor (EXCHANGE, FETCH), of
 * the deposited one (TICKET)
 * @bytes: size of the buffer in bytes
 * @ticket: TICKET: what to put into struct dmabuffs_export; else zero
 */
struct dmabuffs_broker_reply {
	__u32 size;
	__s32 error;
	__u32 kind;
	__u32 access;
	__u64 bytes;
	__u8 ticket[DMABUFFS_TICKET_SIZE];
};

/* The layout is an ABI: no padding, the same on every architecture. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L

DMABUFFS_ASSERT_SIZE(dmabuffs_broker_request, 32);
DMABUFFS_ASSERT_AT(dmabuffs_broker_request, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_broker_request, op, 4);
DMABUFFS_ASSERT_AT(dmabuffs_broker_request, flags, 8);
DMABUFFS_ASSERT_AT(dmabuffs_broker_request, reserved, 12);
DMABUFFS_ASSERT_AT(dmabuffs_broker_request, ticket, 16);

DMABUFFS_ASSERT_SIZE(dmabuffs_broker_reply, 40);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, error, 4);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, kind, 8);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, access, 12);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, bytes, 16);
DMABUFFS_ASSERT_AT(dmabuffs_broker_reply, ticket, 24);
#endif

#ifdef __cplusplus
}
#endif

#endif
