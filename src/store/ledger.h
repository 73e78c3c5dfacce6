/* SPDX-License-Identifier: MIT */
/*
 * ledger.h - what outlives the process, in records
 *
 * A memfd of a fixed, sparse size that the service maps shared and that its holder keeps.
 * A service that is killed leaves it as it is; the next one opens it, checks it, and
 * takes it over. Pages are allocated when they are first used, so the size costs nothing,
 * and nothing is ever mapped again. The mapping must not be locked (mlockall(2)) but with
 * MCL_ONFAULT. The format is in ledger_format.h, with the rule by which records change.
 *
 * Records are found by slot, a number below the capacity of their kind. Buffers are not
 * here: see bank.h.
 *
 * The order in which things are stored, so that a kill at any place loses nothing and a
 * request that comes again is recognised:
 *
 *   export    ledger_alloc(EXPORT), its fields and blobs, bank_put(), LIVE, reply
 *   open      the backing id in the export, ledger_alloc(OPEN), its fields, LIVE, reply,
 *             ledger_replied()
 *   release   ledger_free(OPEN), reply; the last one of an UNNAMED export: its end
 *   unlink    end_unique, end_cause, notified, UNNAMED, reply; if it is not open: its end
 *   its end   the backing id is closed, backing_id is 0, bank_drop(), ledger_free()
 *   close     CLOSING, each of its names UNNAMED without end_unique, ledger_free()
 *   takeover  ledger_open(), bank_open(), the predecessor is dead, ledger_take_over(),
 *             bank_want() of each export that is LIVE or has open files, bank_rebuild(),
 *             the end of each export that misses a buffer and of each other UNNAMED one,
 *             a reply for each open file that may have got none, FUSE_NOTIFY_RESEND
 *             or pending_collect()
 *
 * Code that took a service over can have written anything into the records, and can go on
 * to do so: others may have the memfd. So what a successor checks is a copy, and it uses
 * that copy; and whatever is in a record, no access leaves the mapping or the process's
 * own arrays.
 *
 * Thread safe between takeover and close: leaf locks protect which slots are in use. A
 * record that was allocated belongs to the caller until it is committed; from then on the
 * owner's lock (the table's) protects its content. Functions about one record may be
 * called with that lock held.
 */
#ifndef DMABUFFS_LEDGER_H
#define DMABUFFS_LEDGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "store/ledger_format.h"
#include "store/slots.h"
#include "store/uniques.h"

#define LEDGER_NONE       SLOTS_NONE
#define LEDGER_WHY_SIZE   160
#define LEDGER_TRIM_BYTES (1U << 20)

struct ledger_config {
	uint32_t capacity[LEDGER_KINDS]; /* records; 1 or more of each */
	uint32_t n_queues;               /* of the bank */
};

/* What a takeover frees, counted per kind. */
struct ledger_losses {
	uint32_t lost[LEDGER_KINDS];       /* bad records: each was logged */
	uint32_t unfinished[LEDGER_KINDS]; /* not committed: no reply was sent */
};

/* The records of one kind. Place, size and capacity are fixed. */
struct ledger_places {
	uint8_t *records; /* in the mapping */
	uint32_t record_size, capacity;
	pthread_mutex_t lock;
	struct slots slots; /* protected by lock */
	uint32_t touched;   /* records that may take memory; protected by lock */
};

struct ledger {
	int fd;                       /* owned */
	uint64_t size;                /* bytes of the mapping */
	struct ledger_header *header; /* the mapping */
	uint32_t n_queues;            /* of the bank */
	struct ledger_past *past;     /* LEDGER_PAST entries in it */
	uint8_t *received;            /* see ledger_receiver() */
	struct ledger_kept *kept;     /* LEDGER_KEPT entries in it */
	struct ledger_places places[LEDGER_KINDS];
	_Atomic uint64_t freed;       /* bytes of records since the last ledger_trim() */
	pthread_mutex_t uniques_lock; /* a leaf */
	struct uniques uniques; /* of the records found by a takeover; protected by it */
	/* For poison.h: a leaf for header->poison and what follows. */
	pthread_mutex_t poison_lock;
	pthread_cond_t poison_ended;
	uint64_t poison_unique;   /* of the request that is counted; 0: none */
	uint64_t poison_until_ms; /* that others wait for it */
};

