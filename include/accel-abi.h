/* SPDX-License-Identifier: MIT */
/*
 * accel-abi.h - what an accelerator device and its users say to each other
 *
 * Commands, rings, events, and the arguments of the calls on a context. The same structs
 * are used in process (accel.h) and through a mount (dmabuffs-accel-ioctl.h), so that a
 * program can be written for one and run on the other.
 *
 * Objects are named by ids, unique in their context, never 0 and not used twice. Ids of
 * sets are unique in the device. The id of an address space is not its hardware number,
 * which stays hidden unless asked for (ACCEL_ASID_VISIBLE).
 *
 * Rules for all argument structs
 *   - size is sizeof() the struct as the caller compiled it; flags that are not known are
 *     -EOPNOTSUPP; reserved fields must be zero, else -EINVAL.
 *   - Outputs are written only on success. A call that fails changes nothing.
 *   - An id that is 0, unknown or of another kind of object: -ENOENT.
 *   - Addresses, offsets and lengths are bytes.
 *   - Limits: -EDQUOT a limit of the user or a quota of a set; -ENOSPC a limit of the
 *     device or the mount; -ENOMEM.
 */
#ifndef ACCEL_ABI_H
#define ACCEL_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_NAME_SIZE  32 /* with the terminating NUL */
#define ACCEL_MAX_RANGES 8
#define ACCEL_NO_IOVA    (~(__u64)0)

/* ---- commands ---------------------------------------------------------------------- */

/*
 * Addresses are translated through the ASIDs named in the command, which must be attached
 * to the queue. Lengths of 0 are refused (ACCEL_FAULT_COMMAND) except where a length has
 * no meaning, and then it must be 0, as every field an operation does not use.
 */
enum accel_op {
	ACCEL_OP_NOP = 0,
	ACCEL_OP_COPY = 1, /* length bytes from src to dst, which must not overlap */
	ACCEL_OP_FILL = 2, /* length bytes at dst with the 8 bytes of value, repeated; 8
			      bytes at an aligned address are stored at once, after all
			      that came before: a completion word */
	ACCEL_OP_COMPARE = 3, /* length bytes at src and src2; the __u64 at dst becomes
				 the offset of the first difference, or ACCEL_EQUAL */
	ACCEL_OP_CRC32C =
		4,         /* of length bytes at src, from the seed in value (0 to begin);
			      the __u32 at dst becomes the checksum (RFC 3720) */
	ACCEL_OP_XOR = 5,  /* dst = src ^ src2, length bytes */
	ACCEL_OP_VADD = 6, /* dst = src + src2, of float; length in bytes */
	ACCEL_OP_MATMUL = 7, /* dst[rows][columns] = src[rows][inner] *
				src2[inner][columns], of float, row by row; no length */
	ACCEL_OP_SIGNAL = 8, /* raise the fence object to value */
	ACCEL_OP_WAIT = 9,   /* until the fence object has reached value */
	ACCEL_OP_COUNT
};

#define ACCEL_EQUAL      (~(__u64)0)
#define ACCEL_MAX_MATRIX 512 /* rows, columns, inner: 1 to this */

/* An event (ACCEL_EVENT_COMPLETED) when the command has completed. */
#define ACCEL_COMMAND_NOTIFY (1U << 0)

/**
 * struct accel_command - one command, as it stands in a ring
 * @op: enum accel_op
 * @flags: ACCEL_COMMAND_*
 * @dst_asid: of @dst
 * @src_asid: of @src
 * @src2_asid: of @src2; of SIGNAL and WAIT: the fence
 * @dst: result
 * @src: first operand
 * @src2: second operand
 * @length: in bytes
 * @value: pattern, seed or fence value
 * @rows: of MATMUL
 * @columns: of MATMUL
 * @inner: of MATMUL
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
 * A command that faults has no completion; what it had written already stays written. The
 * later ones of its queue are cancelled, until the queue is reset.
 */
