/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-ioctl.h - the ioctl interface of a dmabuffs mount
 *
 * A dmabuffs mount gives device buffers UUID names. These commands exist:
 *
 *   DMABUFFS_IOC_EXPORT   on a description   give a buffer a name
 *   DMABUFFS_IOC_REVOKE   on a description   remove a name and its memory
 *   DMABUFFS_IOC_WITHDRAW on a description   remove a name that was made on it
 *   DMABUFFS_IOC_LIST     on a description   list the caller's names
 *   DMABUFFS_IOC_ENTRIES  on a description   the same, and what each of them is
 *   DMABUFFS_IOC_ENDED    on a description   why a name ended
 *   DMABUFFS_IOC_LIMITS   on a description   what the caller's user holds and may hold
 *   DMABUFFS_IOC_UPGRADE  on a description   put the installed service in place of this
 *   DMABUFFS_IOC_INFO     on an opened name  describe the buffer
 *   DMABUFFS_IOC_TOKEN    on a handle        a token of the caller's ids, see below
 *   DMABUFFS_IOC_IDENTIFY on a description   present it
 *
 * A description is an open file description of `.control`, a file in the root directory
 * of the mount, or of the root directory itself. Names belong to the description that
 * they were made on, of either kind, and end with it. EXPORT, REVOKE and WITHDRAW on
 * `.control` need it open for writing (O_RDWR or O_WRONLY); a read-only mount refuses
 * that with EROFS. Read permission on the root directory, which the same commands on it
 * need, is the administrator's choice and off by default: see dmabuffsd(8).
 *
 * Import needs no command: open(2) of the name is the import, and the kernel's own
 * permission check decides it.
 *
 * Rules common to all commands
 *   - Every struct begins with its own size in bytes, as the caller compiled it. A
 *     service that knows a longer struct takes the missing tail as zero; a service that
 *     knows a shorter one rejects a tail that is not zero. The size is at least that of
 *     the first version and at most what _IOC_SIZE() of the command carries.
 *   - Padding and reserved fields must be zero.
 *   - Outputs are written only on success.
 *   - The structs travel inline: FUSE copies them once and follows no pointer, so a
 *     caller cannot change one while it is being read.
 *
 * Errors (each command adds its own)
 *   ENOTTY      the command is unknown, or does not apply to this kind of file
 *   EBADF       a command that changes something, and .control is not open for writing
 *   EINVAL      the struct is shorter than its first version, its size field does not fit
 *               the command, or a field is outside its range
 *   E2BIG       the struct is longer than the service knows and the tail is not zero
 *   EOPNOTSUPP  an unknown flag
 *   EOVERFLOW   a command that depends on the caller's user, on a mount with the option
 *               idmap, and the caller has not presented a token: DMABUFFS_IOC_IDENTIFY
 */
#ifndef DMABUFFS_IOCTL_H
#define DMABUFFS_IOCTL_H

#include <stddef.h>

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMABUFFS_IOC_TYPE 0xDE

/* In the root directory. Never a UUID, so it cannot clash with a name. */
#define DMABUFFS_CONTROL_NAME ".control"

/* A directory in it, of mounts with the option idmap only. */
#define DMABUFFS_IDMAP_NAME ".idmap"

#define DMABUFFS_UUID_SIZE   16 /* the raw, big-endian form of RFC 4122 */
#define DMABUFFS_TICKET_SIZE 16
#define DMABUFFS_TOKEN_SIZE  16
#define DMABUFFS_LABEL_SIZE  64 /* with its terminating NUL */
#define DMABUFFS_COMM_SIZE   16 /* with its terminating NUL: the kernel's TASK_COMM_LEN */

/* The namespaces of an exporter, in the order of the arrays below. */
enum dmabuffs_ns {
	DMABUFFS_NS_USER,
	DMABUFFS_NS_PID,
	DMABUFFS_NS_MNT,
	DMABUFFS_NS_IPC,
	DMABUFFS_NS_NET,
	DMABUFFS_NS_CGROUP,
	DMABUFFS_NS_COUNT
};

