/* SPDX-License-Identifier: MIT */
#include "buffers/buffer.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/policy.h"
#include "buffers/buffer_identify.h"
#include "buffers/fd_vault.h"
#include "lease.h"
#include "util.h"

#define ALL_PERMISSIONS 07777
#define STAT_BLOCK      512 /* the unit of st_blocks, stat(2) */
/* What is assumed when a memfd cannot be asked: nothing may be done to it. */
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Instead of a device number of the kernel, whose major numbers have 12 bits. */
#define NO_DEV UINT64_MAX

static int buffer_own_fds = AT_FDCWD; /* /proc/self/fd, once set up: a shorter way */

int buffer_setup(void)
{
	if (buffer_own_fds == AT_FDCWD)
		buffer_own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (buffer_own_fds < 0)
		return -errno;
	return buffer_identify_setup();
}

static int buffer_reopen(struct kept_fd kept, int flags)
{
	char path[64];

	if (kept.table)
		fd_vault_path(kept, path, sizeof(path));
	else
		snprintf(path, sizeof(path), "%d", kept.fd);
	return lease_open(buffer_own_fds, path, flags);
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

/* Our own description; the client's is closed, which cannot block for a memfd. */
static int buffer_adopt_memfd(struct buffer *buffer, int fd, bool readonly)
{
	int access = readonly ? O_RDONLY : O_RDWR;
	int own = buffer_reopen((struct kept_fd){0, fd}, access);

	if (own < 0)
		return own;
	close(fd);
	buffer->fd = own;
	buffer->access = access;
	return 0;
}

/* All descriptors of a device node have its inode, and a different object each. */
static void buffer_give_identity(struct buffer *buffer)
{
	static _Atomic uint64_t last;

	buffer->dev = NO_DEV;
	buffer->ino = atomic_fetch_add(&last, 1) + 1;
}

/* A name for reading alone would never give out what can write. */
static int buffer_adopt_device(struct buffer *buffer, bool readonly)
{
	if (readonly && buffer->access != O_RDONLY)
		return -EACCES;
	buffer_give_identity(buffer);
	return 0;
}

int buffer_init(struct buffer *buffer, int fd, bool readonly)
{
	struct buffer new = {.fd = fd};
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
	/* A revocation needs a writable description even of a read-only export. */
	if (kind == DMABUFFS_KIND_MEMFD)
		r = buffer_adopt_memfd(&new, fd, new.access == O_RDONLY);
	else if (kind == DMABUFFS_KIND_DEVICE)
		r = buffer_adopt_device(&new, readonly);
	if (r < 0)
		return r;
	*buffer = new;
	return 0;
}

static struct kept_fd buffer_place_of(const struct buffer *buffer)
{
	return (struct kept_fd){buffer->table, buffer->fd};
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

void buffer_keep(struct buffer *buffer)
{
	struct kept_fd kept = fd_vault_keep(buffer->fd);

	buffer->fd = kept.fd;
	buffer->table = kept.table;
	buffer->kept = true;
}

int buffer_borrow(const struct buffer *buffer)
{
	return fd_vault_borrow(buffer_place_of(buffer));
}

void buffer_return(const struct buffer *buffer, int fd)
{
	fd_vault_return(buffer_place_of(buffer), fd);
}

/* Only bits that F_SEAL_EXEC does not freeze. */
#define OTHERS_MODE ((mode_t)(S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))

static int buffer_freeze_mode(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!(st.st_mode & OTHERS_MODE))
		return 0;
	if (fchmod(fd, st.st_mode & ALL_PERMISSIONS & ~OTHERS_MODE) < 0)
		return errno == EPERM ? -EACCES : -errno;
	return 0;
}

/* 1, 0 or -errno. */
static int buffer_needs_seal(int fd, bool readonly)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -errno;
	return !readonly && !(seals & F_SEAL_SEAL);
}

static int buffer_freeze_fd(int fd, bool readonly)
{
	int needs = buffer_needs_seal(fd, readonly);

	if (needs < 0)
		return needs;
	if (needs && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0)
		return -errno;
	return buffer_freeze_mode(fd);
}

bool buffer_needs_freeze(const struct buffer *buffer, bool readonly)
{
	struct stat st;
	bool needs;
	int fd;

	if (buffer->kind != DMABUFFS_KIND_MEMFD)
		return false;
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return true;
	needs = buffer_needs_seal(fd, readonly) || fstat(fd, &st) < 0 ||
		st.st_mode & OTHERS_MODE;
	buffer_return(buffer, fd);
	return needs;
}