enum accel_fault_reason {
	ACCEL_FAULT_NONE = 0,
	ACCEL_FAULT_COMMAND = 1,    /* unknown op or flag, a field outside its range */
	ACCEL_FAULT_ASID = 2,       /* the ASID is not attached to the queue */
	ACCEL_FAULT_UNMAPPED = 3,   /* nothing is mapped there, or the range wraps */
	ACCEL_FAULT_PERMISSION = 4, /* mapped, but not for this access */
	ACCEL_FAULT_REVOKED = 5,    /* the memory was taken back */
	ACCEL_FAULT_ALIGNMENT = 6,
	ACCEL_FAULT_RING = 7,    /* the ring's indexes make no sense */
	ACCEL_FAULT_FENCE = 8,   /* no such fence, or it was destroyed while waited for */
	ACCEL_FAULT_SVA = 9,     /* the process that the ASID is bound to is gone */
	ACCEL_FAULT_DEVICE = 10, /* the device could not (out of memory) */
};

/**
 * struct accel_fault - why a queue stands still
 * @index: of the command: the n-th submitted to this queue, from 0
 * @address: which it could not access, else 0
 * @reason: enum accel_fault_reason
 * @asid: id of the ASID of @address, else 0
 * @count: faults of this queue so far, this one included
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
#define ACCEL_RING_VERSION 1
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
 * struct accel_ring - the first page of a queue's memory; user-mode queues have their
 *		       entries behind it, from ACCEL_RING_ENTRIES
 * @magic: ACCEL_RING_MAGIC
 * @version: ACCEL_RING_VERSION
 * @entries: number of slots, a power of two; of a mediated queue 0
 * @entry_size: sizeof(struct accel_command)
 * @tail: by the submitter: commands written so far. Command n is in slot n % entries.
 *	  At most @entries more than @head
 * @head: by the device: commands fetched; their slots may be written again
 * @completed: by the device: commands completed, in order
 * @state: by the device: enum accel_queue_state
 * @fault: by the device: valid unless @state is RUNNING
 * @dropped_first: by the device: the last reset dropped the commands from here
 * @dropped_end: up to before this one. They count as @completed, but never happened
 * @need_wakeup: by the device: it sleeps, or is about to. Whoever has moved @tail looks
 *	  here, after a full barrier; if it is 1, makes it 0, adds 1 to @doorbell and
 *	  wakes the futex there
 * @doorbell: by the submitter: the futex word the device sleeps on
 * @waiters: by those who wait for completion: how many there are
 * @completion: by the device: a futex word that changes, and is woken, after @completed
 *	  or @state changed while there were @waiters
 *
 * All counts go up for ever from 0. The memory is hostile ground for both sides: the
 * device trusts nothing that it reads here, and what a submitter reads can at worst be
 * wrong through another holder of the same queue. The size is sealed.
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
	__u32 pad3;
	struct accel_fault fault;
	__u64 dropped_first;
	__u64 dropped_end;

	__u32 need_wakeup;
	__u8 pad5[ACCEL_CACHE_LINE - 4];

	__u32 doorbell;
	__u8 pad6[ACCEL_CACHE_LINE - 4];

	__u32 waiters;
	__u32 completion;
	__u8 pad7[ACCEL_CACHE_LINE - 8];
};

/* ---- events ------------------------------------------------------------------------ */

enum accel_event_type {
	ACCEL_EVENT_BIND = 1,   /* an ASID was given a guest id in a set */
	ACCEL_EVENT_UNBIND = 2, /* and lost it */
	ACCEL_EVENT_FREE = 3,   /* an ASID of a set was destroyed */
	ACCEL_EVENT_FAULT = 4,  /* a queue faulted: value index, address, error reason */
	ACCEL_EVENT_COMPLETED = 5, /* a command with ACCEL_COMMAND_NOTIFY: value index */
	ACCEL_EVENT_REVOKED = 6,   /* a buffer of the context was revoked by its owner */
};

/* Events before this one were dropped: the reader was too slow. */
#define ACCEL_EVENT_LOST (1U << 0)

/* How many events a context keeps for its reader. */
#define ACCEL_EVENTS_MAX 256