/* What kind of descriptor backs a name. */
enum dmabuffs_kind {
	DMABUFFS_KIND_MEMFD = 1,  /* memfd_create(2) on shmem, not MFD_HUGETLB */
	DMABUFFS_KIND_DMABUF = 2, /* any driver's dma-buf */
	DMABUFFS_KIND_ASID = 3,   /* an address space of an accelerator, see
				     dmabuffs-accel-ioctl.h: no memory, nothing to map */
	DMABUFFS_KIND_DEVICE = 4, /* an open character device of a driver that the mount
				     option drivers= lists: opaque, see below */
};

/*
 * A DEVICE is for drivers whose buffers are descriptors of their device node, with the
 * object attached to the open file description: cuMemExportToShareableHandle() returns
 * one of /dev/nvidiactl. The service knows nothing of what is attached, so
 *   - its size is 0. It counts as one export of its owner, and as no bytes;
 *   - the opened name serves the exchange on the broker and DMABUFFS_IOC_INFO only:
 *     read(2) and write(2) fail with EOPNOTSUPP, a shared mmap(2) with ENODEV;
 *   - the exchange returns the exporter's open file description, the only one with the
 *     object, with its access mode and file status flags. The name must have been opened
 *     for at least that access (EACCES). What the driver permits with the descriptor is
 *     up to the driver;
 *   - it cannot be revoked (EBUSY), and its importers cannot be counted;
 *   - accelerators do not take it (EBADFD);
 *   - two descriptors of a device node cannot be compared, so each export makes a new
 *     name, even of a descriptor that was exported before.
 */

/* ---- DMABUFFS_IOC_EXPORT ----------------------------------------------------------- */

/* The name outlives the description it was made on; WITHDRAW with OWN removes it. */
#define DMABUFFS_EXPORT_PERSIST (1U << 0)
/* The name cannot be opened for writing, not even by its owner. */
#define DMABUFFS_EXPORT_READONLY (1U << 1)
/* .mode holds the permission bits; without the flag it is zero and they are 0600. */
#define DMABUFFS_EXPORT_MODE (1U << 2)
/* The buffer was deposited at the broker, .ticket refers to it, and .fd is -1. */
#define DMABUFFS_EXPORT_TICKET (1U << 3)
/* A new name, even for a buffer that has one on this description. */
#define DMABUFFS_EXPORT_ANOTHER (1U << 4)

/**
 * struct dmabuffs_export - argument of DMABUFFS_IOC_EXPORT
 * @size: in: sizeof(struct dmabuffs_export)
 * @flags: in: DMABUFFS_EXPORT_*
 * @fd: in: the buffer, a descriptor of the calling thread; -1 with a ticket
 * @mode: in: permission bits, 0 to 0777, with DMABUFFS_EXPORT_MODE; else 0
 * @ticket: in: from the broker, with DMABUFFS_EXPORT_TICKET; else all zero
 * @label: in: a description, NUL terminated, printable ASCII; may be empty
 * @uuid: out: the name, raw bytes
 * @bytes: out: size of the buffer in bytes
 *
 * Owner and group of the name are the caller's fsuid and fsgid. The caller keeps its
 * descriptor and may close it: the export holds a reference to the buffer.
 *
 * A memfd must be open for reading and writing, or be exported READONLY. The export
 * freezes two properties of a memfd, which the kernel does not protect once other
 * processes have it: its seals (F_SEAL_SEAL is added, unless READONLY) and its own
 * permission bits (group and others lose read and write, so that a descriptor that was
 * handed out cannot be reopened with more access through /proc/self/fd). A PERSISTent
 * memfd is sealed against growing, too (F_SEAL_GROW), since its owner stays charged for
 * it after the last other reference is gone. An export is faster if the caller has done
 * this before: the service may have to wait for other users of the memfd.
 *
 * Exporting a buffer again on the same description returns the same UUID if
 * flags, mode and label match, and changes nothing. A DEVICE gets a new name each time.
 *
 * With ANOTHER the export makes a new name in any case, with flags, mode and label of its
 * own and charged as any other; an export without the flag never returns it. Each name of
 * a buffer is removed by itself. What is done to the buffer (freezing its seals,
 * revocation) affects all names of it.
 *
 * Errors
 *   EBADF      @fd is not open in the caller, or is an O_PATH descriptor
 *   EBADFD     @fd is open, but neither a memfd nor a dma-buf, nor a character device of
 *              a driver that the mount option drivers= lists
 *   EACCES     @fd is not open for reading; or not for writing, and the export is not
 *              READONLY; or the memfd's mode denies the service access; or the export is
 *              READONLY, and the device is open for writing, too
 *   EPERM      PERSIST, and the memfd can grow and cannot be sealed any more: create it
 *              with MFD_ALLOW_SEALING
 *   EREMOTE    the service cannot see the caller in its PID namespace, or lacks the right
 *              to take @fd: use a ticket
 *   ENOENT     no such ticket; it is valid for one export, while its connection lasts
 *   EEXIST     exported on this description before, by another user or with other flags,
 *              mode or label; never with ANOTHER
 *   EDQUOT     a limit of the owner (exports, bytes)
 *   ENOSPC     a limit of the mount (exports, bytes)
 *   EBUSY      too many system calls for this user are stuck: closing its rejected
 *              descriptors, or locking the inodes of its memfds
 *   EAGAIN     a lease is held on the memfd (fcntl(2) F_SETLEASE)
 *   EMFILE, ENFILE, ENOMEM  the service is out of descriptors or memory
 */