/* What a mount with at most @n_exports names needs. */
void ledger_config_for(uint32_t n_exports, struct ledger_config *ret_config);

/*
 * Makes an empty ledger. header->options, nodes and keys are the caller's to fill. 0;
 * -EFBIG: above RLIMIT_FSIZE; -ENOMEM, -errno.
 */
int ledger_create(const struct ledger_config *config, struct ledger **ret_ledger);

/*
 * Maps what a predecessor left and checks its header, and changes nothing: the
 * predecessor can still run. @fd is taken over on success. On failure @ret_why says what
 * is wrong. -EBADFD: not a memfd, not writable or not sealed; -EPROTO: of another version
 * or with other sizes; -EBADMSG: damaged; -ENOMEM, -errno.
 */
int ledger_open(int fd, char ret_why[LEDGER_WHY_SIZE], struct ledger **ret_ledger);

/*
 * Makes an opened ledger this process's, once its predecessor cannot store any more.
 * Uncommitted records become free; a record that is damaged, or refers to one that is,
 * becomes free and is logged with what is lost. 0 or -ENOMEM; whatever interrupts it, it
 * can be repeated.
 */
int ledger_take_over(struct ledger *ledger, struct ledger_losses *ret_losses);

/* Unmaps and closes it; the content lives on with its holder. NULL is allowed. */
void ledger_close(struct ledger *ledger);

/*
 * Saves the kernel's FUSE_INIT request, and our reply to it, for a successor to compare.
 * It finds the size 0 if there is none. 0; -EMSGSIZE: too long.
 */
int ledger_save_init(struct ledger *ledger, const void *request, size_t size);
int ledger_save_reply(struct ledger *ledger, const void *reply, size_t size);

/* ---- what a predecessor wrote ------------------------------------------------------ */

/* Was this number given by ledger_next_id()? */
static inline bool ledger_is_id(const struct ledger *ledger, uint64_t id)
{
	return id >= LEDGER_FIRST_ID && id < atomic_load(&ledger->header->next_id);
}

/* Can both be those of a file's owner? */
bool ledger_is_owner(uint32_t uid, uint32_t gid);

/* Has it an owner, a mode of this type of file, and times? */
bool ledger_node_is_sound(const struct ledger_node *node, uint32_t type);

/* ---- records ----------------------------------------------------------------------- */

/* The record of any slot below the capacity. */
static inline void *ledger_at(const struct ledger *ledger, enum ledger_kind kind,
			      uint32_t slot)
{
	const struct ledger_places *places = &ledger->places[kind];

	return places->records + (size_t)slot * places->record_size;
}

#define LEDGER_ACCESSOR(name, type, kind)                                                \
	static inline struct ledger_##type *ledger_##name(const struct ledger *ledger,   \
							  uint32_t slot)                 \
	{                                                                                \
		return ledger_at(ledger, kind, slot);                                    \
	}
LEDGER_ACCESSOR(user, user, LEDGER_USER)
LEDGER_ACCESSOR(caller, caller, LEDGER_CALLER)
LEDGER_ACCESSOR(description, description, LEDGER_DESCRIPTION)
LEDGER_ACCESSOR(export, export, LEDGER_EXPORT)
LEDGER_ACCESSOR(opened, open, LEDGER_OPEN)
LEDGER_ACCESSOR(accel, accel, LEDGER_ACCEL)
#undef LEDGER_ACCESSOR

/* Reads a word once, of which others may make another at any time. */
#define LEDGER_LOAD(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)

/* For pending.h. */
static inline void *ledger_receiver(const struct ledger *ledger, uint32_t nth)
{
	return ledger->received + (size_t)nth * LEDGER_RECEIVE_SIZE;
}

static inline struct ledger_kept *ledger_kept(const struct ledger *ledger, uint32_t nth)
{
	return ledger->kept + nth;
}

/* A copy of a record, which nobody else can change: @ret_record is of its kind's type. */
void ledger_read(const struct ledger *ledger, enum ledger_kind kind, uint32_t slot,
		 void *ret_record);

/* No record from here on is in use, as this process knows. */
static inline uint32_t ledger_high(const struct ledger *ledger, enum ledger_kind kind)
{
	return ledger->places[kind].slots.high;
}

