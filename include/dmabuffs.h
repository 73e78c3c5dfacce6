/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs.h - libdmabuffs: share device buffers by UUID name
 *
 * A thin client of the dmabuffs file system: the kernel and the service take every
 * decision. Functions that return int return 0 or a negative errno, unless they say
 * otherwise; outputs (ret_*) are written only on success. Returned descriptors are
 * close-on-exec and belong to the caller, unless they are called borrowed.
 *
 * Threads and fork. The library has no global state. Any number of threads may use a
 * struct dmabuffs at once, except during dmabuffs_close(). After fork(2) parent and child
 * may both use it: each has a broker connection of its own. They share the open file
 * .control, so names that were exported through it live until both have closed it.
 */
#ifndef DMABUFFS_H
#define DMABUFFS_H

#include <stddef.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Calls that use the broker (dmabuffs_exchange(), dmabuffs_import_buffer(),
 * dmabuffs_import_map() and dmabuffs_export() as a fallback) may also return -ETIMEDOUT:
 * the service does not accept or reply (a wait is bounded by 10 s); -ENOTCONN: it has
 * exited; -ECONNRESET: it ends each connection before it replies; -EPROTO: its reply
 * breaks the protocol; -EUSERS: for 5 s the user had too many connections to the broker,
 * each with a request under way.
 *
 * If the connection to the broker ends before the reply, they connect again and repeat
 * the request, a few times and for 5 s at most: so they go on if another service takes
 * over the mount. A ticket or a token of the one before is replaced, a few times.
 *
 * Export, withdrawal and revocation need write permission on the file .control of the
 * mount (-EACCES), and a mount that is not read-only (-EROFS); listing needs read
 * permission on .control (-EACCES). Import needs neither. A service without .control
 * wants read permission on the root directory instead.
 */

#define DMABUFFS_DEFAULT_MOUNT "/dev/dma-buf-uuids"

/* A name, as the 16 raw bytes that processes pass to each other. */
typedef struct dmabuffs_uuid {
	uint8_t bytes[DMABUFFS_UUID_SIZE];
} dmabuffs_uuid;

/* Length of the text form (36) and its NUL. */
#define DMABUFFS_UUID_TEXT_SIZE 37

/* Writes the lower-case text form of @uuid into @text. */
void dmabuffs_uuid_format(const dmabuffs_uuid *uuid, char text[DMABUFFS_UUID_TEXT_SIZE]);

/*
 * Parses the 36 characters of a lower-case text form, which is how names appear in a
 * mount. -EINVAL: anything else.
 */
int dmabuffs_uuid_parse(const char *text, dmabuffs_uuid *ret_uuid);

/* ---- errors ------------------------------------------------------------------------ */

/* What failed: the same error number means different things. */
enum dmabuffs_operation {
	DMABUFFS_OPERATION_NONE = 0,   /* not known */
	DMABUFFS_OPERATION_OPEN,       /* dmabuffs_open() */
	DMABUFFS_OPERATION_LIST,       /* dmabuffs_list(), dmabuffs_list_entries() */
	DMABUFFS_OPERATION_EXPORT,     /* dmabuffs_export(), dmabuffs_allocate() */
	DMABUFFS_OPERATION_IMPORT,     /* dmabuffs_import() */
	DMABUFFS_OPERATION_EXCHANGE,   /* dmabuffs_exchange(), dmabuffs_import_buffer() */
	DMABUFFS_OPERATION_MAP,        /* dmabuffs_import_map() */
	DMABUFFS_OPERATION_QUERY,      /* dmabuffs_query(), dmabuffs_query_fd() */
	DMABUFFS_OPERATION_UNLINK,     /* dmabuffs_unlink() */
	DMABUFFS_OPERATION_WITHDRAW,   /* dmabuffs_withdraw() */
	DMABUFFS_OPERATION_REVOKE,     /* dmabuffs_revoke() */
	DMABUFFS_OPERATION_ACCEL_LIST, /* dmabuffs_accel_list() */
	DMABUFFS_OPERATION_ACCEL_OPEN, /* dmabuffs_accel_open(), dmabuffs_accel_query() */
	DMABUFFS_OPERATION_ACCEL_CALL, /* everything on a context or a queue */
	DMABUFFS_OPERATION_LIMITS,     /* dmabuffs_limits() */
};

/*
 * What @error, an error number or its negative, means when @operation returned it, as a
 * phrase without a full stop; else what strerror(3) says in the C locale. Never NULL; the
 * text is constant, so it may be used by any thread and need not be copied.
 */
const char *dmabuffs_strerror(int error, enum dmabuffs_operation operation);

/* ---- instances --------------------------------------------------------------------- */

/* An open instance: .control and the root directory of one mount. */
struct dmabuffs;

