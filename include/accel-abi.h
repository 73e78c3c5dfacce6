/* SPDX-License-Identifier: MIT */
/*
 * accel-abi.h - the interface between an accelerator device and its users
 *
 * Commands, rings, events, and the arguments of the calls on a context. The same structs
 * are used in process (accel.h) and through a mount (dmabuffs-accel-ioctl.h), so a
 * program that is written for one runs on the other.
 *
 * Ids name objects. An id is unique in its context, never 0 and never reused; the id of a
 * set is unique in the device. The id of an address space is not its hardware number,
 * which is reported only with ACCEL_ASID_VISIBLE.
 *
 * Rules for all argument structs
 *   - @size is sizeof() the struct as the caller compiled it. Unknown flags fail with
 *     -EOPNOTSUPP; reserved fields that are not zero fail with -EINVAL.
 *   - Outputs are written only on success. A call that fails changes nothing.
 *   - An id that is 0, unknown or of another kind of object fails with -ENOENT.
 *   - Addresses, offsets and lengths are in bytes.
 *   - Limits: -EDQUOT is a limit of the user or the quota of a set, -ENOSPC a limit of
 *     the device or the mount, -ENOMEM is no memory.
 */
#ifndef ACCEL_ABI_H
#define ACCEL_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_NAME_SIZE  32 /* with the terminating NUL */
#define ACCEL_MAX_RANGES 8

/* ---- commands ---------------------------------------------------------------------- */

/**
 * enum accel_op - the operation of a command
 * @ACCEL_OP_NOP: does nothing
 * @ACCEL_OP_COPY: copies @length bytes from @src to @dst, which must not overlap
 * @ACCEL_OP_FILL: repeats the 8 bytes of @value over @length bytes at @dst. A length of 8
 *		   at an aligned address is stored at once, after everything that earlier
 *		   commands wrote: a completion word
 * @ACCEL_OP_COMPARE: compares @length bytes at @src and @src2; the __u64 at @dst becomes
 *		      the offset of the first difference, or ACCEL_EQUAL
 * @ACCEL_OP_CRC32C: checksum (RFC 3720) of @length bytes at @src, from the seed in @value
 *		     (0 to begin); the __u32 at @dst becomes the checksum
 * @ACCEL_OP_XOR: @dst = @src ^ @src2, @length bytes
 * @ACCEL_OP_VADD: @dst = @src + @src2, of float; @length in bytes
 * @ACCEL_OP_MATMUL: dst[rows][columns] = src[rows][inner] * src2[inner][columns], of
 *		     float, row by row; no length
 * @ACCEL_OP_SIGNAL: raises the fence to @value
 * @ACCEL_OP_WAIT: waits until the fence has reached @value
 * @ACCEL_OP_COUNT: number of operations
 *
 * Addresses are translated through the ASIDs that the command names, which must be
 * attached to the queue. Each field that an operation does not use must be 0. A length
 * that it uses must not be 0. Else the command faults with ACCEL_FAULT_COMMAND.
 */
enum accel_op {
	ACCEL_OP_NOP = 0,
	ACCEL_OP_COPY = 1,
	ACCEL_OP_FILL = 2,
	ACCEL_OP_COMPARE = 3,
	ACCEL_OP_CRC32C = 4,
	ACCEL_OP_XOR = 5,
	ACCEL_OP_VADD = 6,
	ACCEL_OP_MATMUL = 7,
	ACCEL_OP_SIGNAL = 8,
	ACCEL_OP_WAIT = 9,
	ACCEL_OP_COUNT
};

#define ACCEL_EQUAL      (~(__u64)0)
#define ACCEL_MAX_MATRIX 512 /* rows, columns, inner: 1 to this */

/* Posts an event (ACCEL_EVENT_COMPLETED) when the command has completed. */
#define ACCEL_COMMAND_NOTIFY (1U << 0)

/**
 * struct accel_command - one command, as it stands in a ring
 * @op: enum accel_op
 * @flags: ACCEL_COMMAND_*
 * @dst_asid: ASID of @dst
 * @src_asid: ASID of @src
 * @src2_asid: ASID of @src2; SIGNAL and WAIT: id of the fence
 * @dst: address of the result
 * @src: address of the first operand
 * @src2: address of the second operand
 * @length: in bytes
 * @value: pattern, seed or fence value
 * @rows: MATMUL only
 * @columns: MATMUL only
 * @inner: MATMUL only
 * @reserved: 0
 *
 * float operands and __u32 results are aligned to 4 bytes, __u64 results to 8.
 */
struct accel_command {
	__u16 op;
	__u16 flags;
	__u32 dst_asid;
	__u32 src_asid;
	__u32 src2_asid;
	__u64 dst;
	__u64 src;
	__u64 src2;
	__u64 length;
	__u64 value;
	__u16 rows;
	__u16 columns;
	__u16 inner;
	__u16 reserved;
};

/* ---- faults ------------------------------------------------------------------------ */

/*
 * A command that faults does not complete; what it had written stays written. The later
 * commands of its queue are cancelled until the queue is reset.
 */