int buffer_freeze(const struct buffer *buffer, bool readonly)
{
	int fd, r;

	if (buffer->kind != DMABUFFS_KIND_MEMFD)
		return 0;
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return fd;
	r = buffer_freeze_fd(fd, readonly);
	buffer_return(buffer, fd);
	return r;
}

bool buffer_has_memory(const struct buffer *buffer)
{
	return buffer->kind != DMABUFFS_KIND_ASID && buffer->kind != DMABUFFS_KIND_DEVICE;
}

static int buffer_stat(const struct buffer *buffer, struct stat *ret_stat)
{
	int fd, r;

	if (!buffer_has_memory(buffer)) {
		*ret_stat = (struct stat){0};
		return 0;
	}
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return fd;
	r = fstat(fd, ret_stat) < 0 ? -errno : 0;
	buffer_return(buffer, fd);
	return r;
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
		*ret_bytes =
			MAX((uint64_t)st.st_size, (uint64_t)st.st_blocks * STAT_BLOCK);
	return r;
}

bool buffer_can_grow(const struct buffer *buffer)
{
	return buffer->kind == DMABUFFS_KIND_MEMFD &&
	       !(buffer_seals(buffer) & F_SEAL_GROW);
}

int buffer_stop_growth(const struct buffer *buffer)
{
	int fd = buffer_borrow(buffer);
	int r;

	if (fd < 0)
		return fd;
	r = fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0 ? -errno : 0;
	buffer_return(buffer, fd);
	return r;
}

uint32_t buffer_seals(const struct buffer *buffer)
{
	int fd, seals;

	if (buffer->kind != DMABUFFS_KIND_MEMFD || buffer->seals)
		return buffer->seals;
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return ALL_SEALS;
	seals = fcntl(fd, F_GET_SEALS);
	buffer_return(buffer, fd);
	return seals < 0 ? ALL_SEALS : (uint32_t)seals;
}

void buffer_learn_seals(struct buffer *buffer)
{
	uint32_t seals = buffer_seals(buffer);

	if (seals & F_SEAL_SEAL && seals != ALL_SEALS)
		buffer->seals = seals;
}

bool buffer_size_is_fixed(const struct buffer *buffer)
{
	const uint32_t both = F_SEAL_GROW | F_SEAL_SHRINK;

	return buffer->kind != DMABUFFS_KIND_MEMFD ||
	       (buffer_seals(buffer) & both) == both;
}

static int buffer_open_memfd(const struct buffer *buffer, int access)
{
	int fd = buffer_reopen(buffer_place_of(buffer), access);

	if (fd >= 0)
		fcntl(fd, F_SETFL, 0); /* no O_NONBLOCK for the importer */
	return fd;
}

static int buffer_duplicate(const struct buffer *buffer)
{
	int fd = buffer_borrow(buffer);

	if (fd >= 0 && !buffer->table)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd == -1 ? -errno : fd;
}

int buffer_open(const struct buffer *buffer, int access)
{
	int r;

	if (buffer->kind == DMABUFFS_KIND_MEMFD)
		return buffer_open_memfd(buffer, access);
	r = policy_check_exchange(access, buffer->access);
	return r < 0 ? r : buffer_duplicate(buffer);
}

bool buffer_is_revocable(const struct buffer *buffer)
{
	const uint32_t pinning = F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

	return buffer->kind == DMABUFFS_KIND_MEMFD && buffer->access == O_RDWR &&
	       !(buffer_seals(buffer) & pinning);
}

int buffer_revoke(const struct buffer *buffer)
{
	int fd, r = 0;

	if (!buffer_is_revocable(buffer))
		return -EBUSY;
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, 0) < 0)
		r = errno == EPERM ? -EBUSY : -errno;
	buffer_return(buffer, fd);
	return r;
}

int buffer_held(const struct buffer *buffer)
{
	int fd, r;

	if (buffer->kind != DMABUFFS_KIND_MEMFD || buffer->access != O_RDWR)
		return -EOPNOTSUPP;
	fd = buffer_borrow(buffer);
	if (fd < 0)
		return fd;
	r = lease_held(fd);
	buffer_return(buffer, fd);
	return r;
}