struct dmabuffs_export {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 mode;
	__u8 ticket[DMABUFFS_TICKET_SIZE];
	__u8 label[DMABUFFS_LABEL_SIZE];
	__u8 uuid[DMABUFFS_UUID_SIZE];
	__u64 bytes;
};

/* ---- DMABUFFS_IOC_REVOKE ----------------------------------------------------------- */

/**
 * struct dmabuffs_revoke - argument of DMABUFFS_IOC_REVOKE
 * @size: in: sizeof(struct dmabuffs_revoke)
 * @flags: in: 0
 * @uuid: in: the name, raw bytes
 *
 * Removes the name and frees the memory under all mappings of it, the exporter's own
 * included: an access then raises SIGBUS, and descriptors of it read as empty. Permitted
 * to the owner of the name and to uid 0.
 *
 * Errors
 *   ENOENT  no such name
 *   EPERM   the caller is not the owner; the name stays
 *   EBUSY   the memory cannot be freed: a dma-buf, a device, or a memfd sealed against
 *           shrinking; or too many system calls for its owner are stuck. The name stays;
 *           DMABUFFS_IOC_WITHDRAW still stops new opens
 */
struct dmabuffs_revoke {
	__u32 size;
	__u32 flags;
	__u8 uuid[DMABUFFS_UUID_SIZE];
};

/* ---- DMABUFFS_IOC_WITHDRAW --------------------------------------------------------- */

/* A name that the caller owns, whichever description it was made on: as unlink(2). */
#define DMABUFFS_WITHDRAW_OWN (1U << 0)

/**
 * struct dmabuffs_withdraw - argument of DMABUFFS_IOC_WITHDRAW
 * @size: in: sizeof(struct dmabuffs_withdraw)
 * @flags: in: DMABUFFS_WITHDRAW_OWN
 * @uuid: in: the name, raw bytes
 *
 * Removes one name that was made on this description, as closing the description removes
 * them all: it cannot be opened any more, and importers keep the buffer. Possession of
 * the description is enough, whatever the caller's user is by now and whatever the root
 * directory permits: it could be closed as well.
 *
 * With OWN it removes any name whose owner is the caller's fsuid, a PERSISTent one, too;
 * for uid 0 each name of the mount. It needs no permission on the root directory, whose
 * default mode permits unlink(2) to root only, and not the directory's lock, with which
 * unlink(2) waits for the name's inode while look-ups wait for it.
 *
 * Errors
 *   ENOENT  no such name, or it was removed
 *   EPERM   it was not made on this description, or is PERSISTent: use OWN; with OWN: the
 *           caller is not the owner
 */
