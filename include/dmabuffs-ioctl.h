/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-ioctl.h - the ioctl interface of a dmabuffs mount
 *
 * A dmabuffs mount gives device buffers UUID names. Four commands exist:
 *
 *   DMABUFFS_IOC_EXPORT   on the open root directory   make a name for a buffer
 *   DMABUFFS_IOC_REVOKE   on the open root directory   end a name and its memory
 *   DMABUFFS_IOC_INFO     on an opened name            what is behind this file
 *   DMABUFFS_IOC_WITHDRAW on the open root directory   end a name that was made on it
 *
 * Import needs no command: open(2) of the name is the import, and the kernel's own
 * permission check decides it.
 *
 * Rules common to all commands
 *   - Every struct begins with its own size in bytes, as the caller compiled it. A
 *     service that knows a longer struct takes the missing tail as zero; a service that
 *     knows a shorter one refuses a tail that is not zero. The size must be at least that
 *     of the first version, at most what _IOC_SIZE() of the command carries.
 *   - Padding and reserved fields must be zero.
 *   - Outputs are written only on success.
 *   - The structs travel inline: FUSE copies them once and follows no pointer, so a
 *     caller cannot change one while it is being read.
 *
 * Errors (each command adds its own)
 *   ENOTTY      the command is unknown here, or is not one for this kind of file
 *   EINVAL      the struct is shorter than its first version, its size field does not fit
 *               the command, or a field is outside its range
 *   E2BIG       the struct is longer than this service knows and the tail is not zero
 *   EOPNOTSUPP  an unknown flag
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

#define DMABUFFS_UUID_SIZE   16 /* the raw, big-endian form of RFC 4122 */
#define DMABUFFS_TICKET_SIZE 16
#define DMABUFFS_LABEL_SIZE  64 /* with its terminating NUL */
#define DMABUFFS_COMM_SIZE                                                               \
	16 /* with its terminating NUL, as the kernel's TASK_COMM_LEN */

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
 * object attached to the open file description: what cuMemExportToShareableHandle() gives
 * is one of /dev/nvidiactl. The service knows nothing of what is attached, so
 *   - its size is 0. It counts as one export of its owner, and as no bytes;
 *   - the opened name is only for the exchange on the broker, and DMABUFFS_IOC_INFO:
 *     read(2) and write(2) fail with EOPNOTSUPP, a shared mmap(2) with ENODEV;
 *   - what the exchange gives is the exporter's open file description, as there is no
 *     other with the object: with its access mode and its file status flags, and only to
 *     who opened the name for as much (EACCES). What the driver permits who has it,
 *     reading or writing, is the driver's matter;
 *   - it cannot be taken back (EBUSY), and nobody knows whether an importer still has it;
 *   - accelerators do not take it (EBADFD);
 *   - two descriptors of a device node cannot be compared, so each export makes a new
 *     name, also of a descriptor that was exported before.
 */

/* ---- DMABUFFS_IOC_EXPORT ----------------------------------------------------------- */

/* The name outlives the root descriptor it was made on; unlink(2) ends it. */
#define DMABUFFS_EXPORT_PERSIST (1U << 0)
/* Nobody, the owner included, may open the name for writing. */
#define DMABUFFS_EXPORT_READONLY (1U << 1)
/* .mode holds the permission bits; without the flag they are 0600 and .mode is zero. */
#define DMABUFFS_EXPORT_MODE (1U << 2)
/* The buffer was put on the broker before and .ticket names it; .fd is -1. */
#define DMABUFFS_EXPORT_TICKET (1U << 3)
/* A name of its own, also for a buffer that has one on this description. */
#define DMABUFFS_EXPORT_ANOTHER (1U << 4)

