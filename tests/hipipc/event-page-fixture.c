/* SPDX-License-Identifier: MIT */
#include "event-page-fixture.h"

#include <memfd.h>
#include <unistd.h>

TestSuite(event_page, .timeout = 300);

/* A page of another process, unknown in this one. */
int page_make(uint64_t bytes, int seals, uint32_t magic, uint32_t version)
{
	const struct event_page page = {.magic = magic, .version = version};
	int fd = memfd_new("event", bytes, seals);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(sz, (size_t)pwrite(fd, &page, 8, 0), 8));
	return fd;
}

int page_make_good(void)
{
	return page_make(EVENT_PAGE_BYTES, PAGE_SEALS, EVENT_PAGE_MAGIC,
			 EVENT_PAGE_VERSION);
}

struct shared_event *page_open(int fd)
{
	struct shared_event *event = NULL;

	cr_assert(zero(int, event_page_open(fd, &event)));
	return event;
}

struct event_record page_records[PAGE_MAX_RECORDS];
static size_t page_n_records;

uint64_t page_record(struct shared_event *event)
{
	struct event_record *one = &page_records[page_n_records++];

	cr_assert(page_n_records <= PAGE_MAX_RECORDS);
	cr_assert(zero(int, event_page_record(event, one)));
	return one->number;
}

struct event_record *page_record_of(uint64_t number)
{
	size_t i = 0;

	while (i < page_n_records && page_records[i].number != number)
		i++;
	cr_assert(i < page_n_records);
	return &page_records[i];
}

void page_reach(struct shared_event *event, uint64_t number)
{
	event_page_reach(event, page_record_of(number));
}

pid_t page_start_recorder(int fd, bool forks, int *ret_told)
{
	int told[2];
	pid_t pid;

	cr_assert(zero(int, pipe(told)));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		struct shared_event *event;
		pid_t child;

		if (event_page_open(fd, &event) < 0 ||
		    event_page_record(event, &page_records[0]) < 0)
			_exit(1);
		/* Leaves only the library's resources open. */
		close(fd);
		child = forks ? fork() : 1;
		if (child == 0)
			alarm(30);
		else if (write(told[1], &child, sizeof(child)) != sizeof(child))
			_exit(2);
		for (;;)
			pause();
	}
	close(told[1]);
	*ret_told = told[0];
	return pid;
}
