/* SPDX-License-Identifier: MIT */
#include "buffers/buffer.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/helper.h"
#include "base/policy.h"
#include "buffers/buffer_identify.h"
#include "buffers/closer.h"
#include "buffers/fd_vault.h"
#include "lease.h"
#include "util.h"

#define STAT_BLOCK 512 /* the unit of st_blocks, stat(2) */
/* No device number of the kernel: its major numbers have 12 bits. */
#define NO_DEV UINT64_MAX

static int buffer_own_fds = AT_FDCWD; /* /proc/self/fd, for a shorter path walk */

int buffer_setup(void)
{
	if (buffer_own_fds == AT_FDCWD)
		buffer_own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (buffer_own_fds < 0)
		return -errno;
	return buffer_identify_setup();
}

static struct kept_fd buffer_place_of(const struct buffer *buffer)
{
	return (struct kept_fd){buffer->table, buffer->fd};
}

/* -EACCES: it takes more rights than this process has. */
static int buffer_reopen_here(struct kept_fd kept, int access)
{
	char path[64];

	if (kept.table)
		fd_vault_path(kept, path, sizeof(path));
	else
		snprintf(path, sizeof(path), "%d", kept.fd);
	return lease_open(buffer_own_fds, path, access);
}

struct buffer_reopen {
	const struct buffer *buffer;
	uint32_t access;
};

/* From a vault it is taken there: what is borrowed would have to be closed here. */
static int buffer_reopen_ask(void *data)
{
	const struct buffer_reopen *reopen = data;
	const struct buffer *buffer = reopen->buffer;
	const struct helper_request request = {
		.op = HELPER_REOPEN,
		.tid = buffer->table ? fd_vault_thread(buffer->table) : 0,
		.fd = buffer->fd,
		.access = reopen->access,
	};
	struct helper_reply reply;
	int fd, r = helper_call(request, buffer->table ? -1 : buffer->fd, buffer->person,
				&reply, &fd);

	return r < 0 ? r : fd;
}

static int buffer_reopen(const struct buffer *buffer, int access)
{
	struct buffer_reopen reopen = {buffer, (uint32_t)access};
	int fd = buffer_reopen_here(buffer_place_of(buffer), access);

	return fd == -EACCES && helper_is_used()
		       ? lease_keep_off(buffer_reopen_ask, &reopen)
		       : fd;
}

static bool buffer_permits(int fd, int access)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 &&
	       ((flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == access);
}

int buffer_reopen_fd(int fd, int access)
{
	if (access & ~O_ACCMODE || buffer_kind(fd) != DMABUFFS_KIND_MEMFD)
		return -EBADFD;
	return buffer_permits(fd, access)
		       ? buffer_reopen_here((struct kept_fd){0, fd}, access)
		       : -EACCES;
}

const char *buffer_kind_name(const struct buffer *buffer)
{
	switch (buffer->kind) {
	case DMABUFFS_KIND_MEMFD:
		return "memfd";
	case DMABUFFS_KIND_ASID:
		return "asid";
	case DMABUFFS_KIND_DEVICE:
		return "device";
	default:
		return "dma-buf";
	}
}

/* Opens our own description and gives the client's up. */
static int buffer_adopt_memfd(struct buffer *buffer, struct closing *closing)
{
	/* buffer_revoke() needs write access even for a read-only export. */
	int access = buffer->access == O_RDONLY ? O_RDONLY : O_RDWR;
	int own = buffer_reopen(buffer, access);

	if (own < 0)
		return own;
	closing_add(closing, buffer->fd);
	buffer->fd = own;
	buffer->access = access;
	return 0;
}

/* Descriptors of one device node share its inode, but each is an object of its own. */
static void buffer_assign_identity(struct buffer *buffer)
{
	static _Atomic uint64_t last;

	buffer->dev = NO_DEV;
	buffer->ino = atomic_fetch_add(&last, 1) + 1;
}

/* The description cannot be re-opened: it would permit more than the name does. */
static int buffer_adopt_device(struct buffer *buffer, bool readonly)
{
	if (readonly && buffer->access != O_RDONLY)
		return -EACCES;
	buffer_assign_identity(buffer);
	return 0;
}

static int buffer_make(struct buffer *buffer, int fd, bool is_own, bool readonly,
		       struct closing *closing)
{
	struct buffer new = {.fd = fd,
			     .person = closing ? closing_person(closing) : HELPER_NOBODY};
	int flags = fcntl(fd, F_GETFL);
	int kind, r;

	if (flags < 0)
		return -errno;
	kind = flags & O_PATH ? -EBADF : buffer_identify(fd, &new.dev, &new.ino);
	if (kind < 0)
		return kind;
	r = policy_check_export(flags, readonly);
	if (r < 0)
		return r;
	new.kind = (uint32_t)kind;
	new.access = flags &O_ACCMODE;
	if (kind == DMABUFFS_KIND_MEMFD && !is_own)
		r = buffer_adopt_memfd(&new, closing);
	else if (kind == DMABUFFS_KIND_DEVICE)
		r = buffer_adopt_device(&new, readonly);
	if (r < 0)
		return r;
	*buffer = new;
	return 0;
}

