/* SPDX-License-Identifier: MIT */
/* buffer_seals.c - what a memfd's seals and mode still permit, and freezing them */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/helper.h"
#include "buffers/buffer.h"
#include "lease.h"
#include "util.h"

#define ALL_PERMISSIONS 07777
/* Assumed when the seals cannot be read: nothing may be done to the memfd. */
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
/* Only bits that F_SEAL_EXEC does not freeze. */
#define OTHERS_MODE ((mode_t)(S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))

static bool buffer_is_memfd(const struct buffer *buffer)
{
	return buffer->kind == DMABUFFS_KIND_MEMFD;
}

/* ---- operations on a memfd: a result or -errno ------------------------------------- */

static int buffer_seals_get(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals < 0 ? -errno : seals;
}

static int buffer_seals_add_grow(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0 ? -errno : 0;
}

static int buffer_seals_needs_mode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : (st.st_mode & OTHERS_MODE) != 0;
}

static int buffer_seals_needs_any(int fd)
{
	int seals = buffer_seals_get(fd);

	if (seals < 0)
		return seals;
	return seals & F_SEAL_SEAL ? buffer_seals_needs_mode(fd) : 1;
}

int buffer_freeze_mode(int fd)
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

static int buffer_seals_freeze_all(int fd)
{
	int seals = buffer_seals_get(fd);

	if (seals < 0)
		return seals;
	if (!(seals & F_SEAL_SEAL) && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0)
		return -errno;
	return buffer_freeze_mode(fd);
}

static int buffer_seals_truncate(int fd)
{
	if (ftruncate(fd, 0) < 0)
		return errno == EPERM ? -EBUSY : -errno;
	return 0;
}

/* ---- the buffer -------------------------------------------------------------------- */

static int buffer_seals_apply(const struct buffer *buffer, int (*operation)(int fd))
{
	struct closing *closing;
	int r, fd = buffer_borrow(buffer, &closing);

	if (fd < 0)
		return fd;
	r = operation(fd);
	buffer_return(buffer, fd, closing);
	return r;
}

bool buffer_needs_freeze(const struct buffer *buffer, bool readonly)
{
	return buffer_is_memfd(buffer) &&
	       buffer_seals_apply(buffer, readonly ? buffer_seals_needs_mode
						   : buffer_seals_needs_any) != 0;
}

/* On behalf of its user, who decides how long it takes. */
static int buffer_ask_freeze_mode(const struct buffer *buffer)
{
	const struct helper_request request = {.op = HELPER_FREEZE};
	struct helper_reply reply;
	struct closing *closing;
	int r, fd = buffer_borrow(buffer, &closing);

	if (fd < 0)
		return fd;
	r = helper_call(request, fd, buffer->person, &reply, NULL);
	buffer_return(buffer, fd, closing);
	/* EREMOTE would tell the client to send a descriptor that the service has. */
	return r == -EREMOTE ? -EACCES : r;
}

int buffer_freeze(const struct buffer *buffer, bool readonly)
{
	int r;

	if (!buffer_is_memfd(buffer))
		return 0;
	r = buffer_seals_apply(buffer,
			       readonly ? buffer_freeze_mode : buffer_seals_freeze_all);
	return r == -EACCES && helper_is_used() ? buffer_ask_freeze_mode(buffer) : r;
}

uint32_t buffer_seals(const struct buffer *buffer)
{
	int seals;

	if (!buffer_is_memfd(buffer) || buffer->seals)
		return buffer->seals;
	seals = buffer_seals_apply(buffer, buffer_seals_get);
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

	return !buffer_is_memfd(buffer) || (buffer_seals(buffer) & both) == both;
}

bool buffer_can_grow(const struct buffer *buffer)
{
	return buffer_is_memfd(buffer) && !(buffer_seals(buffer) & F_SEAL_GROW);
}

int buffer_stop_growth(const struct buffer *buffer)
{
	return buffer_seals_apply(buffer, buffer_seals_add_grow);
}

bool buffer_is_revocable(const struct buffer *buffer)
{
	const uint32_t pinning = F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

	return buffer_is_memfd(buffer) && buffer->access == O_RDWR &&
	       !(buffer_seals(buffer) & pinning);
}

int buffer_revoke(const struct buffer *buffer)
{
	return buffer_is_revocable(buffer)
		       ? buffer_seals_apply(buffer, buffer_seals_truncate)
		       : -EBUSY;
}

int buffer_held(const struct buffer *buffer)
{
	return buffer_is_memfd(buffer) && buffer->access == O_RDWR
		       ? buffer_seals_apply(buffer, lease_held)
		       : -EOPNOTSUPP;
}
