/* SPDX-License-Identifier: MIT */
/*
 * ledger_format.h - the records of the ledger, as they lie in memory
 *
 * A service of another build reads them: fields keep their place, and a change of any
 * struct needs another LEDGER_VERSION. Fixed-width types, no pointers, no implicit
 * padding.
 *
 * A record is committed by its state word: everything else is stored before, the state
 * last and with release order (ledger_set_state()). A process that is killed between two
 * stores so leaves either no record or all of it. What is changed in a committed record
 * is one word at a time, or what the request that changes it writes again when the
 * kernel sends it again.
 */
#ifndef DMABUFFS_LEDGER_FORMAT_H
#define DMABUFFS_LEDGER_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#define LEDGER_MAGIC   UINT64_C(0x646d616c65646772)
#define LEDGER_VERSION 1U

#define LEDGER_INIT_MAX    512  /* bytes of a FUSE_INIT request or of its reply */
#define LEDGER_OPTIONS_MAX 2048 /* bytes */
#define LEDGER_KEY_SIZE    16   /* of SipHash */
#define LEDGER_FIRST_ID    32   /* below are the file system's own inodes */
#define LEDGER_PAST        32768
#define LEDGER_BLOB_MAX    16384 /* bytes */
#define LEDGER_DEVICES_MAX 12
#define LEDGER_POISON      32
#define LEDGER_NS_MAX      999999999U
#define LEDGER_NO_ID       UINT32_MAX /* of a user or a group */
/* See pending.h: threads that read requests, room for one each, and kept requests, as
 * many as the limits of a mount permit to be under way beside those. */
#define LEDGER_RECEIVERS    64U
#define LEDGER_RECEIVE_SIZE 266240U /* bytes, whole pages */
#define LEDGER_KEPT         8448U
#define LEDGER_KEPT_SIZE    20480U /* bytes, whole pages; any ioctl fits */

enum ledger_kind {
	LEDGER_USER,
	LEDGER_CALLER,
	LEDGER_DESCRIPTION,
	LEDGER_EXPORT,
	LEDGER_OPEN,
	LEDGER_ACCEL,   /* an object of an accelerator, other than: */
	LEDGER_MAPPING, /* a mapping */
	LEDGER_CHUNK,   /* of a blob; the records above refer to blobs */
	LEDGER_KINDS
};

enum ledger_state {
	LEDGER_FREE,
	LEDGER_BUILDING, /* not committed: a successor frees it */
	LEDGER_LIVE,
	LEDGER_UNNAMED, /* an export without a name, which has open files or is still to
			   be invalidated in the kernel */
	LEDGER_CLOSING, /* a description whose names are being removed */
	LEDGER_STATES
};

/* The begin of every record but chunks. */
struct ledger_record {
	_Atomic uint32_t state; /* enum ledger_state: the commit */
	uint32_t generation;    /* of this use of the slot, not 0: see ledger_handle() */
	/* Of the request that made it, without the resend bit; 0: none, or it is an open
	 * file and the request was replied to. */
	uint64_t unique;
};

/* Owner, mode, ACL and times, as struct node. */
struct ledger_node {
	uint32_t mode; /* with the file type */
	uint32_t uid, gid;
	uint32_t acl;                /* blob: the value of the xattr */
	int64_t atime, mtime, ctime; /* seconds */
	uint32_t atime_ns, mtime_ns, ctime_ns;
	uint32_t reserved;
};

/* A uid that holds something, and the user that also pays for it: see limits.h. */
struct ledger_user {
	struct ledger_record record;
	uint32_t uid;
	uint32_t owner; /* of its user namespace; -1: none */
	uint64_t reserved;
};

/* The recorded identity of an exporter, shared by its exports: struct caller. */
struct ledger_caller {
	struct ledger_record record;
	uint64_t thread;
	uint32_t pid;
	uint32_t security; /* blob: the label of the LSM */
	uint8_t comm[DMABUFFS_COMM_SIZE];
	uint64_t ns[DMABUFFS_NS_COUNT];
};