struct dmabuffs_withdraw {
	__u32 size;
	__u32 flags;
	__u8 uuid[DMABUFFS_UUID_SIZE];
};

/* ---- DMABUFFS_IOC_LIST ------------------------------------------------------------- */

#define DMABUFFS_LIST_MAX 254 /* names in one struct */

/**
 * struct dmabuffs_list - argument of DMABUFFS_IOC_LIST
 * @size: in: sizeof(struct dmabuffs_list)
 * @flags: in: 0
 * @cursor: in: 0 for the first page, then what the page before returned; out: the next
 * @count: out: names in @uuids, which can be 0 while @more is set
 * @more: out: 1: call again with the same struct; 0: this was the last page
 * @reserved: 0
 * @uuids: out: the names, raw bytes
 *
 * Lists the names that the caller owns, by its fsuid; uid 0 gets all names of the mount.
 * readdir(3) of the root directory shows the same to uid 0, and nothing to anybody else.
 * The names come in the order in which they were made. One that is made or ends between
 * two pages may or may not be listed; all others are listed once.
 */
struct dmabuffs_list {
	__u32 size;
	__u32 flags;
	__u64 cursor;
	__u32 count;
	__u32 more;
	__u32 reserved[2];
	__u8 uuids[DMABUFFS_LIST_MAX][DMABUFFS_UUID_SIZE];
};

/* ---- DMABUFFS_IOC_ENTRIES ---------------------------------------------------------- */

/**
 * struct dmabuffs_entry - a name, as stat(2) and DMABUFFS_IOC_INFO describe it
 * @uuid: the name, raw bytes
 * @bytes: st_size, in bytes
 * @atime, @mtime, @ctime: seconds since the epoch
 * @atime_ns, @mtime_ns, @ctime_ns: the rest, in nanoseconds
 * @mode: st_mode, the file type included
 * @uid, @gid: owner and group
 * @error: 0; or an error number, and what is below is 0. EACCES: open the name for
 *         DMABUFFS_IOC_INFO, where the kernel checks the permission. Any other is what
 *         open(2) of the name for reading would fail with, or stat(2): then @bytes is 0
 * @flags: DMABUFFS_INFO_*
 * @kind: enum dmabuffs_kind
 * @seals: F_SEAL_* of a memfd, 0 for all others
 * @importers: open files of the name, as of struct dmabuffs_info
 * @pid, @ns, @comm, @label: as of struct dmabuffs_info
 * @reserved: 0
 */
struct dmabuffs_entry {
	__u8 uuid[DMABUFFS_UUID_SIZE];
	__u64 bytes;
	__s64 atime;
	__s64 mtime;
	__s64 ctime;
	__u32 atime_ns;
	__u32 mtime_ns;
	__u32 ctime_ns;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 error;
	__u32 flags;
	__u32 kind;
	__u32 seals;
	__u32 importers;
	__s32 pid;
	__u64 ns[DMABUFFS_NS_COUNT];
	__u8 comm[DMABUFFS_COMM_SIZE];
	__u8 label[DMABUFFS_LABEL_SIZE];
	__u64 reserved[2];
};

#define DMABUFFS_ENTRIES_MAX 68 /* entries in one struct */

/**
 * struct dmabuffs_entries - argument of DMABUFFS_IOC_ENTRIES
 * @size: in: sizeof(struct dmabuffs_entries)
 * @flags: in: 0
 * @cursor, @count, @more: as of struct dmabuffs_list
 * @reserved: 0
 * @entries: out: @count of them; the rest is undefined
 *
 * Lists the same names as DMABUFFS_IOC_LIST, in the same order, with what stat(2) and
 * DMABUFFS_IOC_INFO say of each, which takes an open file and several system calls by
 * name. An entry holds no more than those would give the caller: where the service is not
 * certain that the kernel permits it, @error says to ask the kernel.
 *
 * Errors
 *   EACCES  not everybody may search the root directory, and the caller has not the
 *           capability; the caller is not in the service's user namespace, or the
 *           mount has the option idmap, so that stat(2) shows other ids: use
 * DMABUFFS_IOC_LIST and stat(2)
 */