enum accel_fault_reason {
	ACCEL_FAULT_NONE = 0,
	ACCEL_FAULT_COMMAND = 1,    /* unknown op or flag, a field outside its range */
	ACCEL_FAULT_ASID = 2,       /* the ASID is not attached to the queue */
	ACCEL_FAULT_UNMAPPED = 3,   /* nothing is mapped there, or the range wraps */
	ACCEL_FAULT_PERMISSION = 4, /* mapped, but not for this access */
	ACCEL_FAULT_REVOKED = 5,    /* the memory was revoked */
	ACCEL_FAULT_ALIGNMENT = 6,  /* the address is not aligned for the operation */
	ACCEL_FAULT_RING = 7,       /* the indexes of the ring are invalid */
	ACCEL_FAULT_FENCE =
		8,           /* no such fence, destroyed during the wait, or it failed */
	ACCEL_FAULT_SVA = 9, /* the process of the bound ASID is gone */
	ACCEL_FAULT_DEVICE = 10, /* the device failed (out of memory) */
	/*
	 * The service was killed. From this command on, those that it had taken were
	 * executed or not; none is executed again. The fault is not counted.
	 */
	ACCEL_FAULT_OWNER = 11,
};

/**
 * struct accel_fault - why a queue has stopped
 * @index: of the command: the n-th submitted to this queue, from 0
 * @address: that it could not access, else 0
 * @reason: enum accel_fault_reason
 * @asid: id of the ASID of @address, else 0
 * @count: faults of this queue so far, including this one
 * @reserved: 0
 */
struct accel_fault {
	__u64 index;
	__u64 address;
	__u32 reason;
	__u32 asid;
	__u32 count;
	__u32 reserved;
};

/* ---- rings ------------------------------------------------------------------------- */

#define ACCEL_RING_MAGIC   0x676e6972U /* "ring" */
#define ACCEL_RING_VERSION 2
#define ACCEL_RING_MIN     16 /* entries; always a power of two */
#define ACCEL_RING_MAX     4096
#define ACCEL_RING_ENTRIES 4096 /* offset of the first entry */
#define ACCEL_CACHE_LINE   64

enum accel_queue_state {
	ACCEL_QUEUE_RUNNING = 0,
	ACCEL_QUEUE_FAULTED = 1,  /* until it is reset */
	ACCEL_QUEUE_ISOLATED = 2, /* it faulted too often: it can only be destroyed */
	ACCEL_QUEUE_DEAD = 3,     /* destroyed, or its context was closed */
};

/**
 * struct accel_ring - the first page of a queue's memory
 * @magic: ACCEL_RING_MAGIC
 * @version: ACCEL_RING_VERSION
 * @entries: number of slots, a power of two; 0 in a mediated queue
 * @entry_size: sizeof(struct accel_command)
 * @tail: by the submitter: commands written so far. Command n is in slot n % @entries. At
 *	  most @entries more than @head
 * @head: by the device: commands fetched; their slots may be written again
 * @completed: by the device: commands completed, in order
 * @state: by the device: enum accel_queue_state
 * @completion: by the device: a futex word that is changed and woken after @completed or
 *		@state has changed, if there are @waiters
 * @fault: by the device: valid unless @state is RUNNING
 * @dropped_first: by the device: the last reset dropped the commands from this one
 * @dropped_end: up to before this one. They count as @completed, but were not executed
 * @need_wakeup: by the device: 1 while it sleeps or is about to. A submitter that has
 *		 moved @tail reads it after a full barrier; if it is 1, the submitter sets
 *		 it to 0, adds 1 to @doorbell and wakes the futex there
 * @doorbell: by the submitter: the futex word on which the device sleeps
 * @waiters: by threads that wait for a completion: how many there are
 *
 * The entries of a user-mode queue follow at ACCEL_RING_ENTRIES. Each writer has cache
 * lines of its own, and so has each of its fields that another reader polls. All counts
 * start at 0 and only go up. Neither side trusts the memory: the device checks a copy of
 * what it reads, and a submitter can at worst read wrong values, from another holder of
 * the same queue. The size is sealed.
 */
struct accel_ring {
	__u32 magic;
	__u32 version;
	__u32 entries;
	__u32 entry_size;
	__u8 pad0[ACCEL_CACHE_LINE - 16];

	__u64 tail;
	__u8 pad1[ACCEL_CACHE_LINE - 8];

	__u64 head;
	__u8 pad2[ACCEL_CACHE_LINE - 8];

	__u64 completed;
	__u32 state;
	__u32 completion;
	__u8 pad3[ACCEL_CACHE_LINE - 16];

	struct accel_fault fault;
	__u64 dropped_first;
	__u64 dropped_end;
	__u8 pad4[ACCEL_CACHE_LINE - 48];

	__u32 need_wakeup;
	__u8 pad5[ACCEL_CACHE_LINE - 4];

	__u32 doorbell;
	__u8 pad6[ACCEL_CACHE_LINE - 4];

	__u32 waiters;
	__u8 pad7[ACCEL_CACHE_LINE - 4];
};

/* ---- events ------------------------------------------------------------------------ */

