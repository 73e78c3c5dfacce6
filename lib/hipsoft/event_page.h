/* SPDX-License-Identifier: MIT */
/*
 * event_page.h - an interprocess event: a page that several processes map
 *
 * A record takes the next number in @recorded and writes its owner to the slot of that
 * number. When the stream reaches the record, the result is written to the same slot. A
 * waiter reads @recorded and waits for that number, so any number of processes can
 * record.
 *
 * A slot holds the last of its records only. A process that waits for another process's
 * record after EVENT_PAGE_SLOTS or more newer ones were made gets the result of the
 * newer record in that slot: reached when the newer record is reached, even if its own
 * stream has not come that far, and failed if the newer one failed or its recorder died.
 * A process tracks its own outstanding records, so this does not affect them.
 *
 * Making record n takes two steps: the slot's @claim changes from an older record to n
 * and its recorder, then @recorded from n - 1 to n. A process that finds the first step
 * done completes the second. So no process waits for a recorder that died in between, and
 * each visible number has its recorder in the slot.
 *
 * The kernel reports whether a recorder is alive: each one holds a lock (F_OFD_SETLK,
 * F_WRLCK) on the byte of the memfd whose offset is its number, for as long as the
 * process has the event open or has an outstanding record. The lock belongs to the open
 * file description, because a process lock is dropped when any descriptor of the file is
 * closed. A child of fork(2) would keep the lock alive, so its copy of the descriptor is
 * closed and the page is not mapped there. The lock is dropped when the process exits, in
 * any PID namespace. A process has one description and one number per page, shared by all
 * of its events on that page.
 *
 * A process that maps the page can write anything to it. The effect is limited to an
 * event that is reached too early or too late, or an error, which that process could
 * also cause by recording the event. A delay lasts until that process exits. Waits for
 * this process's own records depend on its own data only, and it knows which records in
 * its name are genuine. The memfd is sealed against shrinking and growing; an importer
 * checks the seals before it maps the page.
 */
#ifndef HIPSOFT_EVENT_PAGE_H
#define HIPSOFT_EVENT_PAGE_H

#include <list.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_PAGE_BYTES   4096
#define EVENT_PAGE_MAGIC   0x65706968U /* "hipe" */
#define EVENT_PAGE_VERSION 1
#define EVENT_PAGE_SLOTS   128

/* Slot n % EVENT_PAGE_SLOTS belongs to record n. */
struct event_slot {
	uint64_t claim;   /* upper half: n; lower half: the recorder; 0: unused */
	uint64_t reached; /* highest number that was reached */
	uint64_t failed;  /* highest number whose stream had failed */
};

struct event_page {
	uint32_t magic;
	uint32_t version;
	uint64_t recorded; /* number of the last record; 0: none */
	uint32_t changes;  /* futex word, incremented after each change of a slot */
	uint32_t waiters;  /* number of futex waiters; no wake-up is sent while it is 0 */
	uint8_t reserved[40];
	struct event_slot slots[EVENT_PAGE_SLOTS];
};
_Static_assert(offsetof(struct event_page, slots) == 64, "version 1");
_Static_assert(sizeof(struct event_slot) == 24, "version 1");
_Static_assert(sizeof(struct event_page) <= EVENT_PAGE_BYTES, "fits in a page");

struct shared_event; /* a page and its description in this process; reference counted */

/* A record of this process, from event_page_record() until it is reached or fails. */
struct event_record {
	struct list link;
	uint64_t number;
};

/* Create a page, or open the page behind @fd, which stays the caller's. -EBADMSG: @fd
 * is not an event page. */
int event_page_create(struct shared_event **ret_event);
int event_page_open(int fd, struct shared_event **ret_event);
struct shared_event *event_page_ref(struct shared_event *event);
void event_page_unref(struct shared_event *event); /* NULL is allowed */

/* A descriptor of the memfd with its own open file description, for export. */
int event_page_export(struct shared_event *event, int *ret_fd);

/*
 * Begins a record: @record, whose memory is the caller's, gets a number other than 0.
 * -EIO: the page's content is invalid. Complete it with reach, or with fail if its stream
 * failed before.
 */
int event_page_record(struct shared_event *event, struct event_record *record);
void event_page_reach(struct shared_event *event, struct event_record *record);
void event_page_fail(struct shared_event *event, struct event_record *record);

/* The number of the last record; 0: never recorded. */
uint64_t event_page_last(struct shared_event *event);

/*
 * 0: the record was reached; -EAGAIN: not yet; -EOWNERDEAD: its stream failed or its
 * recorder died. Wait does not return -EAGAIN; it notices a dead recorder within 20 ms.
 */
int event_page_query(struct shared_event *event, uint64_t number);
int event_page_wait(struct shared_event *event, uint64_t number);

#endif