static uint64_t buffer_bytes(const struct stat *st)
{
	return MAX((uint64_t)st->st_size, (uint64_t)st->st_blocks * STAT_BLOCK);
}

int buffer_restore(struct buffer *buffer, int fd, uint64_t *ret_bytes)
{
	uint64_t dev, ino;
	int flags = fcntl(fd, F_GETFL);
	int kind = buffer_identify(fd, &dev, &ino);
	struct stat st;

	if (kind != (int)buffer->kind || dev != buffer->dev || ino != buffer->ino ||
	    flags < 0 || (flags & O_ACCMODE) != buffer->access)
		return -EBADFD;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_bytes = buffer_bytes(&st);
	buffer->fd = fd;
	buffer_learn_seals(buffer);
	/* The bank has it, so the close of what is left over is not its last. */
	buffer_keep(buffer, NULL);
	return 0;
}

int buffer_init(struct buffer *buffer, int fd, bool readonly, struct closing *closing)
{
	return buffer_make(buffer, fd, false, readonly, closing);
}

int buffer_init_own(struct buffer *buffer, int fd, bool readonly, struct closing *closing)
{
	return buffer_make(buffer, fd, true, readonly, closing);
}

void buffer_finish(struct buffer *buffer)
{
	if (buffer->kept)
		fd_vault_drop(buffer_place_of(buffer));
	else
		close_keep_errno(buffer->fd);
	buffer->fd = -1;
	buffer->kept = false;
}

void buffer_keep(struct buffer *buffer, struct closing *closing)
{
	struct kept_fd kept = fd_vault_keep(buffer->fd);

	if (kept.table)
		closing_add(closing, buffer->fd);

	buffer->fd = kept.fd;
	buffer->table = kept.table;
	buffer->kept = true;
}

/* -EBUSY would say that the call itself is refused, for good. */
static int buffer_reserve_closing(const struct buffer *buffer,
				  struct closing **ret_closing)
{
	int r = 0;

	*ret_closing = NULL;
	if (buffer->table && buffer->closing)
		r = closing_reserve_beside(buffer->closing, 1, ret_closing);
	return r == -EBUSY ? -EMFILE : r;
}

int buffer_borrow(const struct buffer *buffer, struct closing **ret_closing)
{
	struct closing *closing;
	int fd, r = buffer_reserve_closing(buffer, &closing);

	if (r < 0)
		return r;
	fd = fd_vault_borrow(buffer_place_of(buffer));
	if (fd < 0)
		closing_end(closing);
	else
		*ret_closing = closing;
	return fd;
}

void buffer_return(const struct buffer *buffer, int fd, struct closing *closing)
{
	if (!buffer->table)
		return;
	closing_add(closing, fd);
	closing_end(closing);
}

bool buffer_has_memory(const struct buffer *buffer)
{
	return buffer->kind != DMABUFFS_KIND_ASID && buffer->kind != DMABUFFS_KIND_DEVICE;
}

/*
 * Through its path: a client can make the close of a borrowed descriptor take long, with
 * record locks on the memfd, and some callers hold the table's lock.
 */
static int buffer_stat_elsewhere(struct kept_fd kept, struct stat *ret_stat)
{
	char path[64];

	fd_vault_path(kept, path, sizeof(path));
	return stat(path, ret_stat) < 0 ? -errno : 0;
}

int buffer_stat(const struct buffer *buffer, struct stat *ret_stat)
{
	if (!buffer_has_memory(buffer)) {
		*ret_stat = (struct stat){0};
		return 0;
	}
	if (buffer->table)
		return buffer_stat_elsewhere(buffer_place_of(buffer), ret_stat);
	return fstat(buffer->fd, ret_stat) < 0 ? -errno : 0;
}

int buffer_size(const struct buffer *buffer, uint64_t *ret_size)
{
	struct stat st;
	int r = buffer_stat(buffer, &st);

	if (r == 0)
		*ret_size = (uint64_t)st.st_size;
	return r;
}

int buffer_memory(const struct buffer *buffer, uint64_t *ret_bytes)
{
	struct stat st;
	int r = buffer_stat(buffer, &st);

	if (r == 0)
		*ret_bytes = buffer_bytes(&st);
	return r;
}

static int buffer_duplicate(const struct buffer *buffer)
{
	int fd = fd_vault_borrow(buffer_place_of(buffer));

	if (fd >= 0 && !buffer->table)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd == -1 ? -errno : fd;
}

static int buffer_open_memfd(const struct buffer *buffer, int access)
{
	int fd = buffer_reopen(buffer, access);

	if (fd >= 0)
		fcntl(fd, F_SETFL, 0); /* no O_NONBLOCK for the importer */
	return fd;
}

int buffer_open(const struct buffer *buffer, int access)
{
	int r;

	if (buffer->kind == DMABUFFS_KIND_MEMFD)
		return buffer_open_memfd(buffer, access);
	r = policy_check_exchange(access, buffer->access);
	return r < 0 ? r : buffer_duplicate(buffer);
}