enum ledger_description_kind {
	LEDGER_ROOT = 1, /* of the root directory: names are made on it */
	LEDGER_HANDLE,   /* of an identity, opened in .idmap */
	LEDGER_CONTEXT,  /* of an accelerator; names are made on it, too */
	LEDGER_CONTROL,  /* of .control; names are made on it, too */
	LEDGER_DESCRIPTION_KINDS
};

/* An open file that is none of a name. */
struct ledger_description {
	struct ledger_record record;
	uint64_t id;   /* its file handle; from header.next_id */
	uint32_t kind; /* enum ledger_description_kind */
	uint32_t uid;  /* charged for it */
	uint32_t pid;
	uint32_t caller; /* slot + 1 of the last exporter on it; 0: none */
	uint32_t has_identity, has_token;
	uint32_t process_uid, process_gid, owner_uid, owner_gid;
	uint8_t token[DMABUFFS_TOKEN_SIZE];
	uint64_t accel;      /* for the record of an accelerator's context */
	uint64_t identified; /* unique of the request that gave it its identity */
};

/* One descriptor of an export. */
struct ledger_part {
	uint64_t dev, ino;
	uint32_t kind;   /* enum dmabuffs_kind */
	uint32_t access; /* O_ACCMODE of the descriptor */
	uint32_t seals;
	uint32_t reserved;
};

struct ledger_export {
	struct ledger_record record;
	uint64_t end_unique; /* of the request that removed this name alone; stays when
				free */
	uint64_t id;         /* inode number; from header.next_id */
	uint64_t root;       /* handle of its description; of no use when PERSIST */
	uint8_t uuid[DMABUFFS_UUID_SIZE]; /* stays when free */
	uint32_t flags;                   /* DMABUFFS_EXPORT_* */
	uint32_t mode;                    /* as requested */
	struct ledger_node node;
	uint32_t exporter; /* uid */
	uint32_t unused;
	uint64_t charged_bytes;     /* to node.uid */
	_Atomic int32_t backing_id; /* for passthrough; 0: none */
	_Atomic uint32_t notified;  /* the kernel was notified of the end of the name */
	uint32_t end_cause;         /* enum dmabuffs_ended_cause; 0: has its name */
	uint32_t caller;            /* slot + 1 */
	uint32_t label;             /* blob, without the NUL; 0: "" */
	uint32_t note;              /* blob; 0: none */
	uint32_t parts;          /* blob: struct ledger_part of the second one and on */
	uint32_t n_parts;        /* 1 or more; an ASID has one without a descriptor */
	struct ledger_part part; /* the first one */
	int64_t atime_then, mtime_then; /* see struct export; seconds */
	uint32_t atime_then_ns, mtime_then_ns;
	uint64_t accel; /* for the record of an accelerator's ASID */
	uint64_t reserved[3];
};

/* An open file of a name. */
struct ledger_open {
	struct ledger_record record;
	uint32_t export;
	uint32_t export_generation;
	uint32_t flags; /* of open(2) */
	uint32_t payer; /* uid + 1 that is charged RES_OPENS; 0: none */
};

/*
 * An object of an accelerator: struct accel_record of libaccel, or struct device_record,
 * which is checked where it is made again.
 */
struct ledger_accel {
	struct ledger_record record;
	uint64_t object[6];
};

/*
 * A piece of a blob: up to LEDGER_BLOB_MAX bytes that a record refers to by the number of
 * the first chunk, plus 1. It is in use if it can be reached from a committed record.
 */
#define LEDGER_CHUNK_DATA 56
struct ledger_chunk {
	uint32_t next; /* number of the next one, plus 1; 0: this is the last */
	uint32_t size; /* of the blob from here on, so that a chain has an end */
	uint8_t data[LEDGER_CHUNK_DATA];
};

/* Why a name ended: struct past_entry. */
struct ledger_past {
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	uint32_t cause; /* enum dmabuffs_ended_cause; 0: unused */
};

struct ledger_section {
	uint64_t offset; /* of the first record */
	uint32_t record_size;
	uint32_t capacity;   /* records */
	uint32_t high;       /* no record from here on is in use */
	uint32_t generation; /* the last one that was given */
};