/**
 * struct accel_event - one event; read(2) of a context gives whole ones
 * @sequence: counts all events of the context from 0, dropped ones included
 * @type: enum accel_event_type
 * @flags: ACCEL_EVENT_LOST
 * @object: id of the queue, buffer or ASID it is about
 * @set: id of the set, or 0
 * @asid: id of the ASID, or 0
 * @reason: enum accel_fault_reason, of a fault
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

#define ACCEL_DEVICE_SVA       (1U << 0) /* can bind a process's own address space */
#define ACCEL_DEVICE_EXCLUSIVE (1U << 1) /* one context at a time */
#define ACCEL_DEVICE_REVOCABLE (1U << 2) /* takes memory back from its importers */

struct accel_range {
	__u64 first;
	__u64 last; /* inclusive */
};

/**
 * struct accel_device_info - what a device is, and how much of it is in use
 * @size: in
 * @flags: in: 0, out: ACCEL_DEVICE_*
 * @name: out: as in the directory, NUL terminated
 * @backend: out: NUL terminated
 * @operations: out: a bit 1 << enum accel_op for each it has
 * @memory: out: bytes to allocate from
 * @memory_free: out
 * @page_size: out: alignment of addresses, offsets and lengths of mappings
 * @asid_bits: out: there are at most 2^asid_bits - 1 ASIDs
 * @asids: out: in use
 * @queues: out: number it has
 * @queues_free: out
 * @contexts: out: open now
 * @n_reserved: out: entries of @reserved_ranges
 * @latency_ns: out: artificial time that each command takes
 * @aperture: out: addresses that can be mapped
 * @reserved_ranges: out: parts of @aperture that cannot
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

/* Sealed against shrinking, as udmabuf wants it: nobody can take it back any more. */
#define ACCEL_BUFFER_PINNED (1U << 0)

/**
 * struct accel_buffer_alloc - device memory, charged against the device's
 * @size: in
 * @flags: in: ACCEL_BUFFER_PINNED
 * @bytes: in: a multiple of the page size, not 0, else -EINVAL
 * @id: out
 * @reserved: 0
 *
 * Its contents are zero. -ENOSPC: the device's memory is used up.
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
 * Buffer free: what is mapped stays mapped, as pages of an unlinked file do; the memory
 * is given back when nobody has it any more. Buffer revoke: takes device memory back from
 * everyone: -EBUSY, it is pinned; -EPERM, it was imported, so another's.
 *
 * ASID destroy: -EBUSY while attached to a queue of the context; a context that imported
 * it keeps it. Set destroy: -EBUSY while it has ASIDs or guards a queue. Queue destroy:
 * what it has not begun is cancelled; what runs has ended when the ring says
 * ACCEL_QUEUE_DEAD. Queue reset: after a fault, drops what was submitted and runs again:
 * -EINVAL, it did not fault; -EIO, it is isolated. Fence destroy: who waits for it
 * faults.
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
 * struct accel_buffer_info - what a buffer is
 * @size: in
 * @flags: in: 0, out: ACCEL_BUFFER_*
 * @id: in
 * @mappings: out: in how many places of ASIDs it is mapped
 * @bytes: out: size now
 */
struct accel_buffer_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 mappings;
	__u64 bytes;
};

/* Of one unmap or copy, so that no call keeps others waiting for long. */
#define ACCEL_MAPPINGS_A_CALL 4096

/* ---- address spaces ---------------------------------------------------------------- */

#define ACCEL_ASID_VISIBLE (1U << 0) /* the hardware number may be asked for */

/**
 * struct accel_asid_create - an empty address space, for mapping
 * @size: in
 * @flags: in: ACCEL_ASID_VISIBLE
 * @set: in: id of the set it shall belong to, or 0; -EPERM: it is another's
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
 * struct accel_asid_info - what an address space is
 * @size: in
 * @flags: in: 0, out: ACCEL_ASID_*
 * @id: in
 * @number: out: hardware number, 0 if it is not visible
 * @set: out: id of its set, 0 if none or another's
 * @attached: out: to how many queues of this context
 * @mappings: out
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
#define ACCEL_MAP_FIXED                                                                  \
	(1U << 2) /* at @iova; without it, anywhere, and @iova must be 0 */
