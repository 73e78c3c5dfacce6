/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-accel-ioctl.h - the ioctl interface of a mount's accelerator devices
 *
 * The directory `.accel` has a file for each device. Opening one (O_RDWR, else -EACCES)
 * creates a context: the open file is the security domain. Every holder of it, by
 * open(2), fork(2), SCM_RIGHTS or otherwise, has all of its rights; the last close
 * destroys it and all its objects. The structs and their rules are in accel-abi.h; sizes
 * are checked as dmabuffs-ioctl.h says, with the same errors (ENOTTY, EINVAL, E2BIG,
 * EOPNOTSUPP).
 *
 * open(2): EBUSY, EAGAIN of an exclusive device (see accel_context_create()); EDQUOT,
 * ENOSPC: too many contexts.
 * read(2) of a context returns whole struct accel_event. EAGAIN: there is none (it never
 * waits). EINVAL: the buffer is too short for one. poll(2): POLLIN when there is one.
 *
 * A descriptor argument (fd and the like) is one of the calling thread; or, with
 * DMABUFFS_ACCEL_TICKET in flags, it is -1 and a ticket of the broker takes its place.
 * EBADF: not open. EBADFD: not of the required kind. EREMOTE: the service cannot take it
 * from the caller (use a ticket). ENOENT: no such ticket. EBUSY: too many calls of this
 * user are still blocked.
 *
 * FUSE cannot pass descriptors: to map a buffer or a queue, DMABUFFS_ACCEL_IOC_OPEN
 * returns a ticket, and DMABUFFS_BROKER_FETCH the descriptor for it.
 */
#ifndef DMABUFFS_ACCEL_IOCTL_H
#define DMABUFFS_ACCEL_IOCTL_H

#include <accel-abi.h>
#include <dmabuffs-ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMABUFFS_ACCEL_DIR ".accel"

#define DMABUFFS_ACCEL_TICKET (1U << 16)

/**
 * struct dmabuffs_accel_import - import an object into this context
 * @size: in
 * @flags: in: DMABUFFS_ACCEL_TICKET
 * @fd: in
 * @id: out
 * @ticket: in
 *
 * BUFFER_IMPORT: a memfd, a dma-buf, or an opened name of one in this mount; the device
 * gets the access that the descriptor has. Errors: those of accel_buffer_import(), and
 * EACCES, ESTALE, EAGAIN as of DMABUFFS_BROKER_EXCHANGE.
 * ASID_IMPORT: an opened name of an ASID of the same device (else EXDEV), opened O_RDWR
 * (else EACCES). EEXIST: this context has it.
 */
struct dmabuffs_accel_import {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 id;
	__u8 ticket[DMABUFFS_TICKET_SIZE];
};

/**
 * struct dmabuffs_accel_sva - bind the address space of a process
 * @size: in
 * @flags: in: ACCEL_ASID_VISIBLE, DMABUFFS_ACCEL_TICKET
 * @mem: in: /proc/self/mem, opened O_RDWR; or that of another process which the caller
 *	 may trace, see dmabuffs-accel(7)
 * @maps: in: /proc/self/maps, likewise O_RDONLY
 * @set: in: id of the set that it shall belong to, or 0
 * @id: out
 * @mem_ticket: in
 * @maps_ticket: in
 *
 * Errors: those of accel_asid_create_sva().
 */
struct dmabuffs_accel_sva {
	__u32 size;
	__u32 flags;
	__s32 mem;
	__s32 maps;
	__u32 set;
	__u32 id;
	__u8 mem_ticket[DMABUFFS_TICKET_SIZE];
	__u8 maps_ticket[DMABUFFS_TICKET_SIZE];
};

/**
 * struct dmabuffs_accel_open - a ticket for a descriptor of a buffer or queue
 * @size: in
 * @flags: in: 0
 * @id: in: of a buffer or a queue
 * @access: in: O_RDONLY or O_RDWR; for a queue O_RDWR
 * @ticket: out: for DMABUFFS_BROKER_FETCH, once
 *
 * The descriptor and the errors are those of accel_buffer_open() and
 * accel_queue_open_ring(). EDQUOT: the context has 16 tickets that were not fetched, or
 * its user has too many. A ticket of the context that is older than a second is dropped
 * for a new one.
 */