enum accel_event_type {
	ACCEL_EVENT_BIND = 1,   /* an ASID was given a guest id in a set */
	ACCEL_EVENT_UNBIND = 2, /* an ASID lost its guest id */
	ACCEL_EVENT_FREE = 3,   /* an ASID of a set was destroyed */
	ACCEL_EVENT_FAULT = 4,  /* a queue faulted: value is the command's index */
	ACCEL_EVENT_COMPLETED =
		5,               /* a command with ACCEL_COMMAND_NOTIFY: value likewise */
	ACCEL_EVENT_REVOKED = 6, /* the context revoked one of its buffers */
};

/* Events before this one were dropped: the reader was too slow. */
#define ACCEL_EVENT_LOST (1U << 0)

/* How many unread events a context keeps. */
#define ACCEL_EVENTS_MAX 256

/**
 * struct accel_event - one event; read(2) of a context returns whole ones, as many as
 * there are and as fit
 * @sequence: number of the event in its context, from 0; dropped events count
 * @type: enum accel_event_type
 * @flags: ACCEL_EVENT_LOST
 * @object: id of the queue, buffer or ASID that it is about
 * @set: id of the set, or 0
 * @asid: id of the ASID, or 0
 * @reason: of a fault: enum accel_fault_reason
 * @value: guest id, or index of the command
 * @address: of a fault, else 0
 * @time_ns: CLOCK_MONOTONIC of the device's machine
 * @reserved: 0
 */
struct accel_event {
	__u64 sequence;
	__u32 type;
	__u32 flags;
	__u32 object;
	__u32 set;
	__u32 asid;
	__u32 reason;
	__u64 value;
	__u64 address;
	__u64 time_ns;
	__u64 reserved;
};

/* ---- device ------------------------------------------------------------------------ */

#define ACCEL_DEVICE_SVA       (1U << 0) /* can bind the address space of a process */
#define ACCEL_DEVICE_EXCLUSIVE (1U << 1) /* one context at a time */
#define ACCEL_DEVICE_REVOCABLE (1U << 2) /* can take memory back from its importers */

struct accel_range {
	__u64 first;
	__u64 last; /* inclusive */
};

/**
 * struct accel_device_info - properties of a device, and how much of it is in use
 * @size: in
 * @flags: in: 0, out: ACCEL_DEVICE_*
 * @name: out: as in the directory, NUL terminated
 * @backend: out: NUL terminated
 * @operations: out: bit 1 << enum accel_op for each operation that it has
 * @memory: out: bytes of device memory
 * @memory_free: out: bytes
 * @page_size: out: alignment of addresses, offsets and lengths of mappings
 * @asid_bits: out: there are at most 2^asid_bits - 1 ASIDs
 * @asids: out: in use
 * @queues: out: number of queues
 * @queues_free: out
 * @contexts: out: open now
 * @latency_ns: out: artificial latency of each command
 * @n_reserved: out: entries of @reserved_ranges
 * @aperture: out: addresses that can be mapped
 * @reserved_ranges: out: parts of @aperture that cannot be mapped
 */
struct accel_device_info {
	__u32 size;
	__u32 flags;
	char name[ACCEL_NAME_SIZE];
	char backend[ACCEL_NAME_SIZE];
	__u64 operations;
	__u64 memory;
	__u64 memory_free;
	__u32 page_size;
	__u32 asid_bits;
	__u32 asids;
	__u32 queues;
	__u32 queues_free;
	__u32 contexts;
	__u32 latency_ns;
	__u32 n_reserved;
	struct accel_range aperture;
	struct accel_range reserved_ranges[ACCEL_MAX_RANGES];
};

/* ---- buffers ----------------------------------------------------------------------- */

/* Sealed against shrinking, as udmabuf requires it: it cannot be revoked. */
#define ACCEL_BUFFER_PINNED (1U << 0)

/**
 * struct accel_buffer_alloc - allocate device memory
 * @size: in
 * @flags: in: ACCEL_BUFFER_PINNED
 * @bytes: in: a multiple of the page size, not 0, else -EINVAL
 * @id: out
 * @reserved: 0
 *
 * The memory is zeroed. -ENOSPC: the device has not that much free memory.
 */
struct accel_buffer_alloc {
	__u32 size;
	__u32 flags;
	__u64 bytes;
	__u32 id;
	__u32 reserved;
};

/**
 * struct accel_object - a call on one object
 * @size: in
 * @flags: in: 0
 * @id: in
 * @reserved: 0
 *
 * Buffer free: mappings stay, as pages of an unlinked file do; the memory is given back
 * when no process has it open or mapped any more. Buffer revoke: takes device memory back
 * from all importers. -EBUSY: it is pinned. -EPERM: it was imported.
 *
 * ASID destroy: -EBUSY: it is attached to a queue of the context. Contexts that imported
 * it keep it. Set destroy: -EBUSY: it has ASIDs, or guards a queue. Queue destroy:
 * cancels the commands that have not begun; the running one is over when the ring's state
 * is ACCEL_QUEUE_DEAD. Queue reset: drops what was submitted to a faulted queue, and
 * restarts it. -EINVAL: it did not fault. -EIO: it is isolated. Fence destroy: commands
 * that wait for it fault.
 */