/*
 * @offset would be an address in the caller's memory. Always -EINVAL, with the reason in
 * the log: such memory is private, and copy-on-write could hand its pages to a child
 * after a fork. Share a memfd, or bind the address space (SVA).
 */
#define ACCEL_MAP_USER (1U << 3)

/**
 * struct accel_asid_map - maps a part of a buffer
 * @size: in
 * @flags: in: ACCEL_MAP_*
 * @asid: in
 * @buffer: in
 * @offset: in: into the buffer
 * @length: in
 * @iova: in, with ACCEL_MAP_FIXED; out
 *
 * -EINVAL: length 0, something is not aligned to the page size, neither readable nor
 * writable, past the end of the buffer, over a reserved range or outside the aperture, or
 * the ASID is an SVA one. -EOVERFLOW: a range wraps. -EEXIST: something is mapped there.
 * -EPERM: writable, of a buffer that is not. -ENODEV: the buffer was revoked. -ENOSPC: no
 * free range is large enough.
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
 * struct accel_asid_unmap - removes whole mappings
 * @size: in
 * @flags: in: 0
 * @asid: in
 * @reserved: 0
 * @iova: in
 * @length: in, out: the bytes that were removed
 *
 * Once it returns, the device does not access them any more. All mappings within the
 * range go; -ENOENT: there is none, or one is only partly inside; -E2BIG: there are more
 * than ACCEL_MAPPINGS_A_CALL. iova 0 with length ~0 is
 * everything, and succeeds even when there is nothing. -EINVAL: length 0, not aligned, an
 * SVA ASID. -EOVERFLOW: the range wraps.
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
 * struct accel_asid_copy - maps what another address space has mapped
 * @size: in
 * @flags: in: ACCEL_MAP_READ, _WRITE, _FIXED
 * @dst_asid: in
 * @src_asid: in
 * @src_iova: in
 * @length: in
 * @dst_iova: in, with ACCEL_MAP_FIXED; out
 *
 * The source range may span mappings but not gaps. Access cannot be more than the
 * source's (-EPERM). -ENOENT: a part of the source is not mapped. -E2BIG: it has more
 * than ACCEL_MAPPINGS_A_CALL mappings there. Else as map.
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
 * struct accel_set_create - a set of ASIDs, owned by the context
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

/**
 * struct accel_set_entry - guest id and ASID, in the commands bind, unbind, look-up, next
 * @size: in
 * @flags: in: 0; look-up: ACCEL_SET_BY_ASID
 * @set: in
 * @asid: id of an ASID of the set
 * @guest: the guest's number for it
 *
 * Bind: gives @asid the guest id @guest; -EEXIST: one of them is bound; -EPERM: the ASID
 * is not of the set. Unbind: by @guest, @asid must be 0. Look-up: @guest in, @asid out,
 * or the other way. Next: iterates over all ASIDs of the set in the order of their ids:
 * @asid in: the last one seen, 0 to begin; @asid out, @guest out or ~0 if not bound;
 * -ENOENT at the end. Unknown ones: -ENOENT.
 */
struct accel_set_entry {
	__u32 size;
	__u32 flags;
	__u32 set;
	__u32 asid;
	__u64 guest;
};

#define ACCEL_NO_GUEST (~(__u64)0)

/* ---- queues ------------------------------------------------------------------------ */

#define ACCEL_QUEUE_USER (1U << 0) /* a ring in shared memory; else mediated */