struct dmabuffs_accel_open {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 access;
	__u8 ticket[DMABUFFS_TICKET_SIZE];
};

/**
 * struct dmabuffs_accel_export - give an ASID a UUID name in the root directory
 * @size: in
 * @flags: in: DMABUFFS_EXPORT_MODE
 * @asid: in
 * @mode: in: permission bits with DMABUFFS_EXPORT_MODE, else 0, which means 0600
 * @label: in: text for people, as of DMABUFFS_IOC_EXPORT
 * @uuid: out
 *
 * The name is removed with the context or by DMABUFFS_IOC_WITHDRAW; contexts that
 * imported the ASID keep it. It counts as an export of 0 bytes. A second export in this
 * context returns the same name if mode and label match, else EEXIST. EOPNOTSUPP: the
 * device is exclusive.
 */
struct dmabuffs_accel_export {
	__u32 size;
	__u32 flags;
	__u32 asid;
	__u32 mode;
	__u8 label[DMABUFFS_LABEL_SIZE];
	__u8 uuid[DMABUFFS_UUID_SIZE];
};

#define DMABUFFS_ACCEL_IO(nr, type) _IOWR(DMABUFFS_IOC_TYPE, nr, struct type)

/* In flags of DEVICE_INFO, in: the device after @name, the first one if @name is "". */
#define DMABUFFS_ACCEL_NEXT (1U << 17)

/*
 * Of the directory: the device called @name, or with DMABUFFS_ACCEL_NEXT the one after
 * it; ENOENT: there is none. Of a context: its own device.
 */
#define DMABUFFS_ACCEL_IOC_DEVICE_INFO DMABUFFS_ACCEL_IO(0x20, accel_device_info)

#define DMABUFFS_ACCEL_IOC_BUFFER_ALLOC  DMABUFFS_ACCEL_IO(0x21, accel_buffer_alloc)
#define DMABUFFS_ACCEL_IOC_BUFFER_IMPORT DMABUFFS_ACCEL_IO(0x22, dmabuffs_accel_import)
#define DMABUFFS_ACCEL_IOC_BUFFER_FREE   DMABUFFS_ACCEL_IO(0x23, accel_object)
#define DMABUFFS_ACCEL_IOC_BUFFER_REVOKE DMABUFFS_ACCEL_IO(0x24, accel_object)
#define DMABUFFS_ACCEL_IOC_BUFFER_INFO   DMABUFFS_ACCEL_IO(0x25, accel_buffer_info)
#define DMABUFFS_ACCEL_IOC_OPEN          DMABUFFS_ACCEL_IO(0x26, dmabuffs_accel_open)

#define DMABUFFS_ACCEL_IOC_ASID_CREATE  DMABUFFS_ACCEL_IO(0x28, accel_asid_create)
#define DMABUFFS_ACCEL_IOC_ASID_SVA     DMABUFFS_ACCEL_IO(0x29, dmabuffs_accel_sva)
#define DMABUFFS_ACCEL_IOC_ASID_DESTROY DMABUFFS_ACCEL_IO(0x2a, accel_object)
#define DMABUFFS_ACCEL_IOC_ASID_INFO    DMABUFFS_ACCEL_IO(0x2b, accel_asid_info)
#define DMABUFFS_ACCEL_IOC_ASID_MAP     DMABUFFS_ACCEL_IO(0x2c, accel_asid_map)
#define DMABUFFS_ACCEL_IOC_ASID_UNMAP   DMABUFFS_ACCEL_IO(0x2d, accel_asid_unmap)
#define DMABUFFS_ACCEL_IOC_ASID_COPY    DMABUFFS_ACCEL_IO(0x2e, accel_asid_copy)
#define DMABUFFS_ACCEL_IOC_ASID_EXPORT  DMABUFFS_ACCEL_IO(0x2f, dmabuffs_accel_export)
#define DMABUFFS_ACCEL_IOC_ASID_IMPORT  DMABUFFS_ACCEL_IO(0x30, dmabuffs_accel_import)

