/* SPDX-License-Identifier: MIT */
/*
 * event_page.h - an interprocess event: a page that several processes have mapped
 *
 * A record takes the next number of @recorded, and its slot says whose it is; when the
 * stream has reached it, it says so there. A waiter takes @recorded, and waits for that
 * number alone, so that any number of processes can record.
 *
 * Of a slot's records the last one is all that is known to other processes: one of them
 * that waits for an older one, because EVENT_PAGE_SLOTS or more were made since, hears of
 * the newer one instead: it counts as reached as soon as that is, though its own stream
 * has not come so far, and as failed if that has, or if its recorder has died. A process
 * knows all its own records that are outstanding, and for these none of this holds.
 *
 * A record n is made in two steps: the slot's @claim goes from an older record's to n and
 * its recorder, and then @recorded from n - 1 to n. Whoever finds the first step done
 * does the second one, so nobody waits for a recorder who died between them, and a number
 * that can be seen always has its recorder in the slot.
 *
 * That a recorder is alive, the kernel tells: he holds a lock (F_OFD_SETLK, F_WRLCK) on
 * the byte of the memfd whose offset is his number, as long as he has the event or a
 * record that is not reached. It is a lock of an open file description, since one of the
 * process would end as soon as anybody there closes some descriptor of the file. A child
 * of fork(2) would keep it: so the description is closed in the child, and not mapped
 * there. It ends with the process, also in another PID namespace. Of a page a process has
 * one description and one number, shared by all events on it there.
 *
 * Whoever has the page can write anything into it: what can come of it is an event that
 * is reached too early or too late, or an error; as if he had recorded it. For how long
 * it is too late is his own doing: when he has died, it ends. What a process itself has
 * recorded it waits for exactly as long as it takes, whatever stands in the page; and of
 * a record that stands there in its name it knows whether it has made it. The memfd is
 * sealed against shrinking and growing, which an importer checks before he maps it.
 */
#ifndef HIPSOFT_EVENT_PAGE_H
#define HIPSOFT_EVENT_PAGE_H

#include <stdint.h>

#define EVENT_PAGE_BYTES   4096
#define EVENT_PAGE_MAGIC   0x65706968U /* "hipe" */
#define EVENT_PAGE_VERSION 1
#define EVENT_PAGE_SLOTS   128

/* Slot n % EVENT_PAGE_SLOTS is that of record n. */
struct event_slot {
	uint64_t claim; /* n in the upper half, in the lower one the recorder; 0: none */
	uint64_t reached; /* the highest number that was reached */
	uint64_t failed;  /* the highest number of a stream that had failed */
};

struct event_page {
	uint32_t magic;
	uint32_t version;
	uint64_t recorded; /* the number of the last record; 0: none */
	uint32_t changes;  /* a futex word: one more after each change of a slot */
	uint32_t waiters;  /* how many wait there; who changes wakes if there are any */
	uint8_t reserved[40];
	struct event_slot slots[EVENT_PAGE_SLOTS];
};
_Static_assert(sizeof(struct event_page) <= EVENT_PAGE_BYTES, "it is a page");

struct shared_event; /* a page and its description in this process; counted */

/* A record of this process, from event_page_record() until it is reached or fails. */
struct event_record {
	struct event_record *older, *newer;
	uint64_t number;
};

/* A new page, or the one behind @fd, which stays the caller's. -EBADMSG: it is none. */
int event_page_create(struct shared_event **ret_event);
int event_page_open(int fd, struct shared_event **ret_event);
struct shared_event *event_page_ref(struct shared_event *event);
void event_page_unref(struct shared_event *event); /* NULL is allowed */

/* A descriptor of its memfd with a description of its own, for export. */
int event_page_export(struct shared_event *event, int *ret_fd);

/*
 * A record begins: @record, whose memory is the caller's, gets its number, not 0. -EIO:
 * the page makes no sense. Then it was reached, or never will be because its stream has
 * failed.
 */
int event_page_record(struct shared_event *event, struct event_record *record);
void event_page_reach(struct shared_event *event, struct event_record *record);
void event_page_fail(struct shared_event *event, struct event_record *record);

/* The number of the last record so far, 0: none. */
uint64_t event_page_last(struct shared_event *event);

/*
 * Whether a record was reached: 0; -EAGAIN: not yet; -EOWNERDEAD: nor will it be. Wait is
 * the same without -EAGAIN; it hears of a recorder's death within 20 ms.
 */
int event_page_query(struct shared_event *event, uint64_t number);
int event_page_wait(struct shared_event *event, uint64_t number);

#endif