/**
 * struct accel_queue_create - one of the device's queues
 * @size: in
 * @flags: in: ACCEL_QUEUE_USER
 * @entries: in: ACCEL_RING_MIN to ACCEL_RING_MAX, a power of two: how many commands can
 *	     wait
 * @set: in: only ASIDs of this set may be attached; 0: any of the context
 * @id: out
 * @reserved: 0
 *
 * -EBUSY: all of the device's queues are in use, those included whose engines have not
 * ended yet after they were destroyed.
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
 * struct accel_queue_attach - attach, or detach, an ASID
 * @size: in
 * @flags: in: 0
 * @queue: in
 * @asid: in
 *
 * Attach: -EEXIST: it is; -EPERM: not of the queue's set; -ENOSPC: too many are. Detach:
 * -ENOENT: it is not. Once it returns, commands that name it fault, the one that runs
 * too, and mapped memory is not accessed any more. Of an SVA ASID one piece of at most
 * 256 KiB may be under way: it is over when the queue has faulted, completed or is dead.
 */
struct accel_queue_attach {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 asid;
};

#define ACCEL_SUBMIT_MAX 128 /* commands in one batch */

/**
 * struct accel_queue_submit - a batch for a mediated queue
 * @size: in: with all commands: up to the end of commands[count]
 * @flags: in: 0
 * @queue: in
 * @count: in: 1 to ACCEL_SUBMIT_MAX
 * @index: out: of the first command: the n-th submitted to this queue, from 0
 * @commands: in
 *
 * All are taken or none. -EAGAIN: not enough room; -EIO: the queue has faulted;
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
 * struct accel_queue_info - how a queue is
 * @size: in
 * @flags: in: 0, out: ACCEL_QUEUE_*
 * @id: in
 * @state: out: enum accel_queue_state
 * @entries: out
 * @attached: out: ASIDs
 * @submitted: out: commands that the device has seen
 * @completed: out
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

/**
 * struct accel_fence - a counter that queues and programs raise, and queues wait for
 * @size: in
 * @flags: in: 0
 * @id: create: out; signal, query: in
 * @reserved: 0
 * @value: create: in, where it begins; signal: in; query: out
 *
 * It never goes down: signalling less than it has changes nothing.
 */
struct accel_fence {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
	__u64 value;
};

/* The layout is an ABI: no padding, the same on every architecture. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct accel_command) == 64, "size of struct accel_command");
_Static_assert(sizeof(struct accel_fault) == 32, "size of struct accel_fault");
_Static_assert(sizeof(struct accel_ring) == 448, "size of struct accel_ring");
_Static_assert(sizeof(struct accel_event) == 64, "size of struct accel_event");
_Static_assert(sizeof(struct accel_device_info) == 272,
	       "size of struct accel_device_info");
_Static_assert(sizeof(struct accel_buffer_alloc) == 24,
	       "size of struct accel_buffer_alloc");
_Static_assert(sizeof(struct accel_object) == 16, "size of struct accel_object");
_Static_assert(sizeof(struct accel_buffer_info) == 24,
	       "size of struct accel_buffer_info");
_Static_assert(sizeof(struct accel_asid_create) == 16,
	       "size of struct accel_asid_create");
_Static_assert(sizeof(struct accel_asid_info) == 40, "size of struct accel_asid_info");
_Static_assert(sizeof(struct accel_asid_map) == 40, "size of struct accel_asid_map");
_Static_assert(sizeof(struct accel_asid_unmap) == 32, "size of struct accel_asid_unmap");
_Static_assert(sizeof(struct accel_asid_copy) == 40, "size of struct accel_asid_copy");
_Static_assert(sizeof(struct accel_set_create) == 16, "size of struct accel_set_create");
_Static_assert(sizeof(struct accel_set_info) == 24, "size of struct accel_set_info");
_Static_assert(sizeof(struct accel_set_entry) == 24, "size of struct accel_set_entry");
_Static_assert(sizeof(struct accel_queue_create) == 24,
	       "size of struct accel_queue_create");
_Static_assert(sizeof(struct accel_queue_attach) == 16,
	       "size of struct accel_queue_attach");
_Static_assert(sizeof(struct accel_queue_submit) == 8216,
	       "size of struct accel_queue_submit");
_Static_assert(sizeof(struct accel_queue_info) == 72, "size of struct accel_queue_info");
_Static_assert(sizeof(struct accel_fence) == 24, "size of struct accel_fence");
#endif

#ifdef __cplusplus
}
#endif

#endif