struct accel_object {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
};

#define ACCEL_BUFFER_IMPORTED (1U << 1)
#define ACCEL_BUFFER_READONLY (1U << 2)
#define ACCEL_BUFFER_REVOKED  (1U << 3)
#define ACCEL_BUFFER_DMABUF   (1U << 4)
#define ACCEL_BUFFER_FILE     (1U << 5) /* neither memfd nor dma-buf; in process only */

/**
 * struct accel_buffer_info - properties of a buffer
 * @size: in
 * @flags: in: 0, out: ACCEL_BUFFER_*
 * @id: in
 * @mappings: out: how often it is mapped in ASIDs
 * @bytes: out: size now
 */
struct accel_buffer_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 mappings;
	__u64 bytes;
};

/* ---- address spaces ---------------------------------------------------------------- */

/* Of one unmap or copy, which bounds the time that it keeps others waiting. */
#define ACCEL_MAX_MAPPINGS_PER_CALL 4096

#define ACCEL_ASID_VISIBLE (1U << 0) /* its hardware number is reported */

/**
 * struct accel_asid_create - create an empty address space for mappings
 * @size: in
 * @flags: in: ACCEL_ASID_VISIBLE
 * @set: in: id of the set that it shall belong to, or 0; -EPERM: of another context
 * @id: out
 */
struct accel_asid_create {
	__u32 size;
	__u32 flags;
	__u32 set;
	__u32 id;
};

#define ACCEL_ASID_SVA      (1U << 1)
#define ACCEL_ASID_IMPORTED (1U << 2)

/**
 * struct accel_asid_info - properties of an address space
 * @size: in
 * @flags: in: 0, out: ACCEL_ASID_*
 * @id: in
 * @number: out: hardware number, 0 if it is not visible
 * @set: out: id of its set, 0 if it has none or that is of another context
 * @attached: out: to how many queues of this context
 * @mappings: out: number of mappings
 * @mapped: out: bytes
 */
struct accel_asid_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 number;
	__u32 set;
	__u32 attached;
	__u64 mappings;
	__u64 mapped;
};

#define ACCEL_MAP_READ  (1U << 0) /* the device may read it */
#define ACCEL_MAP_WRITE (1U << 1) /* the device may write it */
#define ACCEL_MAP_FIXED (1U << 2) /* at @iova; else anywhere, and @iova must be 0 */

/*
 * Without ACCEL_MAP_FIXED the address is aligned to the lowest bit that is set in the
 * length, at most to this: 1 GiB, the largest page of an IOMMU.
 */
#define ACCEL_IOVA_MAX_ALIGN (1ULL << 30)

/*
 * @offset would be an address in the caller's memory. Always -EINVAL, with the reason in
 * the log: such memory is private, and copy-on-write could hand its pages to a child
 * after a fork. Share a memfd instead, or bind the address space (SVA).
 */
#define ACCEL_MAP_USER (1U << 3)

/**
 * struct accel_asid_map - map a part of a buffer
 * @size: in
 * @flags: in: ACCEL_MAP_*
 * @asid: in
 * @buffer: in
 * @offset: in: into the buffer
 * @length: in
 * @iova: in, with ACCEL_MAP_FIXED; out
 *
 * -EINVAL: length 0; something is not aligned to the page size; neither readable nor
 * writable; past the end of the buffer; over a reserved range or outside the aperture; or
 * the ASID is bound to a process. -EOVERFLOW: a range wraps. -EEXIST: something is mapped
 * there. -EPERM: writable, of a read-only buffer. -ENODEV: the buffer was revoked.
 * -ENOSPC: no free range is large enough; without ACCEL_MAP_FIXED, once it is aligned
 * (ACCEL_IOVA_MAX_ALIGN).
 */
struct accel_asid_map {
	__u32 size;
	__u32 flags;
	__u32 asid;
	__u32 buffer;
	__u64 offset;
	__u64 length;
	__u64 iova;
};

/**
 * struct accel_asid_unmap - remove whole mappings
 * @size: in
 * @flags: in: 0
 * @asid: in
 * @reserved: 0
 * @iova: in
 * @length: in; out: the bytes that were removed
 *
 * All mappings within the range are removed; once the call returns, the device does not
 * access them any more. @iova 0 with @length ~0 is everything, and succeeds even when
 * nothing is mapped. -ENOENT: no mapping, or one is only partly inside. -E2BIG: more than
 * ACCEL_MAX_MAPPINGS_PER_CALL. -EINVAL: length 0, not aligned, or the ASID is bound to a
 * process. -EOVERFLOW: the range wraps.
 */
struct accel_asid_unmap {
	__u32 size;
	__u32 flags;
	__u32 asid;
	__u32 reserved;
	__u64 iova;
	__u64 length;
};