struct dmabuffs_entries {
	__u32 size;
	__u32 flags;
	__u64 cursor;
	__u32 count;
	__u32 more;
	__u32 reserved[2];
	struct dmabuffs_entry entries[DMABUFFS_ENTRIES_MAX];
};

/* ---- DMABUFFS_IOC_ENDED ------------------------------------------------------------ */

enum dmabuffs_ended_cause {
	DMABUFFS_ENDED_WITHDRAWN =
		1,                 /* its exporter removed it, as when it frees memory */
	DMABUFFS_ENDED_CLOSED = 2, /* its description was closed: its exporter exited */
	DMABUFFS_ENDED_REVOKED = 3,
	DMABUFFS_ENDED_UNLINKED = 4,
	DMABUFFS_ENDED_LOST = 5, /* the service was killed, and could not keep it */
};

/**
 * struct dmabuffs_ended - argument of DMABUFFS_IOC_ENDED
 * @size: in: sizeof(struct dmabuffs_ended)
 * @flags: in: 0
 * @uuid: in: a name that cannot be opened (ENOENT, ESTALE), raw bytes
 * @cause: in: 0; out: enum dmabuffs_ended_cause
 * @reserved: in: 0
 *
 * For messages: the service remembers the last names only, thousands of them, and none of
 * before it was started.
 *
 * Errors
 *   ENOENT  no name of this mount, one that exists, or one that ended long ago
 */
struct dmabuffs_ended {
	__u32 size;
	__u32 flags;
	__u8 uuid[DMABUFFS_UUID_SIZE];
	__u32 cause;
	__u32 reserved;
};

/* ---- DMABUFFS_IOC_LIMITS ----------------------------------------------------------- */

enum dmabuffs_limit {
	DMABUFFS_LIMIT_EXPORTS = 0,     /* names; dmabuffsd(8), max-exports-per-uid */
	DMABUFFS_LIMIT_BYTES = 1,       /* of their buffers; max-bytes-per-uid */
	DMABUFFS_LIMIT_ROOTS = 2,       /* descriptions; max-roots-per-uid */
	DMABUFFS_LIMIT_CONNECTIONS = 3, /* to the broker; max-connections-per-uid */
	DMABUFFS_LIMIT_COUNT = 4,
};

struct dmabuffs_limit_use {
	__u64 used;
	__u64 max;
};

/**
 * struct dmabuffs_limits - argument of DMABUFFS_IOC_LIMITS
 * @size: in: sizeof(struct dmabuffs_limits)
 * @flags: in: 0
 * @user: out: by enum dmabuffs_limit, of the caller's fsuid
 *
 * A user may be refused below its own limits: by those of the mount, which statfs(2)
 * shows, and of the owner of its user namespace.
 */
struct dmabuffs_limits {
	__u32 size;
	__u32 flags;
	struct dmabuffs_limit_use user[DMABUFFS_LIMIT_COUNT];
};

/* ---- DMABUFFS_IOC_UPGRADE ---------------------------------------------------------- */

/**
 * struct dmabuffs_upgrade - argument of DMABUFFS_IOC_UPGRADE
 * @size: in: sizeof(struct dmabuffs_upgrade)
 * @flags: in: 0
 *
 * For root and the owner of the root directory. Starts the program that is installed
 * where the running one was started from. Once it has checked that it can continue, the
 * running service is killed, and its successor returns 0. Otherwise nothing has changed.
 *
 * -EPERM: the caller is neither; -EOPNOTSUPP: the service has no holder; -EBUSY: another
 * upgrade is under way; -ENOENT: nothing is installed there; -ENOEXEC: it does not start;
 * -EPROTO: it negotiates something else, or stores it in another way; -EBADMSG: what is
 * stored is damaged; -ETIMEDOUT: it did not get ready; -ESHUTDOWN: the instance is
 * ending; -EINTR: the service was killed meanwhile, and not upgraded.
 */
