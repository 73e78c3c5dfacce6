/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - what is exported, and what can be done with it
 *
 * That is a memfd, a dma-buf, or an open character device of a driver that the
 * administrator trusts.
 *
 * A descriptor from a client may be anything, even a file of a FUSE server that does not
 * reply. Until its kind is known, only calls that the kernel completes by itself are made
 * on it (fcntl(2) flags; statx(2) with AT_STATX_DONT_SYNC and an empty mask), and it is
 * not closed here: see closer.h.
 */
#ifndef DMABUFFS_BUFFER_H
#define DMABUFFS_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <dmabuffs-ioctl.h>

#include "base/drivers.h"

struct closing;

/*
 * For a memfd, fd is an open file description of our own, O_RDWR unless readonly:
 * importers get others, so that the kernel can report whether any is left
 * (buffer_held()). For a dma-buf it is the exporter's description, the only one there is.
 * So it is for a device, whose driver is never called: its descriptor can only be passed
 * on and closed. An ASID has no descriptor; only its size, which is 0, is defined.
 */
struct buffer {
	int fd;            /* owned; its number in the table below; -1: none */
	unsigned table;    /* 0: our own, see fd_vault.h */
	bool kept;         /* by the fd vault, whichever table that is */
	int access;        /* access mode of fd */
	uint32_t kind;     /* enum dmabuffs_kind */
	uid_t person;      /* limits_person() of whom it came from, or HELPER_NOBODY */
	uint64_t dev, ino; /* its identity while fd is open; a device's is made up, as
			      the kernel does not distinguish its open objects */
	uint32_t seals;    /* F_SEAL_*, once they cannot change any more; else 0 */
	const struct closing *closing; /* borrowed: of the person whose it is, or NULL */
};

/* Finds out the device number of memfds. Once, before threads are started. */
int buffer_setup(void);

/*
 * Sets the drivers whose character devices are buffers: borrowed for the life of the
 * process; NULL, as at first: none. Before threads are started.
 */
void buffer_set_drivers(const struct driver_list *drivers);

/* A static string for logs and listings. */
const char *buffer_kind_name(const struct buffer *buffer);

/* enum dmabuffs_kind of any descriptor; -EBADFD: no kind. */
int buffer_kind(int fd);

/*
 * Makes a buffer of @fd, which is taken over on success and stays the caller's otherwise.
 * The buffer has it, or another description: then @fd is closed with @closing.
 * Errors: -EBADF, -EBADFD, -EACCES, as DMABUFFS_IOC_EXPORT documents, and of open(2).
 */
int buffer_init(struct buffer *buffer, int fd, bool readonly, struct closing *closing);

/*
 * For a successor: @fd, out of the bank, is the descriptor of this buffer, of which all
 * but its place is known; taken over on success, with what buffer_memory() says of it.
 * -EBADFD: it is of another file or mode; -errno.
 */
int buffer_restore(struct buffer *buffer, int fd, uint64_t *ret_bytes);

/* The same of a memfd whose description is our own, see broker/take.h. */
int buffer_init_own(struct buffer *buffer, int fd, bool readonly,
		    struct closing *closing);

/* Closes it here: see closing_add_buffer(). */
void buffer_finish(struct buffer *buffer);

/*
 * Moves the descriptor of a buffer that will stay to a table with room, see fd_vault.h.
 * The one in our table is then closed with @closing.
 */
void buffer_keep(struct buffer *buffer, struct closing *closing);

/*
 * Its descriptor, for use by the calling thread until buffer_return(); or -errno. If it
 * is in another table, this is a duplicate, whose close takes as long as the client
 * chose: the closer of its person closes it. -EMFILE: that has too many to close.
 */
int buffer_borrow(const struct buffer *buffer, struct closing **ret_closing);
void buffer_return(const struct buffer *buffer, int fd, struct closing *closing);

/* True if it has pages: neither an ASID nor a device. */
bool buffer_has_memory(const struct buffer *buffer);

/* What the kernel says of it, without a wait; all zero if it has no memory. */
int buffer_stat(const struct buffer *buffer, struct stat *ret_stat);

int buffer_size(const struct buffer *buffer, uint64_t *ret_size);

/* Bytes it occupies, which can exceed its size (fallocate(2) beyond the end). */
int buffer_memory(const struct buffer *buffer, uint64_t *ret_bytes);

/*
 * In the helper: a new description of the memfd @fd, with no more access than that one.
 * -EBADFD: it is none, or @access no access mode; -EACCES: it would have more.
 */
int buffer_reopen_fd(int fd, int access);

/*
 * A new descriptor with the access mode @access, for an importer. May wait for the
 * helper: to be called without the table's lock. -EACCES: not possible.
 */
int buffer_open(const struct buffer *buffer, int access);

/* ---- buffer_seals.c ---------------------------------------------------------------- */

/*
 * Freezes what the kernel does not protect on files reached through a name: the seals
 * (unless @readonly: no importer can write) and the memfd's permissions for others, with
 * which an importer could re-open its descriptor for more through /proc/self/fd. 0 or
 * -errno. It waits for the inode's lock, see offload.h; buffer_needs_freeze() does not.
 */
int buffer_freeze(const struct buffer *buffer, bool readonly);
bool buffer_needs_freeze(const struct buffer *buffer, bool readonly);

/* The permissions alone, of a memfd. It waits, too. */
int buffer_freeze_mode(int fd);

/* F_SEAL_* of a memfd; 0 for all others. */
uint32_t buffer_seals(const struct buffer *buffer);

/* Caches the seals if they are final. */
void buffer_learn_seals(struct buffer *buffer);

/* True when neither the exporter nor an importer can change the size any more. */
bool buffer_size_is_fixed(const struct buffer *buffer);

/*
 * Is it a memfd that is not sealed against growing? And sealing it, -EPERM if its seals
 * are final. That waits for the inode's lock, see offload.h.
 */
bool buffer_can_grow(const struct buffer *buffer);
int buffer_stop_growth(const struct buffer *buffer);

bool buffer_is_revocable(const struct buffer *buffer);

/*
 * Revokes the memory: truncation zaps every mapping everywhere. -EBUSY: it is pinned. It
 * waits for the inode's lock, see offload.h.
 */
int buffer_revoke(const struct buffer *buffer);

/*
 * Does an importer have the memfd open or mapped? 1, 0, or -EOPNOTSUPP for all other
 * kinds and without CAP_LEASE.
 */
int buffer_held(const struct buffer *buffer);

#endif
