/* SPDX-License-Identifier: MIT */
/* strerror.c - what an error means for the call that returned it */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <util.h>

#include "instance.h"

#define ON(operation) (1U << DMABUFFS_OPERATION_##operation)
/* EXCHANGE, too: dmabuffs_import_buffer() opens the name first. */
#define ON_OPENING (ON(IMPORT) | ON(EXCHANGE) | ON(MAP) | ON(QUERY))
#define ON_NAME    (ON_OPENING | ON(UNLINK) | ON(REVOKE))
#define ON_ROOT                                                                          \
	(ON(OPEN) | ON(LIST) | ON(EXPORT) | ON(UNLINK) | ON(WITHDRAW) | ON(REVOKE) |     \
	 ON(LIMITS))
#define ON_ANY (~0U)

struct meaning {
	unsigned int operations; /* any of these */
	int error;
	const char *text;
};

/* The first row that fits counts. */
static const struct meaning strerror_meanings[] = {
	{ON(OPEN), ENOENT, "no such directory"},
	{ON(OPEN), ENOTDIR, "not a directory"},
	{ON(OPEN), ENOTTY, "no dmabuffs instance is mounted there"},
	{ON(OPEN), EDQUOT, "the user's limit of open instances is reached"},
	{ON(OPEN), ENOSPC, "the mount's limit of open instances is reached"},

	{ON(EXPORT), EBADF, "the descriptor is not open, or is an O_PATH descriptor"},
	{ON(EXPORT), EBADFD, "neither a memfd nor a dma-buf, nor a device of drivers="},
	{ON(EXPORT), EACCES,
	 "the descriptor lacks read or write access, or .control denies access"},
	{ON(EXPORT), EPERM,
	 "the memfd cannot be sealed for a persistent export, or the mount is going "
	 "away"},
	{ON(EXPORT), EEXIST,
	 "already exported by another user or with other flags, mode or label"},
	{ON(EXPORT), EDQUOT,
	 "the user's limit of names or bytes is reached, or the buffer is larger"},
	{ON(EXPORT), ENOSPC,
	 "the mount's limit of names or bytes is reached, or the buffer is larger"},
	{ON(EXPORT), EINVAL, "the label, the mode or the size is out of range"},
	{ON(EXPORT), EREMOTE, "the service cannot take the descriptor from this process"},
	{ON(EXPORT), ENOENT, "the service that had the descriptor was replaced"},
	{ON(EXPORT), E2BIG, "an option that this version does not know"},

	{ON_NAME | ON(WITHDRAW), ENOENT, "no such name, or it was removed"},
	{ON_OPENING, EPERM, "the buffer cannot be written: read-only or sealed"},
	{ON_OPENING, EXDEV,
	 "the mount requires a namespace shared with the exporter (ns=)"},
	{ON_OPENING, EREMOTE,
	 "the mount requires a shared namespace (ns=) and the service cannot see this "
	 "one"},
	{ON_OPENING, EDQUOT, "the memfd has grown beyond a limit of its owner"},
	{ON_OPENING, ENOSPC, "the memfd has grown beyond a limit of the mount"},
	{ON(QUERY), ENOTTY, "not an opened name of a dmabuffs mount"},
	{ON(EXCHANGE) | ON(MAP), EACCES,
	 "permission denied, or the buffer's only descriptor may also write"},
	{ON(MAP), ENODATA, "the buffer is empty"},
	{ON(MAP), ENODEV, "the buffer is not memory that can be mapped"},
	{ON(MAP), EOVERFLOW, "the buffer does not fit into the address space"},

	{ON(EXCHANGE) | ON(MAP), EBADFD, "not an opened name of this mount"},

	{ON(UNLINK) | ON(REVOKE), EPERM, "only the owner and root may"},
	{ON(WITHDRAW), EPERM, "not exported through this instance, or persistent"},
	{ON(WITHDRAW), ENOTTY, "the service is of a version without withdrawal"},
	{ON(REVOKE), EBUSY,
	 "the memory cannot be revoked: not a memfd, or sealed against shrinking"},

	{ON(LIMITS), ENOTTY, "the service is of a version that does not report limits"},

	{ON(ACCEL_LIST), ENOENT, "the mount has no accelerators"},
	{ON(ACCEL_OPEN), ENOENT, "no such accelerator"},
	{ON(ACCEL_OPEN), EBUSY, "the accelerator is exclusive and in use"},
	{ON(ACCEL_OPEN), EAGAIN, "the exclusive accelerator is still being scrubbed"},
	{ON(ACCEL_OPEN), EDQUOT, "the user's limit of contexts is reached"},
	{ON(ACCEL_OPEN), ENOSPC, "the limit of contexts is reached"},
	{ON(ACCEL_CALL), ENOENT, "no such object in this context"},
	{ON(ACCEL_CALL), ENOTTY, "not a context, or not a command of one"},
	{ON(ACCEL_CALL), EXDEV, "the address space belongs to another accelerator"},
	{ON(ACCEL_CALL), EEXIST,
	 "it exists already in this context, or its name has another mode or label"},
	{ON(ACCEL_CALL), EBADFD, "not the kind of descriptor that the command takes"},
	{ON(ACCEL_CALL), EREMOTE,
	 "the service cannot take the descriptor from this process"},
	{ON(ACCEL_CALL), EBUSY,
	 "the object is in use, or too many calls for this user have not returned"},
	{ON(ACCEL_CALL), EAGAIN, "no room in the queue, or a lease is held on the memfd"},
	{ON(ACCEL_CALL), EIO, "the queue has faulted"},
	{ON(ACCEL_CALL), ENODEV, "the queue was destroyed, or the buffer was revoked"},
	{ON(ACCEL_CALL), ECHILD, "the queue belongs to the parent process"},
	{ON(ACCEL_CALL), ENODATA, "the queue has not faulted"},
	{ON(ACCEL_CALL), EOWNERDEAD,
	 "the service was killed: what it was doing is lost, the queue can be reset"},
	{ON(ACCEL_CALL), ETIMEDOUT,
	 "the command has not completed in time, or the service does not reply"},
	{ON(ACCEL_CALL), EDQUOT,
	 "a limit of the user or the quota of the set is reached"},
	{ON(ACCEL_CALL), ENOSPC,
	 "a limit of the device or the mount is reached, or no address range is free"},
	{ON(ACCEL_CALL), EOPNOTSUPP,
	 "not supported by the device, the queue or the kernel, or an unknown flag"},

	{ON_ROOT, EACCES, "permission denied by the root directory or .control"},
	{ON(EXPORT) | ON(UNLINK) | ON(WITHDRAW) | ON(REVOKE), EROFS,
	 "the mount is read-only here: names can only be imported, for reading"},
	{ON(IMPORT) | ON(EXCHANGE) | ON(MAP) | ON(ACCEL_OPEN), EROFS,
	 "the mount is read-only here: open it for reading"},
	{ON(EXPORT) | ON(REVOKE), EBUSY,
	 "too many calls for this user have not returned"},
	{ON(EXPORT), EAGAIN, "a lease is held on the memfd"},
	{ON_OPENING, EAGAIN, "a lease is held on the name or the memfd"},
	{ON_ANY, ESTALE, "the buffer was revoked"},
	{ON_OPENING, ENFILE,
	 "a limit of open names is reached, or that of files in the system"},
	{ON_ANY, ENOTCONN, "the service has exited"},
	{ON_ANY, ECONNABORTED, "the service has exited"},
	{ON_ANY, ECONNRESET, "the service ends each connection before it replies"},
	{ON_ANY, ETIMEDOUT, "the service does not reply"},
	{ON_ANY, EUSERS,
	 "the limit of connections to the broker is reached "
	 "(max-connections-per-uid)"},
	{ON_ANY, EPROTO, "the service breaks the protocol"},
	{ON_ANY, EOPNOTSUPP, "a flag that the service does not know"},
	{ON_ANY, EACCES, "permission denied"},
	{ON_ANY, EPERM, "permission denied"},
};

static const char *strerror_common(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "unknown error";
}

_public_ const char *dmabuffs_strerror(int error, enum dmabuffs_operation operation)
{
	bool known = (unsigned int)operation <= DMABUFFS_OPERATION_LIMITS;
	unsigned int bit = 1U << (known ? operation : DMABUFFS_OPERATION_NONE);

	/* INT_MIN has no positive counterpart; it is no error number either way. */
	if (error < 0 && error >= -INT_MAX)
		error = -error;
	for (size_t i = 0; i < ARRAY_SIZE(strerror_meanings); i++)
		if (strerror_meanings[i].operations & bit &&
		    strerror_meanings[i].error == error)
			return strerror_meanings[i].text;
	return strerror_common(error);
}
