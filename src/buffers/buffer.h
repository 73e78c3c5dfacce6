/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - what is exported: what it is, and what can be done with it
 *
 * That is a memfd, a dma-buf, or an open character device of a driver that the
 * administrator trusts.
 *
 * A descriptor taken from a client may be anything, even a file of a FUSE server that
 * never answers. Until it is known to be one of these it is asked only questions
 * that the kernel answers by itself (fcntl(2) flags; statx(2) with AT_STATX_DONT_SYNC and
 * an empty mask), and it is not closed here: see offload.h.
 */
#ifndef DMABUFFS_BUFFER_H
#define DMABUFFS_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/drivers.h"

/*
 * For a memfd, fd is an open file description of our own, O_RDWR unless readonly:
 * importers get others, so that the kernel can tell whether any is left (buffer_held()).
 * For a dma-buf it is the exporter's description: there is no other. So it is for a
 * device, of whose driver nothing is asked: all there is to do with it is to hand it out
 * and to close it. An ASID has none, and nothing below but its size, which is 0, applies
 * to it.
 */
struct buffer {
	int fd;            /* owned; its number in the table below; -1: none */
	unsigned table;    /* 0: our own, see fd_vault.h */
	bool kept;         /* by the fd vault, whichever table that is */
	int access;        /* access mode of fd */
	uint32_t kind;     /* enum dmabuffs_kind */
	uint64_t dev, ino; /* which buffer it is, as long as fd is open; of devices,
			      whose objects cannot be told apart, all are different */
	uint32_t seals;    /* F_SEAL_*, once they cannot change any more; else 0 */
};

/* Learns which device number memfds have here. Call once before threads start. */
int buffer_setup(void);

/*
 * Whose character devices are buffers, too: a list that stays for as long as the others
 * are called; NULL, as at first: none. Call before threads start.
 */
void buffer_set_drivers(const struct driver_list *drivers);

/* For people. */
const char *buffer_kind_name(const struct buffer *buffer);

/* enum dmabuffs_kind of any descriptor; -EBADFD: no kind. */
int buffer_kind(int fd);

/*
 * Makes a buffer of @fd, which is taken over on success and stays the caller's otherwise.
 * Errors: -EBADF, -EBADFD, -EACCES, as DMABUFFS_IOC_EXPORT documents, and of open(2).
 */
int buffer_init(struct buffer *buffer, int fd, bool readonly);
void buffer_finish(struct buffer *buffer);

/* Puts a buffer that will stay where there is room for it. */
void buffer_keep(struct buffer *buffer);

/* Its descriptor, for use by the calling thread until buffer_return(); or -errno. */
int buffer_borrow(const struct buffer *buffer);
void buffer_return(const struct buffer *buffer, int fd);

/*
 * Freezes what the kernel does not guard for files reached through a name: the seals
 * (unless nobody may write anyway) and the memfd's own permission for others, with which
 * a descriptor handed out could be re-opened for more through /proc/self/fd. 0 or -errno.
 * It waits for the inode's lock, as buffer_stop_growth() does, see offload.h; not so the
 * question whether it is needed.
 */
int buffer_freeze(const struct buffer *buffer, bool readonly);
bool buffer_needs_freeze(const struct buffer *buffer, bool readonly);

/* Remembers the seals if they are final, so that nobody has to ask again. */
void buffer_learn_seals(struct buffer *buffer);

/* It has pages; not so an ASID and a device. */
bool buffer_has_memory(const struct buffer *buffer);

int buffer_size(const struct buffer *buffer, uint64_t *ret_size);

/* What it takes, which can be more than its size (fallocate(2) beyond the end). */
int buffer_memory(const struct buffer *buffer, uint64_t *ret_bytes);

/* A memfd that is not sealed against growing; and sealing it, -EPERM if that cannot be.
 */
bool buffer_can_grow(const struct buffer *buffer);
int buffer_stop_growth(const struct buffer *buffer);

/* F_SEAL_* of a memfd; 0 for all others. */
uint32_t buffer_seals(const struct buffer *buffer);

/* True when neither the exporter nor an importer can change the size any more. */
bool buffer_size_is_fixed(const struct buffer *buffer);

/* A new descriptor with the access mode @access, for an importer. -EACCES: impossible. */
int buffer_open(const struct buffer *buffer, int access);

bool buffer_is_revocable(const struct buffer *buffer);

/*
 * Takes the memory back: truncation zaps every mapping everywhere. -EBUSY: it is pinned.
 * It waits for the inode's lock, see offload.h.
 */
int buffer_revoke(const struct buffer *buffer);

/*
 * Asks the kernel whether an importer has the memfd open or mapped: 1, 0, or -EOPNOTSUPP
 * for all others and without CAP_LEASE.
 */
int buffer_held(const struct buffer *buffer);

#endif