/* The name of an open file; NULL: it ended, or there is none of that slot. */
const struct ledger_export *ledger_export_of(const struct ledger *ledger,
					     const struct ledger_open *open,
					     uint32_t *ret_slot);

static inline uint32_t ledger_state(const void *record)
{
	const struct ledger_record *head = record;

	return atomic_load_explicit(&head->state, memory_order_acquire);
}

/* Commits all that was stored before. */
static inline void ledger_set_state(void *record, enum ledger_state state)
{
	struct ledger_record *head = record;

	atomic_store_explicit(&head->state, (uint32_t)state, memory_order_release);
}

/*
 * A record of this kind, all zero but for BUILDING, a new generation and @unique. Its
 * slot; LEDGER_NONE: all are in use.
 */
uint32_t ledger_alloc(struct ledger *ledger, enum ledger_kind kind, uint64_t unique);

/*
 * Frees a record with its blobs. One that was never committed is not found by its unique
 * any more. Free an export after the reply to the request that removed its name: the
 * record is how that request is recognised if it comes again.
 */
void ledger_free(struct ledger *ledger, enum ledger_kind kind, uint32_t slot);

/*
 * The request that made this open file was replied to: it does not come again. The record
 * may be another's by now.
 */
void ledger_replied(struct ledger *ledger, enum ledger_kind kind, uint32_t slot,
		    uint64_t unique);

/* The next committed record from @slot on; LEDGER_NONE: there is none. */
uint32_t ledger_next(struct ledger *ledger, enum ledger_kind kind, uint32_t slot);

/* Loops over the committed records of a kind; @slot is a uint32_t. */
#define ledger_for_each(ledger, kind, slot)                                              \
	for ((slot) = ledger_next(ledger, kind, 0); (slot) != LEDGER_NONE;               \
	     (slot) = ledger_next(ledger, kind, (slot) + 1))

/* Generation and slot in one number that no other use of the slot has; never 0. */
uint64_t ledger_handle(const struct ledger *ledger, enum ledger_kind kind, uint32_t slot);

/* Its slot; LEDGER_NONE: no committed record has this handle, as of a stale one. */
uint32_t ledger_find(const struct ledger *ledger, enum ledger_kind kind, uint64_t handle);

/* Gives a number that no inode or description of this mount had before. */
uint64_t ledger_next_id(struct ledger *ledger);

/*
 * Gives back the memory of free records. Can take milliseconds after a mass end: not in a
 * thread that serves requests. Due when there may be as much as it is worth.
 */
void ledger_trim(struct ledger *ledger);

static inline bool ledger_trim_is_due(const struct ledger *ledger)
{
	return atomic_load_explicit(&ledger->freed, memory_order_relaxed) >=
	       LEDGER_TRIM_BYTES;
}

/*
 * ---- requests that come again ----
 *
 * By the unique of a request that the kernel sent again, without FUSE_UNIQUE_RESEND:
 * which record did it make, or which name did it remove, before the takeover? The slot;
 * LEDGER_NONE: it was not executed. The record may be free by now.
 */
uint32_t ledger_find_made(struct ledger *ledger, enum ledger_kind kind, uint64_t unique);
uint32_t ledger_find_ended(struct ledger *ledger, uint64_t unique);

/* Frees the index behind these two, when no request can come again any more. */
void ledger_forget_requests(struct ledger *ledger);

/*
 * ---- blobs: ledger_blob.c ----
 *
 * Store a blob before the record that refers to it is committed. To replace one, store
 * the new one, then its number with one store, and free the old one.
 */

/* Stores @size bytes, 1 to LEDGER_BLOB_MAX. 0 and a number that is never 0; -EINVAL,
 * -ENOSPC. */
int ledger_put_blob(struct ledger *ledger, const void *data, size_t size,
		    uint32_t *ret_blob);

/* Its size, 0 for number 0; -EBADMSG: it is damaged, or longer than @max. */
ssize_t ledger_read_blob(const struct ledger *ledger, uint32_t blob, void *ret_data,
			 size_t max);

void ledger_free_blob(struct ledger *ledger, uint32_t blob); /* 0 is allowed */

#endif