struct dmabuffs_upgrade {
	__u32 size;
	__u32 flags;
};

/* ---- DMABUFFS_IOC_TOKEN, DMABUFFS_IOC_IDENTIFY --------------------------------------
 */

/**
 * struct dmabuffs_token - argument of DMABUFFS_IOC_TOKEN and DMABUFFS_IOC_IDENTIFY
 * @size: in: sizeof(struct dmabuffs_token)
 * @flags: in: 0
 * @token: TOKEN: out; IDENTIFY: in
 *
 * For mounts with the option idmap, which can be bind mounted with other ids. The kernel
 * tells the service the ids of a caller, as its mount maps them, only with an inode that
 * it creates. So EXPORT, REVOKE, WITHDRAW with OWN, LIST, ENTRIES, LIMITS and the export
 * of an address space fail with EOVERFLOW, until the caller has done this once on its
 * description or context:
 *
 *	handle = open("MOUNT/.idmap", O_TMPFILE | O_WRONLY, 0);
 *	ioctl(handle, DMABUFFS_IOC_TOKEN, &token);
 *	ioctl(description, DMABUFFS_IOC_IDENTIFY, &token);
 *	close(handle);
 *
 * From then on processes with the fsuid and fsgid of the caller act on the description
 * with the ids of the token; all others get EOVERFLOW, and present a token of their own.
 * The last one presented counts. A token is random and good once. TOKEN ends the one
 * before of its handle, and close(2) of the handle ends it as well. The handle has no
 * other use; it counts as a description (max-roots-per-uid).
 *
 * open(2) of the handle fails with EOVERFLOW for a user whom the mount maps to nobody,
 * and for a process that is in no PID namespace below the service's, with EACCES if the
 * mount does not map the owner and group of the root directory.
 *
 * Errors of IDENTIFY
 *   ENOENT  no such token
 *   EPERM   a token of a process with another fsuid or fsgid; it stays
 *   EBADF   .control is not open for writing
 */
struct dmabuffs_token {
	__u32 size;
	__u32 flags;
	__u8 token[DMABUFFS_TOKEN_SIZE];
};

/* ---- DMABUFFS_IOC_INFO ------------------------------------------------------------- */

#define DMABUFFS_INFO_PERSIST     (1U << 0) /* exported with DMABUFFS_EXPORT_PERSIST */
#define DMABUFFS_INFO_READONLY    (1U << 1) /* can never be opened for writing */
#define DMABUFFS_INFO_REVOCABLE   (1U << 2) /* DMABUFFS_IOC_REVOKE would free it */
#define DMABUFFS_INFO_REVOKED     (1U << 3) /* it was revoked */
#define DMABUFFS_INFO_NAMED       (1U << 4) /* the name still exists */
#define DMABUFFS_INFO_PASSTHROUGH (1U << 5) /* mmap(2) of the file maps the buffer */

/**
 * struct dmabuffs_info - argument of DMABUFFS_IOC_INFO
 * @size: in: sizeof(struct dmabuffs_info)
 * @flags: in: 0, out: DMABUFFS_INFO_*
 * @kind: out: enum dmabuffs_kind
 * @seals: out: F_SEAL_* of a memfd, 0 for all others
 * @bytes: out: size in bytes now
 * @importers: out: open files of the name at present, this one included
 * @pid: out: process that exported, in the service's PID namespace; 0: not visible there
 * @ns: out: inode numbers of the exporter's namespaces, by enum dmabuffs_ns; 0: unknown
 * @uuid: out: the name, raw bytes
 * @comm: out: command name of the exporting thread, NUL terminated
 * @label: out: label given at export, NUL terminated
 */
struct dmabuffs_info {
	__u32 size;
	__u32 flags;
	__u32 kind;
	__u32 seals;
	__u64 bytes;
	__u32 importers;
	__s32 pid;
	__u64 ns[DMABUFFS_NS_COUNT];
	__u8 uuid[DMABUFFS_UUID_SIZE];
	__u8 comm[DMABUFFS_COMM_SIZE];
	__u8 label[DMABUFFS_LABEL_SIZE];
};