/**
 * struct accel_asid_copy - map what another address space has mapped
 * @size: in
 * @flags: in: ACCEL_MAP_READ, _WRITE, _FIXED
 * @dst_asid: in
 * @src_asid: in
 * @src_iova: in
 * @length: in
 * @dst_iova: in, with ACCEL_MAP_FIXED; out
 *
 * The source range may span mappings but not gaps. -EPERM: more access than the source
 * has. -ENOENT: a part of the source is not mapped. -E2BIG: it has more than
 * ACCEL_MAX_MAPPINGS_PER_CALL mappings there. Else as struct accel_asid_map.
 */
struct accel_asid_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_asid;
	__u32 src_asid;
	__u64 src_iova;
	__u64 length;
	__u64 dst_iova;
};

/* ---- sets of address spaces -------------------------------------------------------- */

/**
 * struct accel_set_create - create a set of ASIDs, which the context owns
 * @size: in
 * @flags: in: 0
 * @quota: in: how many ASIDs it may have, at least 1
 * @id: out
 *
 * Another context that uses the id gets -EPERM.
 */
struct accel_set_create {
	__u32 size;
	__u32 flags;
	__u32 quota;
	__u32 id;
};

/**
 * struct accel_set_info - use against quota
 * @size: in
 * @flags: in: 0
 * @id: in
 * @quota: out
 * @asids: out: that belong to it
 * @bound: out: that have a guest id
 */
struct accel_set_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 quota;
	__u32 asids;
	__u32 bound;
};

#define ACCEL_SET_BY_ASID (1U << 0) /* look-up: from @asid to @guest */

#define ACCEL_NO_GUEST (~(__u64)0)

/**
 * struct accel_set_entry - an ASID of a set and its guest id
 * @size: in
 * @flags: in: 0; look-up: ACCEL_SET_BY_ASID
 * @set: in
 * @asid: id of an ASID of the set
 * @guest: the guest's number for it
 *
 * Bind: gives @asid the guest id @guest. -EEXIST: one of the two is bound. -EPERM: the
 * ASID is not in the set. Unbind: by @guest; @asid must be 0. Look-up: @guest in, @asid
 * out, or the reverse. Next: iterates over the ASIDs of the set by ascending id: @asid
 * in: the previous one, 0 to begin; @asid out; @guest out, ACCEL_NO_GUEST if it has none.
 * -ENOENT: at the end, or not found.
 */
struct accel_set_entry {
	__u32 size;
	__u32 flags;
	__u32 set;
	__u32 asid;
	__u64 guest;
};

/* ---- queues ------------------------------------------------------------------------ */

#define ACCEL_FEW_QUEUES 4

#define ACCEL_QUEUE_USER (1U << 0) /* a ring in shared memory; else mediated */

/**
 * struct accel_queue_create - take one of the device's queues
 * @size: in
 * @flags: in: ACCEL_QUEUE_USER
 * @entries: in: how many commands can wait: a power of two, ACCEL_RING_MIN to
 *	     ACCEL_RING_MAX
 * @set: in: only ASIDs of this set can be attached; 0: any ASID of the context
 * @id: out
 * @reserved: 0
 *
 * -EBUSY: all queues of the device are in use. But a user with less than an equal share,
 * and less than ACCEL_FEW_QUEUES, still gets one: the device has more queues then, at
 * most twice as many. A destroyed queue does not count; where many of a user have engines
 * that have not stopped yet, a new one begins to execute once one of them has.
 */
struct accel_queue_create {
	__u32 size;
	__u32 flags;
	__u32 entries;
	__u32 set;
	__u32 id;
	__u32 reserved;
};

#define ACCEL_QUEUE_MAX_ASIDS 64 /* attached to one queue */

/**
 * struct accel_queue_attach - attach or detach an ASID
 * @size: in
 * @flags: in: 0
 * @queue: in
 * @asid: in
 *
 * Attach: -EEXIST: it is attached. -EPERM: not in the queue's set. -ENOSPC: too many are
 * attached. Detach: -ENOENT: it is not attached. Once detach returns, commands that name
 * the ASID fault, including the running one, and mapped memory is not accessed any more.
 * In a bound ASID one piece of at most 256 KiB may still be accessed, until the queue
 * faults, completes the command or is dead.
 */
struct accel_queue_attach {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 asid;
};

#define ACCEL_SUBMIT_MAX 128 /* commands in one batch */

/**
 * struct accel_queue_submit - submit a batch to a mediated queue
 * @size: in: up to the end of commands[count - 1], or of the whole struct
 * @flags: in: 0
 * @queue: in
 * @count: in: 1 to ACCEL_SUBMIT_MAX
 * @index: out: of the first command: the n-th submitted to this queue, from 0
 * @commands: in
 *
 * All commands are taken, or none. -EAGAIN: not enough room. -EIO: the queue has faulted.
 * -EOWNERDEAD: it has stopped with ACCEL_FAULT_OWNER.
 * -EOPNOTSUPP: it is a user-mode queue.
 */
struct accel_queue_submit {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 count;
	__u64 index;
	struct accel_command commands[ACCEL_SUBMIT_MAX];
};

