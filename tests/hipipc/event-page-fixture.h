/* SPDX-License-Identifier: MIT */
/* event-page-fixture.h - pages of events, and records on them */
#ifndef HIPSOFT_EVENT_PAGE_FIXTURE_H
#define HIPSOFT_EVENT_PAGE_FIXTURE_H

#include <fcntl.h>
#include <sys/types.h>

#include "event_page.h"
#include "hipsoft-fixture.h"

#define PAGE_SEALS       (F_SEAL_SHRINK | F_SEAL_GROW)
#define PAGE_MAX_RECORDS 1024

/* A page of another process, unknown in this one; and one that is valid. */
int page_make(uint64_t bytes, int seals, uint32_t magic, uint32_t version);
int page_make_good(void);

struct shared_event *page_open(int fd);

extern struct event_record page_records[PAGE_MAX_RECORDS];

/* Records an event and returns its number, by which it is found again and reached. */
uint64_t page_record(struct shared_event *event);
struct event_record *page_record_of(uint64_t number);
void page_reach(struct shared_event *event, uint64_t number);

/* A child that records, reports that, and hangs; a pipe is closed when it exits. */
pid_t page_start_recorder(int fd, bool forks, int *ret_told);

#endif