#define DMABUFFS_IOC_EXPORT   _IOWR(DMABUFFS_IOC_TYPE, 0x00, struct dmabuffs_export)
#define DMABUFFS_IOC_REVOKE   _IOWR(DMABUFFS_IOC_TYPE, 0x01, struct dmabuffs_revoke)
#define DMABUFFS_IOC_INFO     _IOWR(DMABUFFS_IOC_TYPE, 0x02, struct dmabuffs_info)
#define DMABUFFS_IOC_WITHDRAW _IOWR(DMABUFFS_IOC_TYPE, 0x03, struct dmabuffs_withdraw)
#define DMABUFFS_IOC_LIST     _IOWR(DMABUFFS_IOC_TYPE, 0x04, struct dmabuffs_list)
#define DMABUFFS_IOC_ENDED    _IOWR(DMABUFFS_IOC_TYPE, 0x05, struct dmabuffs_ended)
#define DMABUFFS_IOC_LIMITS   _IOWR(DMABUFFS_IOC_TYPE, 0x06, struct dmabuffs_limits)
#define DMABUFFS_IOC_ENTRIES  _IOWR(DMABUFFS_IOC_TYPE, 0x07, struct dmabuffs_entries)
#define DMABUFFS_IOC_TOKEN    _IOWR(DMABUFFS_IOC_TYPE, 0x08, struct dmabuffs_token)
#define DMABUFFS_IOC_IDENTIFY _IOWR(DMABUFFS_IOC_TYPE, 0x09, struct dmabuffs_token)
#define DMABUFFS_IOC_UPGRADE  _IOWR(DMABUFFS_IOC_TYPE, 0x0a, struct dmabuffs_upgrade)