/**
 * struct accel_queue_info - state of a queue
 * @size: in
 * @flags: in: 0, out: ACCEL_QUEUE_*
 * @id: in
 * @state: out: enum accel_queue_state
 * @entries: out
 * @attached: out: number of ASIDs
 * @submitted: out: commands that the device has seen
 * @completed: out: commands
 * @fault: out: the last one; its reason is 0 if there was none
 */
struct accel_queue_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 state;
	__u32 entries;
	__u32 attached;
	__u64 submitted;
	__u64 completed;
	struct accel_fault fault;
};

/* ---- fences ------------------------------------------------------------------------ */

/* What was to raise it further never does. */
#define ACCEL_FENCE_FAILED (1U << 0)

/**
 * struct accel_fence - a counter that queues and programs raise, and queues wait for
 * @size: in
 * @flags: in: 0, query: out: 0 or ACCEL_FENCE_FAILED
 * @id: create: out; signal, query: in
 * @signaller: create: in: id of the queue that is to raise it, or 0: none in particular;
 *	       else 0
 * @value: create: in: initial value; signal: in; query: out
 *
 * The value only goes up: a signal with a smaller value changes nothing.
 *
 * A SIGNAL command promises its value from its submission on. A queue that faults or is
 * destroyed does not execute the SIGNAL commands that it still has. Their fences fail up
 * to the values of these commands: each WAIT for such a value, also a later one, faults
 * with ACCEL_FAULT_FENCE, unless the value is reached by another signal. Larger values
 * are not affected.
 *
 * A queue that is the signaller of a fence promises every value of it, submitted or not:
 * while it is stopped by a fault, and once it was destroyed, each WAIT for a value that
 * is not reached faults in the same way. After a reset it promises again. Programs may
 * signal such a fence, too.
 */
struct accel_fence {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 signaller;
	__u64 value;
};

/* ---- layout ------------------------------------------------------------------------ */