/*
 * Opens the instance mounted at @path; NULL means $DMABUFFS_MOUNT (ignored in a set-uid
 * program), or else DMABUFFS_DEFAULT_MOUNT. Names that are exported through it live until
 * the last process that has it closes it, unless they are persistent.
 *
 * Errors: those of open(2); -ENOTTY: no dmabuffs instance is mounted there; -ENOTCONN:
 * the service has exited.
 */
int dmabuffs_open(const char *path, struct dmabuffs **ret_instance);

/* NULL is allowed. Imported descriptors and mappings stay valid. */
void dmabuffs_close(struct dmabuffs *instance);

/*
 * The root directory, for openat(2), fstatat(2) and the like: it is opened with O_PATH.
 * Borrowed, valid until dmabuffs_close().
 */
int dmabuffs_root_fd(const struct dmabuffs *instance);

/*
 * 0: this instance is served, or a successor of a killed service takes it over;
 * -ENOTCONN: it has ended, and an instance at the same place has to be opened anew. Costs
 * a system call; a request to the service for who may not read .control. Thread safe.
 */
int dmabuffs_check(struct dmabuffs *instance);

/* ---- export ------------------------------------------------------------------------ */

/*
 * How a name is made. With only @size set: mode 0600, no label, not persistent.
 *
 * The struct may grow at its end. A library that knows less of it returns -E2BIG if the
 * rest is not zero, and -EINVAL if @size is less than that of the first version.
 */
struct dmabuffs_export_options {
	uint32_t size;     /* sizeof(struct dmabuffs_export_options) */
	uint32_t flags;    /* DMABUFFS_EXPORT_PERSIST, _READONLY, _MODE, _ANOTHER */
	uint32_t mode;     /* permission bits, with DMABUFFS_EXPORT_MODE; else 0 */
	uint32_t reserved; /* 0 */
	const char *label; /* at most DMABUFFS_LABEL_SIZE - 1 printable bytes, or NULL */
};

/*
 * Exports the memfd or dma-buf @fd under a new name. The caller keeps @fd. @options may
 * be NULL. The export freezes the seals and the mode of a memfd, see DMABUFFS_IOC_EXPORT.
 * Where the service cannot take @fd from this process, @fd travels through the broker.
 *
 * Errors: those of DMABUFFS_IOC_EXPORT; -EINVAL: the label is too long; -EINVAL, -E2BIG:
 * the options, see above.
 */
int dmabuffs_export(struct dmabuffs *instance, int fd,
		    const struct dmabuffs_export_options *options,
		    dmabuffs_uuid *ret_uuid);

/* The memory cannot be revoked, and importers need not expect SIGBUS. */
#define DMABUFFS_ALLOCATE_PINNED (1U << 0)

/*
 * New memory with a name: a memfd of @bytes zero bytes, exported as dmabuffs_export()
 * does. *@ret_fd is open for reading and writing and belongs to the caller. Its size is
 * final (F_SEAL_GROW); with DMABUFFS_ALLOCATE_PINNED it is sealed against shrinking, too.
 * On failure nothing is left behind.
 *
 * Errors: those of dmabuffs_export(), memfd_create(2) and ftruncate(2); -EINVAL: @bytes
 * is 0 or more than INT64_MAX; -EOPNOTSUPP: an unknown flag.
 */
int dmabuffs_allocate(struct dmabuffs *instance, uint64_t bytes, uint32_t flags,
		      const struct dmabuffs_export_options *options, int *ret_fd,
		      dmabuffs_uuid *ret_uuid);

/* ---- import ------------------------------------------------------------------------ */

/*
 * Opens a name. @access is O_RDONLY, O_WRONLY or O_RDWR and nothing else. The descriptor
 * can be read, written, passed on and, where passthrough works, mapped.
 *
 * Errors: -ENOENT: no such name, or it was removed; -EACCES: the kernel's permission
 * check; -EPERM: write access to a read-only or write-sealed buffer; -EXDEV: the mount
 * requires a namespace shared with the exporter (ns=); -EREMOTE: the same, and the
 * service cannot see this process or the exporter; -EAGAIN: the owner of the name holds a
 * lease on it (fcntl(2) F_SETLEASE); -EINVAL: another @access.
 */
int dmabuffs_import(struct dmabuffs *instance, const dmabuffs_uuid *uuid, int access,
		    int *ret_fd);

/*
 * Exchanges an opened name for the buffer's real descriptor, which drivers take. @opened
 * stays open. Errors: those of DMABUFFS_BROKER_EXCHANGE.
 */
int dmabuffs_exchange(struct dmabuffs *instance, int opened, int *ret_fd);

/* Opens the name, exchanges it and closes it. */
int dmabuffs_import_buffer(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			   int access, int *ret_fd);

/* What a descriptor of a buffer is. */
enum dmabuffs_fd_kind {
	DMABUFFS_FD_NAME = 1,   /* an opened name; drivers do not take it */
	DMABUFFS_FD_BUFFER = 2, /* the memfd or dma-buf itself */
};