#define DMABUFFS_ACCEL_IOC_SET_CREATE  DMABUFFS_ACCEL_IO(0x38, accel_set_create)
#define DMABUFFS_ACCEL_IOC_SET_DESTROY DMABUFFS_ACCEL_IO(0x39, accel_object)
#define DMABUFFS_ACCEL_IOC_SET_INFO    DMABUFFS_ACCEL_IO(0x3a, accel_set_info)
#define DMABUFFS_ACCEL_IOC_SET_BIND    DMABUFFS_ACCEL_IO(0x3b, accel_set_entry)
#define DMABUFFS_ACCEL_IOC_SET_UNBIND  DMABUFFS_ACCEL_IO(0x3c, accel_set_entry)
#define DMABUFFS_ACCEL_IOC_SET_LOOKUP  DMABUFFS_ACCEL_IO(0x3d, accel_set_entry)
#define DMABUFFS_ACCEL_IOC_SET_NEXT    DMABUFFS_ACCEL_IO(0x3e, accel_set_entry)

#define DMABUFFS_ACCEL_IOC_QUEUE_CREATE  DMABUFFS_ACCEL_IO(0x40, accel_queue_create)
#define DMABUFFS_ACCEL_IOC_QUEUE_DESTROY DMABUFFS_ACCEL_IO(0x41, accel_object)
#define DMABUFFS_ACCEL_IOC_QUEUE_ATTACH  DMABUFFS_ACCEL_IO(0x42, accel_queue_attach)
#define DMABUFFS_ACCEL_IOC_QUEUE_DETACH  DMABUFFS_ACCEL_IO(0x43, accel_queue_attach)
#define DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT  DMABUFFS_ACCEL_IO(0x44, accel_queue_submit)
#define DMABUFFS_ACCEL_IOC_QUEUE_RESET   DMABUFFS_ACCEL_IO(0x45, accel_object)
#define DMABUFFS_ACCEL_IOC_QUEUE_INFO    DMABUFFS_ACCEL_IO(0x46, accel_queue_info)

#define DMABUFFS_ACCEL_IOC_FENCE_CREATE  DMABUFFS_ACCEL_IO(0x48, accel_fence)
#define DMABUFFS_ACCEL_IOC_FENCE_DESTROY DMABUFFS_ACCEL_IO(0x49, accel_object)
#define DMABUFFS_ACCEL_IOC_FENCE_SIGNAL  DMABUFFS_ACCEL_IO(0x4a, accel_fence)
#define DMABUFFS_ACCEL_IOC_FENCE_QUERY   DMABUFFS_ACCEL_IO(0x4b, accel_fence)

/* The layout is an ABI: no padding, and the same on every architecture. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L

DMABUFFS_ASSERT_SIZE(dmabuffs_accel_import, 32);
DMABUFFS_ASSERT_AT(dmabuffs_accel_import, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_accel_import, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_accel_import, fd, 8);
DMABUFFS_ASSERT_AT(dmabuffs_accel_import, id, 12);
DMABUFFS_ASSERT_AT(dmabuffs_accel_import, ticket, 16);

DMABUFFS_ASSERT_SIZE(dmabuffs_accel_sva, 56);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, mem, 8);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, maps, 12);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, set, 16);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, id, 20);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, mem_ticket, 24);
DMABUFFS_ASSERT_AT(dmabuffs_accel_sva, maps_ticket, 40);

DMABUFFS_ASSERT_SIZE(dmabuffs_accel_open, 32);
DMABUFFS_ASSERT_AT(dmabuffs_accel_open, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_accel_open, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_accel_open, id, 8);
DMABUFFS_ASSERT_AT(dmabuffs_accel_open, access, 12);
DMABUFFS_ASSERT_AT(dmabuffs_accel_open, ticket, 16);

DMABUFFS_ASSERT_SIZE(dmabuffs_accel_export, 96);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, size, 0);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, flags, 4);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, asid, 8);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, mode, 12);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, label, 16);
DMABUFFS_ASSERT_AT(dmabuffs_accel_export, uuid, 80);
#endif

#ifdef __cplusplus
}
#endif

#endif