/* The layout is an ABI: no padding, and the same on every architecture. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define ACCEL_ASSERT_SIZE(type, bytes)                                                   \
	_Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#define ACCEL_ASSERT_AT(type, member, bytes)                                             \
	_Static_assert(__builtin_offsetof(struct type, member) == (bytes),               \
		       "offset of " #member " in struct " #type)

ACCEL_ASSERT_SIZE(accel_command, 64);
ACCEL_ASSERT_AT(accel_command, op, 0);
ACCEL_ASSERT_AT(accel_command, flags, 2);
ACCEL_ASSERT_AT(accel_command, dst_asid, 4);
ACCEL_ASSERT_AT(accel_command, src_asid, 8);
ACCEL_ASSERT_AT(accel_command, src2_asid, 12);
ACCEL_ASSERT_AT(accel_command, dst, 16);
ACCEL_ASSERT_AT(accel_command, src, 24);
ACCEL_ASSERT_AT(accel_command, src2, 32);
ACCEL_ASSERT_AT(accel_command, length, 40);
ACCEL_ASSERT_AT(accel_command, value, 48);
ACCEL_ASSERT_AT(accel_command, rows, 56);
ACCEL_ASSERT_AT(accel_command, columns, 58);
ACCEL_ASSERT_AT(accel_command, inner, 60);
ACCEL_ASSERT_AT(accel_command, reserved, 62);

ACCEL_ASSERT_SIZE(accel_fault, 32);
ACCEL_ASSERT_AT(accel_fault, index, 0);
ACCEL_ASSERT_AT(accel_fault, address, 8);
ACCEL_ASSERT_AT(accel_fault, reason, 16);
ACCEL_ASSERT_AT(accel_fault, asid, 20);
ACCEL_ASSERT_AT(accel_fault, count, 24);
ACCEL_ASSERT_AT(accel_fault, reserved, 28);

ACCEL_ASSERT_SIZE(accel_ring, 512);
ACCEL_ASSERT_AT(accel_ring, magic, 0);
ACCEL_ASSERT_AT(accel_ring, version, 4);
ACCEL_ASSERT_AT(accel_ring, entries, 8);
ACCEL_ASSERT_AT(accel_ring, entry_size, 12);
ACCEL_ASSERT_AT(accel_ring, tail, 64);
ACCEL_ASSERT_AT(accel_ring, head, 128);
ACCEL_ASSERT_AT(accel_ring, completed, 192);
ACCEL_ASSERT_AT(accel_ring, state, 200);
ACCEL_ASSERT_AT(accel_ring, completion, 204);
ACCEL_ASSERT_AT(accel_ring, fault, 256);
ACCEL_ASSERT_AT(accel_ring, dropped_first, 288);
ACCEL_ASSERT_AT(accel_ring, dropped_end, 296);
ACCEL_ASSERT_AT(accel_ring, need_wakeup, 320);
ACCEL_ASSERT_AT(accel_ring, doorbell, 384);
ACCEL_ASSERT_AT(accel_ring, waiters, 448);

ACCEL_ASSERT_SIZE(accel_event, 64);
ACCEL_ASSERT_AT(accel_event, sequence, 0);
ACCEL_ASSERT_AT(accel_event, type, 8);
ACCEL_ASSERT_AT(accel_event, flags, 12);
ACCEL_ASSERT_AT(accel_event, object, 16);
ACCEL_ASSERT_AT(accel_event, set, 20);
ACCEL_ASSERT_AT(accel_event, asid, 24);
ACCEL_ASSERT_AT(accel_event, reason, 28);
ACCEL_ASSERT_AT(accel_event, value, 32);
ACCEL_ASSERT_AT(accel_event, address, 40);
ACCEL_ASSERT_AT(accel_event, time_ns, 48);
ACCEL_ASSERT_AT(accel_event, reserved, 56);

ACCEL_ASSERT_SIZE(accel_range, 16);
ACCEL_ASSERT_AT(accel_range, first, 0);
ACCEL_ASSERT_AT(accel_range, last, 8);

ACCEL_ASSERT_SIZE(accel_device_info, 272);
ACCEL_ASSERT_AT(accel_device_info, size, 0);
ACCEL_ASSERT_AT(accel_device_info, flags, 4);
ACCEL_ASSERT_AT(accel_device_info, name, 8);
ACCEL_ASSERT_AT(accel_device_info, backend, 40);
ACCEL_ASSERT_AT(accel_device_info, operations, 72);
ACCEL_ASSERT_AT(accel_device_info, memory, 80);
ACCEL_ASSERT_AT(accel_device_info, memory_free, 88);
ACCEL_ASSERT_AT(accel_device_info, page_size, 96);
ACCEL_ASSERT_AT(accel_device_info, asid_bits, 100);
ACCEL_ASSERT_AT(accel_device_info, asids, 104);
ACCEL_ASSERT_AT(accel_device_info, queues, 108);
ACCEL_ASSERT_AT(accel_device_info, queues_free, 112);
ACCEL_ASSERT_AT(accel_device_info, contexts, 116);
ACCEL_ASSERT_AT(accel_device_info, latency_ns, 120);
ACCEL_ASSERT_AT(accel_device_info, n_reserved, 124);
ACCEL_ASSERT_AT(accel_device_info, aperture, 128);
ACCEL_ASSERT_AT(accel_device_info, reserved_ranges, 144);

ACCEL_ASSERT_SIZE(accel_buffer_alloc, 24);
ACCEL_ASSERT_AT(accel_buffer_alloc, size, 0);
ACCEL_ASSERT_AT(accel_buffer_alloc, flags, 4);
ACCEL_ASSERT_AT(accel_buffer_alloc, bytes, 8);
ACCEL_ASSERT_AT(accel_buffer_alloc, id, 16);
ACCEL_ASSERT_AT(accel_buffer_alloc, reserved, 20);

ACCEL_ASSERT_SIZE(accel_object, 16);
ACCEL_ASSERT_AT(accel_object, size, 0);
ACCEL_ASSERT_AT(accel_object, flags, 4);
ACCEL_ASSERT_AT(accel_object, id, 8);
ACCEL_ASSERT_AT(accel_object, reserved, 12);

ACCEL_ASSERT_SIZE(accel_buffer_info, 24);
ACCEL_ASSERT_AT(accel_buffer_info, size, 0);
ACCEL_ASSERT_AT(accel_buffer_info, flags, 4);
ACCEL_ASSERT_AT(accel_buffer_info, id, 8);
ACCEL_ASSERT_AT(accel_buffer_info, mappings, 12);
ACCEL_ASSERT_AT(accel_buffer_info, bytes, 16);

ACCEL_ASSERT_SIZE(accel_asid_create, 16);
ACCEL_ASSERT_AT(accel_asid_create, size, 0);
ACCEL_ASSERT_AT(accel_asid_create, flags, 4);
ACCEL_ASSERT_AT(accel_asid_create, set, 8);
ACCEL_ASSERT_AT(accel_asid_create, id, 12);

ACCEL_ASSERT_SIZE(accel_asid_info, 40);
ACCEL_ASSERT_AT(accel_asid_info, size, 0);
ACCEL_ASSERT_AT(accel_asid_info, flags, 4);
ACCEL_ASSERT_AT(accel_asid_info, id, 8);
ACCEL_ASSERT_AT(accel_asid_info, number, 12);
ACCEL_ASSERT_AT(accel_asid_info, set, 16);
ACCEL_ASSERT_AT(accel_asid_info, attached, 20);
ACCEL_ASSERT_AT(accel_asid_info, mappings, 24);
ACCEL_ASSERT_AT(accel_asid_info, mapped, 32);

ACCEL_ASSERT_SIZE(accel_asid_map, 40);
ACCEL_ASSERT_AT(accel_asid_map, size, 0);
ACCEL_ASSERT_AT(accel_asid_map, flags, 4);
ACCEL_ASSERT_AT(accel_asid_map, asid, 8);
ACCEL_ASSERT_AT(accel_asid_map, buffer, 12);
ACCEL_ASSERT_AT(accel_asid_map, offset, 16);
ACCEL_ASSERT_AT(accel_asid_map, length, 24);
ACCEL_ASSERT_AT(accel_asid_map, iova, 32);

ACCEL_ASSERT_SIZE(accel_asid_unmap, 32);
ACCEL_ASSERT_AT(accel_asid_unmap, size, 0);
ACCEL_ASSERT_AT(accel_asid_unmap, flags, 4);
ACCEL_ASSERT_AT(accel_asid_unmap, asid, 8);
ACCEL_ASSERT_AT(accel_asid_unmap, reserved, 12);
ACCEL_ASSERT_AT(accel_asid_unmap, iova, 16);
ACCEL_ASSERT_AT(accel_asid_unmap, length, 24);

ACCEL_ASSERT_SIZE(accel_asid_copy, 40);
ACCEL_ASSERT_AT(accel_asid_copy, size, 0);
ACCEL_ASSERT_AT(accel_asid_copy, flags, 4);
ACCEL_ASSERT_AT(accel_asid_copy, dst_asid, 8);
ACCEL_ASSERT_AT(accel_asid_copy, src_asid, 12);
ACCEL_ASSERT_AT(accel_asid_copy, src_iova, 16);
ACCEL_ASSERT_AT(accel_asid_copy, length, 24);
ACCEL_ASSERT_AT(accel_asid_copy, dst_iova, 32);

ACCEL_ASSERT_SIZE(accel_set_create, 16);
ACCEL_ASSERT_AT(accel_set_create, size, 0);
ACCEL_ASSERT_AT(accel_set_create, flags, 4);
ACCEL_ASSERT_AT(accel_set_create, quota, 8);
ACCEL_ASSERT_AT(accel_set_create, id, 12);

ACCEL_ASSERT_SIZE(accel_set_info, 24);
ACCEL_ASSERT_AT(accel_set_info, size, 0);
ACCEL_ASSERT_AT(accel_set_info, flags, 4);
ACCEL_ASSERT_AT(accel_set_info, id, 8);
ACCEL_ASSERT_AT(accel_set_info, quota, 12);
ACCEL_ASSERT_AT(accel_set_info, asids, 16);
ACCEL_ASSERT_AT(accel_set_info, bound, 20);

ACCEL_ASSERT_SIZE(accel_set_entry, 24);
ACCEL_ASSERT_AT(accel_set_entry, size, 0);
ACCEL_ASSERT_AT(accel_set_entry, flags, 4);
ACCEL_ASSERT_AT(accel_set_entry, set, 8);
ACCEL_ASSERT_AT(accel_set_entry, asid, 12);
ACCEL_ASSERT_AT(accel_set_entry, guest, 16);

ACCEL_ASSERT_SIZE(accel_queue_create, 24);
ACCEL_ASSERT_AT(accel_queue_create, size, 0);
ACCEL_ASSERT_AT(accel_queue_create, flags, 4);
ACCEL_ASSERT_AT(accel_queue_create, entries, 8);
ACCEL_ASSERT_AT(accel_queue_create, set, 12);
ACCEL_ASSERT_AT(accel_queue_create, id, 16);
ACCEL_ASSERT_AT(accel_queue_create, reserved, 20);

ACCEL_ASSERT_SIZE(accel_queue_attach, 16);
ACCEL_ASSERT_AT(accel_queue_attach, size, 0);
ACCEL_ASSERT_AT(accel_queue_attach, flags, 4);
ACCEL_ASSERT_AT(accel_queue_attach, queue, 8);
ACCEL_ASSERT_AT(accel_queue_attach, asid, 12);

ACCEL_ASSERT_SIZE(accel_queue_submit, 8216);
ACCEL_ASSERT_AT(accel_queue_submit, size, 0);
ACCEL_ASSERT_AT(accel_queue_submit, flags, 4);
ACCEL_ASSERT_AT(accel_queue_submit, queue, 8);
ACCEL_ASSERT_AT(accel_queue_submit, count, 12);
ACCEL_ASSERT_AT(accel_queue_submit, index, 16);
ACCEL_ASSERT_AT(accel_queue_submit, commands, 24);

ACCEL_ASSERT_SIZE(accel_queue_info, 72);
ACCEL_ASSERT_AT(accel_queue_info, size, 0);
ACCEL_ASSERT_AT(accel_queue_info, flags, 4);
ACCEL_ASSERT_AT(accel_queue_info, id, 8);
ACCEL_ASSERT_AT(accel_queue_info, state, 12);
ACCEL_ASSERT_AT(accel_queue_info, entries, 16);
ACCEL_ASSERT_AT(accel_queue_info, attached, 20);
ACCEL_ASSERT_AT(accel_queue_info, submitted, 24);
ACCEL_ASSERT_AT(accel_queue_info, completed, 32);
ACCEL_ASSERT_AT(accel_queue_info, fault, 40);

ACCEL_ASSERT_SIZE(accel_fence, 24);
ACCEL_ASSERT_AT(accel_fence, size, 0);
ACCEL_ASSERT_AT(accel_fence, flags, 4);
ACCEL_ASSERT_AT(accel_fence, id, 8);
ACCEL_ASSERT_AT(accel_fence, signaller, 12);
ACCEL_ASSERT_AT(accel_fence, value, 16);
#endif

#ifdef __cplusplus
}
#endif

#endif