/**
 * struct dmabuffs_export - argument of DMABUFFS_IOC_EXPORT
 * @size: in: sizeof(struct dmabuffs_export)
 * @flags: in: DMABUFFS_EXPORT_*
 * @fd: in: the buffer, a descriptor of the calling thread; -1 with a ticket
 * @mode: in: permission bits, 0 to 0777, with DMABUFFS_EXPORT_MODE; else 0
 * @ticket: in: from the broker, with DMABUFFS_EXPORT_TICKET; else all zero
 * @label: in: text for people, NUL terminated, printable ASCII; may be empty
 * @uuid: out: the name, raw bytes
 * @bytes: out: size of the buffer in bytes
 *
 * Owner and group of the name are the caller's fsuid and fsgid. The caller keeps its
 * descriptor and may close it: the export holds the buffer by itself.
 *
 * A memfd must be open for reading and writing, or be exported READONLY. Two properties
 * of a memfd are frozen by its export, since the kernel does not guard them for files
 * reached in another way: its seals (F_SEAL_SEAL is added, unless READONLY) and its own
 * permission bits (group and others lose read and write), so that a descriptor handed out
 * cannot be opened again for more than it allows through /proc/self/fd. A PERSISTent one
 * is sealed against growing, too (F_SEAL_GROW): its owner is charged for it when nobody
 * else has it any more. A caller who has
 * done this before is served faster: they may wait for who else uses the memfd.
 *
 * Exporting a buffer again on the same open root description answers the same UUID and
 * changes nothing. It must be asked with the same flags, mode and label. Not so a DEVICE.
 *
 * With ANOTHER the answer is always a new name, with flags, mode and label of its own,
 * charged as any other, and no export without the flag ever answers that one. Several
 * names of one buffer end each by itself; what is done to the buffer itself (freezing its
 * seals, revocation) is done to what is behind all of them.
 *
 * Errors: EBADF      @fd is not open in the caller, or is an O_PATH descriptor
 *         EBADFD     @fd is open, but neither a memfd nor a dma-buf, nor a character
 *                    device of a driver that the mount option drivers= lists
 *         EACCES     @fd is not open for reading; or not for writing, and the export
 *                    is not READONLY; or the memfd's mode forbids it to the service; or
 *                    the export is READONLY, and the device is open for writing, too
 *         EPERM      PERSIST, and the memfd can grow and not be sealed any more: create
 * it with MFD_ALLOW_SEALING EREMOTE    the caller cannot be named from the service's PID
 * namespace, or the service lacks the right to take @fd: use a ticket ENOENT     no such
 * ticket; a ticket serves once and dies with its connection EEXIST     exported on this
 * description before, by another user or with other flags, mode or label; never with
 * ANOTHER EDQUOT     a limit of the owner (exports, bytes) ENOSPC     a limit of the
 * mount (exports, bytes) EBUSY      too many calls for this user have not come back: its
 * refused descriptors do not close, or its memfds' inodes are kept locked EAGAIN somebody
 * holds a lease on the memfd (fcntl(2) F_SETLEASE) EMFILE, ENFILE, ENOMEM  the service is
 * out of descriptors or memory
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
 * Takes a buffer back from everyone: the name is removed and the memory is freed under
 * all its mappings, the exporter's own too; touching one then raises SIGBUS, descriptors
 * of it read as empty. Only the owner of the name and uid 0 may.
 *
 * Errors: ENOENT  no such name
 *         EPERM   not the owner; the name stays
 *         EBUSY   the buffer cannot be taken back: a dma-buf, a device, or sealed against
 *                 shrinking; or too many calls for its owner have not come back. The
 *                 name stays, unlink(2) still stops new opens
 */
struct dmabuffs_revoke {
	__u32 size;
	__u32 flags;
	__u8 uuid[DMABUFFS_UUID_SIZE];
};

/* ---- DMABUFFS_IOC_WITHDRAW --------------------------------------------------------- */

/**
 * struct dmabuffs_withdraw - argument of DMABUFFS_IOC_WITHDRAW
 * @size: in: sizeof(struct dmabuffs_withdraw)
 * @flags: in: 0
 * @uuid: in: the name, raw bytes
 *
 * Ends one name that was made on this very open root description, as closing the
 * description ends them all: nobody can open it any more, and who has the buffer keeps
 * it. Whoever has the description may, whatever user it has become and whatever the
 * root directory permits: it could be closed as well.
 *
 * Errors: ENOENT  no such name, or it has ended
 *         EPERM   it was not made on this description, or it is PERSISTent: unlink(2) it
 */
struct dmabuffs_withdraw {
	__u32 size;
	__u32 flags;
	__u8 uuid[DMABUFFS_UUID_SIZE];
};

/* ---- DMABUFFS_IOC_INFO ------------------------------------------------------------- */

#define DMABUFFS_INFO_PERSIST   (1U << 0) /* exported with DMABUFFS_EXPORT_PERSIST */
#define DMABUFFS_INFO_READONLY  (1U << 1) /* can never be opened for writing */
#define DMABUFFS_INFO_REVOCABLE (1U << 2) /* DMABUFFS_IOC_REVOKE would take it back */
#define DMABUFFS_INFO_REVOKED   (1U << 3) /* it has been taken back */
#define DMABUFFS_INFO_NAMED     (1U << 4) /* the name still exists */
#define DMABUFFS_INFO_PASSTHROUGH                                                        \
	(1U << 5) /* mmap(2) of the file is the buffer itself                            \
		   */

/**
 * struct dmabuffs_info - argument of DMABUFFS_IOC_INFO
 * @size: in: sizeof(struct dmabuffs_info)
 * @flags: in: 0, out: DMABUFFS_INFO_*
 * @kind: out: enum dmabuffs_kind
 * @seals: out: F_SEAL_* of a memfd, 0 for all others
 * @bytes: out: size in bytes now
 * @importers: out: open files of the name at present, this one included
 * @pid: out: process that exported, in the service's PID namespace; 0: not nameable
 * @ns: out: inode numbers of the exporter's namespaces, by enum dmabuffs_ns; 0: not known
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