/*
 * An imported buffer in the address space of this process. Constant: any number of
 * threads may use it at once, except during dmabuffs_mapping_destroy(). It does not
 * depend on the instance. A child of fork(2) inherits the memory, shared, and the
 * descriptor; each process destroys its own copy.
 */
struct dmabuffs_mapping;

/*
 * Opens a name and maps the whole buffer, shared. @access is O_RDONLY or O_RDWR. Maps the
 * opened name itself, or the buffer's real descriptor where a name cannot be mapped (a
 * dma-buf, no passthrough). A user of a dma-buf brackets accesses with
 * DMA_BUF_IOCTL_SYNC on dmabuffs_mapping_fd().
 *
 * An access to a buffer that was revoked raises SIGBUS.
 *
 * Errors: those of dmabuffs_import(), dmabuffs_exchange() and mmap(2); -ENODATA: the
 * buffer is empty; -EACCES: @access is O_RDONLY, and the buffer is a dma-buf whose only
 * description can be written; -EOVERFLOW: it does not fit into the address space.
 */
int dmabuffs_import_map(struct dmabuffs *instance, const dmabuffs_uuid *uuid, int access,
			struct dmabuffs_mapping **ret_mapping);

/* Unmaps it and closes its descriptor; NULL is allowed. */
void dmabuffs_mapping_destroy(struct dmabuffs_mapping *mapping);

/* The first byte, the size, and the access it was mapped for. */
void *dmabuffs_mapping_address(const struct dmabuffs_mapping *mapping);
size_t dmabuffs_mapping_bytes(const struct dmabuffs_mapping *mapping);
int dmabuffs_mapping_access(const struct dmabuffs_mapping *mapping);

/*
 * The descriptor that was mapped; borrowed, valid until dmabuffs_mapping_destroy().
 * @ret_kind may be NULL.
 */
int dmabuffs_mapping_fd(const struct dmabuffs_mapping *mapping,
			enum dmabuffs_fd_kind *ret_kind);

/* ---- query, list, unlink, withdraw, revoke ----------------------------------------- */

/*
 * DMABUFFS_IOC_INFO of an opened name. @size is sizeof(*ret_info) as the caller compiled
 * it: no more is written, and what this library does not know becomes zero. The size in
 * *@ret_info is the number of bytes that are known.
 *
 * -ENOTTY: not an opened name. -EINVAL: @size is less than 4.
 */
int dmabuffs_query_fd(int opened, struct dmabuffs_info *ret_info, size_t size);

/* The same by name; needs read permission. It does not count as an importer. */
int dmabuffs_query(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
		   struct dmabuffs_info *ret_info, size_t size);

/*
 * What this user holds and may hold. @size is that of the caller's struct, which is
 * filled to no more than that. -EACCES: this user may not open .control; -ENOTTY: an
 * older service.
 */
int dmabuffs_limits(struct dmabuffs *instance, struct dmabuffs_limits *ret_limits,
		    size_t size);

/*
 * Calls @visit for each name of this user, for root each name of the mount. A negative
 * return of @visit stops the walk and is returned. Names that are added or removed
 * meanwhile may be missed.
 */
int dmabuffs_list(struct dmabuffs *instance,
		  int (*visit)(const dmabuffs_uuid *uuid, void *data), void *data);

/*
 * The same with what stat(2) and dmabuffs_query() say of each name, which costs a small
 * part of what calling these for each name does. @entry is valid during the call. If its
 * @error is not 0, dmabuffs_query() of the name fails with that (-EACCES: this user may
 * not read it). From a service without DMABUFFS_IOC_ENTRIES the library gets the same
 * name by name.
 */
int dmabuffs_list_entries(struct dmabuffs *instance,
			  int (*visit)(const struct dmabuffs_entry *entry, void *data),
			  void *data);

/*
 * Why a name ended that cannot be opened (-ENOENT, -ESTALE), for messages. -ENOENT: it is
 * not of this instance, exists, or ended long ago or before the service was started;
 * -EACCES: this user may not open .control; -ENOTTY: an older service.
 */
int dmabuffs_ended(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
		   enum dmabuffs_ended_cause *ret_cause);

/*
 * Removes a name that the caller owns, for root any: no new opens; importers keep the
 * buffer. Errors: those of DMABUFFS_IOC_WITHDRAW and unlink(2).
 */
int dmabuffs_unlink(struct dmabuffs *instance, const dmabuffs_uuid *uuid);

/*
 * The same for a name that was exported through @instance, by this process or one that
 * shares it by fork(2), and is not persistent. It needs no permission on the root
 * directory and works after a change of user. Errors: those of DMABUFFS_IOC_WITHDRAW;
 * -ENOTTY: the service is of a version without this command.
 */
int dmabuffs_withdraw(struct dmabuffs *instance, const dmabuffs_uuid *uuid);

/* Removes a name and frees its memory. Errors: those of DMABUFFS_IOC_REVOKE. */
int dmabuffs_revoke(struct dmabuffs *instance, const dmabuffs_uuid *uuid);

#ifdef __cplusplus
}
#endif

#endif