/* The layout is an ABI: no padding, the same on every architecture. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define DMABUFFS_ASSERT_AT(type, field, offset)                                          \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define DMABUFFS_ASSERT_SIZE(type, size)                                                 \
	_Static_assert(sizeof(struct type) == (size), #type)

DMABUFFS_ASSERT_SIZE(dmabuffs_export, 120);
DMABUFFS_ASSERT_AT(dmabuffs_export, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_export, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_export, fd, 8);
DMABUFFS_ASSERT_AT(dmabuffs_export, mode, 12);
DMABUFFS_ASSERT_AT(dmabuffs_export, ticket, 16);
DMABUFFS_ASSERT_AT(dmabuffs_export, label, 32);
DMABUFFS_ASSERT_AT(dmabuffs_export, uuid, 96);
DMABUFFS_ASSERT_AT(dmabuffs_export, bytes, 112);

DMABUFFS_ASSERT_SIZE(dmabuffs_revoke, 24);
DMABUFFS_ASSERT_AT(dmabuffs_revoke, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_revoke, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_revoke, uuid, 8);

DMABUFFS_ASSERT_SIZE(dmabuffs_withdraw, 24);
DMABUFFS_ASSERT_AT(dmabuffs_withdraw, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_withdraw, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_withdraw, uuid, 8);

DMABUFFS_ASSERT_SIZE(dmabuffs_token, 24);
DMABUFFS_ASSERT_AT(dmabuffs_token, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_token, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_token, token, 8);

DMABUFFS_ASSERT_SIZE(dmabuffs_ended, 32);
DMABUFFS_ASSERT_AT(dmabuffs_ended, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_ended, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_ended, uuid, 8);
DMABUFFS_ASSERT_AT(dmabuffs_ended, cause, 24);
DMABUFFS_ASSERT_AT(dmabuffs_ended, reserved, 28);

DMABUFFS_ASSERT_SIZE(dmabuffs_limit_use, 16);
DMABUFFS_ASSERT_AT(dmabuffs_limit_use, used, 0);
DMABUFFS_ASSERT_AT(dmabuffs_limit_use, max, 8);
DMABUFFS_ASSERT_SIZE(dmabuffs_limits, 72);
DMABUFFS_ASSERT_AT(dmabuffs_limits, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_limits, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_limits, user, 8);

DMABUFFS_ASSERT_SIZE(dmabuffs_list, 4096);
DMABUFFS_ASSERT_AT(dmabuffs_list, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_list, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_list, cursor, 8);
DMABUFFS_ASSERT_AT(dmabuffs_list, count, 16);
DMABUFFS_ASSERT_AT(dmabuffs_list, more, 20);
DMABUFFS_ASSERT_AT(dmabuffs_list, reserved, 24);
DMABUFFS_ASSERT_AT(dmabuffs_list, uuids, 32);

DMABUFFS_ASSERT_SIZE(dmabuffs_entry, 240);
DMABUFFS_ASSERT_AT(dmabuffs_entry, uuid, 0);
DMABUFFS_ASSERT_AT(dmabuffs_entry, bytes, 16);
DMABUFFS_ASSERT_AT(dmabuffs_entry, atime, 24);
DMABUFFS_ASSERT_AT(dmabuffs_entry, mtime, 32);
DMABUFFS_ASSERT_AT(dmabuffs_entry, ctime, 40);
DMABUFFS_ASSERT_AT(dmabuffs_entry, atime_ns, 48);
DMABUFFS_ASSERT_AT(dmabuffs_entry, mtime_ns, 52);
DMABUFFS_ASSERT_AT(dmabuffs_entry, ctime_ns, 56);
DMABUFFS_ASSERT_AT(dmabuffs_entry, mode, 60);
DMABUFFS_ASSERT_AT(dmabuffs_entry, uid, 64);
DMABUFFS_ASSERT_AT(dmabuffs_entry, gid, 68);
DMABUFFS_ASSERT_AT(dmabuffs_entry, error, 72);
DMABUFFS_ASSERT_AT(dmabuffs_entry, flags, 76);
DMABUFFS_ASSERT_AT(dmabuffs_entry, kind, 80);
DMABUFFS_ASSERT_AT(dmabuffs_entry, seals, 84);
DMABUFFS_ASSERT_AT(dmabuffs_entry, importers, 88);
DMABUFFS_ASSERT_AT(dmabuffs_entry, pid, 92);
DMABUFFS_ASSERT_AT(dmabuffs_entry, ns, 96);
DMABUFFS_ASSERT_AT(dmabuffs_entry, comm, 144);
DMABUFFS_ASSERT_AT(dmabuffs_entry, label, 160);
DMABUFFS_ASSERT_AT(dmabuffs_entry, reserved, 224);

DMABUFFS_ASSERT_SIZE(dmabuffs_entries, 16352);
DMABUFFS_ASSERT_AT(dmabuffs_entries, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_entries, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_entries, cursor, 8);
DMABUFFS_ASSERT_AT(dmabuffs_entries, count, 16);
DMABUFFS_ASSERT_AT(dmabuffs_entries, more, 20);
DMABUFFS_ASSERT_AT(dmabuffs_entries, reserved, 24);
DMABUFFS_ASSERT_AT(dmabuffs_entries, entries, 32);

DMABUFFS_ASSERT_SIZE(dmabuffs_info, 176);
DMABUFFS_ASSERT_AT(dmabuffs_info, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_info, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_info, kind, 8);
DMABUFFS_ASSERT_AT(dmabuffs_info, seals, 12);
DMABUFFS_ASSERT_AT(dmabuffs_info, bytes, 16);
DMABUFFS_ASSERT_AT(dmabuffs_info, importers, 24);
DMABUFFS_ASSERT_AT(dmabuffs_info, pid, 28);
DMABUFFS_ASSERT_AT(dmabuffs_info, ns, 32);
DMABUFFS_ASSERT_AT(dmabuffs_info, uuid, 80);
DMABUFFS_ASSERT_AT(dmabuffs_info, comm, 96);
DMABUFFS_ASSERT_AT(dmabuffs_info, label, 112);
#endif

#ifdef __cplusplus
}
#endif

#endif