/* The files of the file system's own whose attributes can be changed. */
enum ledger_own_node {
	LEDGER_NODE_ROOT,
	LEDGER_NODE_CONTROL,
	LEDGER_NODE_IDMAP,
	LEDGER_NODE_ACCEL, /* the directory .accel, and then its devices */
	LEDGER_NODES = LEDGER_NODE_ACCEL + 1 + LEDGER_DEVICES_MAX
};

/* A request that came again and is executed: see poison.h. */
struct ledger_poison {
	_Atomic uint64_t unique; /* without the resend bit; 0: unused */
	_Atomic uint32_t starts; /* how often it was begun after it came again */
	uint32_t reserved;
};

/* A request that was read, without a reply: see pending.h. */
struct ledger_kept {
	_Atomic uint64_t unique; /* 0: unused */
	uint64_t reserved;
	uint8_t request[LEDGER_KEPT_SIZE - 16]; /* its header alone, if it is larger */
};

struct ledger_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t size;            /* of the whole ledger, bytes */
	uint64_t past;            /* offset of LEDGER_PAST entries */
	_Atomic uint64_t epoch;   /* takeovers */
	_Atomic uint64_t next_id; /* of inodes and descriptions */
	uint64_t sweep;           /* backing ids below are in the records, or closed */
	uint32_t n_queues;        /* of the bank */
	uint32_t n_devices;
	struct ledger_section sections[LEDGER_KINDS];
	struct ledger_node nodes[LEDGER_NODES];
	uint8_t table_key[LEDGER_KEY_SIZE];
	uint8_t past_key[LEDGER_KEY_SIZE];
	/* FUSE_INIT as the kernel asked, and our reply; the size is stored last. */
	_Atomic uint32_t init_size, reply_size;
	uint8_t init[LEDGER_INIT_MAX], reply[LEDGER_INIT_MAX];
	/* What the instance was started with, NUL terminated: a successor compares it. */
	uint8_t options[LEDGER_OPTIONS_MAX];
	struct ledger_poison poison[LEDGER_POISON];
	uint64_t mount_dev; /* device number of the mount */
	/*
	 * The process that serves: its start time in clock ticks << 32 | its id; 0: none.
	 * One word, so that nobody sees the id of one with the time of another.
	 */
	_Atomic uint64_t owner;
	uint64_t received;  /* offset of LEDGER_RECEIVERS * LEDGER_RECEIVE_SIZE bytes */
	uint64_t kept;      /* offset of LEDGER_KEPT kept requests */
	uint32_t kept_high; /* no kept request from here on is in use */
	uint32_t spare;
	uint64_t reserved[3];
};

#define LEDGER_HEADER_ROOM 8192

static_assert(sizeof(struct ledger_record) == 16, "");
static_assert(sizeof(struct ledger_node) == 56, "");
static_assert(sizeof(struct ledger_user) == 32, "");
static_assert(sizeof(struct ledger_caller) == 96, "");
static_assert(offsetof(struct ledger_caller, comm) == 32, "");
static_assert(sizeof(struct ledger_description) == 96, "");
static_assert(offsetof(struct ledger_description, token) == 64, "");
static_assert(sizeof(struct ledger_part) == 32, "");
static_assert(sizeof(struct ledger_export) == 256, "");
static_assert(offsetof(struct ledger_export, node) == 64, "");
static_assert(offsetof(struct ledger_export, backing_id) == 136, "");
static_assert(offsetof(struct ledger_export, part) == 168, "");
static_assert(sizeof(struct ledger_open) == 32, "");
static_assert(sizeof(struct ledger_accel) == 64, "");
static_assert(sizeof(struct ledger_chunk) == 64, "");
static_assert(sizeof(struct ledger_past) == 20, "");
static_assert(sizeof(struct ledger_poison) == 16, "");
static_assert(sizeof(struct ledger_kept) == LEDGER_KEPT_SIZE, "");
static_assert(offsetof(struct ledger_kept, request) == 16, "");
static_assert(sizeof(struct ledger_header) <= LEDGER_HEADER_ROOM, "");

#endif
